//! Files as sources, and what is saved as text.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tidemill_core::files::compression::Compression;
use tidemill_core::{Context, Error, Settings, TextBlock};

fn context() -> Context {
    Context::local(2).unwrap()
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The names and contents of the files of a folder, and of nothing below it.
fn files_of(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|e| (e.file_name().into_string().unwrap(), fs::read_to_string(e.path()).unwrap_or("a folder".into())))
        .collect()
}

/// behaviour 1.12
#[test]
fn lines_come_in_order_whatever_the_partitions() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("b"), "three\rfour").unwrap();
    fs::write(folder.path().join("a"), "\u{feff}one\r\n\ntwo\n").unwrap();
    fs::write(folder.path().join("empty"), "").unwrap();
    fs::write(folder.path().join("_hidden"), "no\n").unwrap();
    let context = context();
    for partitions in [None, Some(0), Some(1), Some(2), Some(7), Some(100)] {
        let lines = context.text_file(&shown(folder.path()), partitions).unwrap();
        assert_eq!(lines.collect().unwrap(), ["one", "", "two", "three", "four"], "{partitions:?}");
    }
    let both = format!("{0}/b,{0}/[ax]", shown(folder.path()));
    assert_eq!(context.text_file(&both, 1).unwrap().collect().unwrap(), ["three", "four", "one", "", "two"]);
    let blocks = context.text_blocks(&both, 1).unwrap();
    assert_eq!(blocks.flat_map(|block: TextBlock| block.lines()).count().unwrap(), 5);
    assert_eq!(context.text_file(&shown(&folder.path().join("empty")), None).unwrap().num_partitions(), 0);
}

/// behaviour 3.10
#[test]
fn partitions_default_to_two_or_the_parallelism() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    fs::write(&path, "0123456\n".repeat(1_000)).unwrap();
    for (threads, want) in [(1, 1), (2, 2), (4, 2)] {
        let context = Context::local(threads).unwrap();
        assert_eq!(
            (context.default_min_partitions(), context.text_file(&shown(&path), None).unwrap().num_partitions()),
            (want, want)
        );
    }
    assert_eq!(context().text_file(&shown(&path), 5).unwrap().num_partitions(), 5);
}

#[test]
fn what_is_missing_fails_where_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let context = context();
    let missing = shown(&folder.path().join("none"));
    let errors = [
        context.text_file(&missing, None).err().unwrap(),
        context.text_blocks(&missing, None).err().unwrap(),
        context.whole_text_files(&missing, None).err().unwrap(),
        context.binary_files(&missing, None).err().unwrap(),
        context.binary_records(&missing, 2).err().unwrap(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Driver { .. }));
        let text = error.to_string();
        assert!(text.contains("Input path does not exist: file:") && text.contains("text_files.rs"), "{text}");
    }
    let path = folder.path().join("soon gone");
    fs::write(&path, "abcd").unwrap();
    let named = |error: Error, operator: &str| {
        let text = error.to_string();
        assert!(text.contains("soon gone") && text.contains(&format!("{operator} at")), "{text}");
    };
    let path_shown = shown(&path);
    let text = context.text_file(&path_shown, None).unwrap().map(|line| line.len());
    let whole = context.whole_text_files(&path_shown, None).unwrap();
    let records = context.binary_records(&path_shown, 2).unwrap();
    assert_eq!((text.count().unwrap(), whole.count().unwrap(), records.count().unwrap()), (1, 1, 2));
    fs::remove_file(&path).unwrap();
    named(text.count().unwrap_err(), "text_file");
    named(whole.count().unwrap_err(), "whole_text_files");
    named(records.count().unwrap_err(), "binary_records");
    fs::write(&path, "ab").unwrap();
    named(text.count().unwrap_err(), "text_file");
}

#[test]
fn whole_files_and_records_are_read_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), b"x\r\n\xffy").unwrap();
    fs::write(folder.path().join("b"), b"").unwrap();
    let context = context();
    let path = shown(folder.path());
    let key = |name: &str| format!("file:{path}/{name}");
    let mut texts = context.whole_text_files(&path, None).unwrap().collect().unwrap();
    texts.sort();
    assert_eq!(texts, [("a", "x\r\n\u{fffd}y"), ("b", "")].map(|(name, text)| (key(name).into(), text.into())));
    let mut bytes = context.binary_files(&path, None).unwrap().collect().unwrap();
    bytes.sort();
    assert_eq!(bytes, [("a", &b"x\r\n\xffy"[..]), ("b", b"")].map(|(name, bytes)| (key(name).into(), bytes.to_vec())));
    let records = |n| context.binary_records(&path, n).and_then(|records| records.collect());
    assert_eq!(records(5).unwrap(), [b"x\r\n\xffy"]);
    assert_eq!(records(1).unwrap().len(), 5);
    for wrong in [0, 2] {
        assert!(matches!(records(wrong), Err(Error::Driver { .. })));
    }
    // Malformed text is text all the same (behaviour 1.12)
    assert_eq!(context.text_file(&path, None).unwrap().collect().unwrap(), ["x", "\u{fffd}y"]);
}

/// behaviour 4.64
#[test]
fn a_folder_that_exists_is_refused_or_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("deep/out");
    let numbers = |context: &Context, n| context.range(0..n, 2);
    let context = context();
    numbers(&context, 3).save_as_text_file(&shown(&out)).unwrap();
    let saved =
        |parts: [(&str, &str); 3]| BTreeMap::from(parts.map(|(name, text)| (name.to_string(), text.to_string())));
    assert_eq!(files_of(&out), saved([("part-00000", "0\n"), ("part-00001", "1\n2\n"), ("_SUCCESS", "")]));
    let error = numbers(&context, 3).save_as_text_file(&shown(&out)).unwrap_err().to_string();
    assert!(error.contains(&format!("Output directory file:{} already exists", shown(&out))), "{error}");

    let mut settings = Settings::new();
    settings.set("spark.master", "local[2]").set("spark.hadoop.validateOutputSpecs", "false");
    let careless = Context::new(&settings).unwrap();
    numbers(&careless, 4).save_as_text_file(&shown(&out)).unwrap();
    assert_eq!(files_of(&out), saved([("part-00000", "0\n1\n"), ("part-00001", "2\n3\n"), ("_SUCCESS", "")]));
    // No partitions: a folder that says so.
    careless.empty::<i64>().save_as_text_file(&shown(&folder.path().join("none"))).unwrap();
    assert_eq!(files_of(&folder.path().join("none")).into_keys().collect::<Vec<_>>(), ["_SUCCESS"]);
}

#[test]
fn a_failed_job_leaves_nothing_and_a_retried_task_one_part() {
    let folder = tempfile::tempdir().unwrap();
    let out = shown(&folder.path().join("out"));
    let fails = |x: i64| if x == 3 { panic!("no {x}") } else { x };
    let error = context().range(0..4, 2).map(fails).save_as_text_file(&out).unwrap_err();
    assert!(error.to_string().contains("no 3"), "{error}");
    assert_eq!(files_of(folder.path()).len(), 0);

    let retrying = {
        let mut settings = Settings::new();
        settings.set("spark.master", "local[2,3]");
        Context::new(&settings).unwrap()
    };
    let fails_at_first = |x: i64| {
        let attempt = tidemill_core::TaskContext::current().unwrap().attempt();
        if x == 3 && attempt < 2 { panic!("not yet") } else { x }
    };
    retrying.range(0..4, 2).map(fails_at_first).save_as_text_file(&out).unwrap();
    let files = files_of(Path::new(&out));
    assert_eq!(files.values().collect::<Vec<_>>(), ["", "0\n1\n", "2\n3\n"]);
}

#[test]
fn compressed_text_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let context = context();
    let lines = context.range(0..10_000, 3).map(|x| format!("line {x}"));
    for compression in [Compression::Plain, Compression::Gzip, Compression::Bzip2, Compression::Zstd] {
        let out = folder.path().join(format!("{compression:?}"));
        lines.save_as_compressed_text_file(&shown(&out), compression).unwrap();
        assert!(out.join(format!("part-00002{}", compression.suffix())).exists());
        let again = context.text_file(&shown(&out), None).unwrap();
        assert_eq!(again.collect().unwrap(), lines.collect().unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn saved_lines_come_back(lines in prop::collection::vec("[a-zé ]{0,12}", 0..200), saved in 1..4usize, read in 1..6usize) {
        let folder = tempfile::tempdir().unwrap();
        let out = shown(&folder.path().join("out"));
        let context = context();
        context.parallelize(lines.clone(), saved).save_as_text_file(&out).unwrap();
        prop_assert_eq!(context.text_file(&out, read).unwrap().collect().unwrap(), lines);
    }
}

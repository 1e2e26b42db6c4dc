//! `save_as_text_files`: a folder of text files for each batch.

use std::collections::BTreeMap;
use std::path::Path;

use tidemill_core::Timestamp;
use tidemill_streaming::dstream::FolderNames;
use tidemill_streaming::testing::TestContext;

/// The files of a folder with what they hold.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), std::fs::read_to_string(entry.path()).unwrap()))
        .collect()
}

fn expected(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
}

#[test]
fn each_batch_has_its_folder_even_an_empty_one() {
    // behaviour 1.42, 2.15
    let folder = tempfile::tempdir().unwrap();
    let test = TestContext::new();
    let (feed, words) = test.input();
    words.save_as_text_files(&folder.path().join("deep/out").to_string_lossy(), "txt");
    feed.push(["to", "be", "or"].map(String::from));
    test.tick().unwrap();
    test.tick().unwrap();
    let written = |name: &str| files(&folder.path().join("deep").join(name));
    assert_eq!(
        written("out-1000.txt"),
        expected(&[("_SUCCESS", ""), ("part-00000", "to\n"), ("part-00001", "be\nor\n")])
    );
    assert_eq!(written("out-2000.txt"), expected(&[("_SUCCESS", ""), ("part-00000", ""), ("part-00001", "")]));
}

#[test]
fn names_are_scala_s_or_python_s() {
    // behaviour 1.42, 1.58, 2.15
    let time = Timestamp::from_millis(1500);
    let table = [
        (FolderNames::new("out", "txt"), "out-1500.txt"),
        (FolderNames::new("out", ""), "out-1500"),
        (FolderNames::new("", "txt"), "1500.txt"),
        (FolderNames::new("", ""), "1500"),
        (FolderNames::as_pyspark("out", Some("txt")), "out-1500.txt"),
        (FolderNames::as_pyspark("out", None), "out-1500"),
        (FolderNames::as_pyspark("out", Some("")), "out-1500."),
        (FolderNames::as_pyspark("", None), "-1500"),
    ];
    for (names, expected) in table {
        assert_eq!(names.of(time), expected);
    }
    let folder = tempfile::tempdir().unwrap();
    let test = TestContext::new();
    let (_, words) = test.input::<String>();
    let prefix = folder.path().join("out").to_string_lossy().into_owned();
    words.save_as_text_files_named(FolderNames::as_pyspark(&prefix, Some("")));
    test.tick().unwrap();
    assert!(folder.path().join("out-1000.").join("_SUCCESS").exists());
}

#[test]
fn a_batch_that_is_run_again_replaces_what_it_wrote() {
    // behaviour 1.42, 2.15
    let folder = tempfile::tempdir().unwrap();
    for (partitions, words) in [(3, vec!["old", "older", "oldest"]), (2, vec!["new", "newer"])] {
        let test = TestContext::new(); // each run begins with the same batch time
        let (feed, stream) = test.input_in(partitions);
        stream.save_as_text_files(&folder.path().join("out").to_string_lossy(), "");
        feed.push(words.into_iter().map(String::from));
        test.tick().unwrap();
    }
    let written = files(&folder.path().join("out-1000"));
    assert_eq!(written, expected(&[("_SUCCESS", ""), ("part-00000", "new\n"), ("part-00001", "newer\n")]));
}

#[test]
fn a_batch_that_cannot_be_written_fails_alone() {
    // behaviour 2.15, 2.39
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("out-2000"), "a file, no folder").unwrap();
    let test = TestContext::new();
    let (feed, words) = test.input();
    words.save_as_text_files(&folder.path().join("out").to_string_lossy(), "");
    for batch in 1..=3 {
        feed.push([batch.to_string()]);
        let ended = test.tick();
        assert_eq!(ended.is_err(), batch == 2);
        if let Err(error) = ended {
            let text = error.to_string();
            assert!(text.contains("save_as_text_files at ") && text.contains("out-2000"), "{text}");
        }
    }
    assert_eq!(files(&folder.path().join("out-3000"))["part-00001"], "3\n");
}

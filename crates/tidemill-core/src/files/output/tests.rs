//! Tests of output folders: what is there after each step, with several attempts and with failures.

use std::io::Write;
use std::sync::{Arc, Barrier, Mutex};

use super::*;
use crate::files::compression::CompressingFile;
use crate::files::paths::find;
use crate::files::records::{Content, read_whole};

/// All files below `folder`, sorted.
fn tree(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, names: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, names) } else { names.push(path) }
        }
    }
    let mut names = Vec::new();
    walk(folder, &mut names);
    names.sort();
    names.iter().map(|path| path.strip_prefix(folder).unwrap().display().to_string()).collect()
}

fn attempt(folder: &OutputFolder, partition: usize, attempt: u64, text: &str) -> AttemptFile {
    let mut file = folder.attempts().start_attempt(partition, attempt).unwrap();
    file.write(text.as_bytes()).unwrap();
    assert_eq!(file.bytes(), text.len() as u64);
    file
}

/// Where its parts go.
fn at(folder: &OutputFolder) -> PathBuf {
    folder.uri().strip_prefix("file:").unwrap().into()
}

fn new_folder(root: &tempfile::TempDir, compression: Compression) -> OutputFolder {
    OutputFolder::create(&root.path().join("above/out"), compression, Existing::Refuse).unwrap()
}

// 1.42: part-00000..., `_SUCCESS`.
#[test]
fn parts_appear_with_the_commit_of_the_job() {
    let root = tempfile::tempdir().unwrap();
    let above = root.path().join("above");
    let folder = new_folder(&root, Compression::Plain);
    let first = attempt(&folder, 0, 7, "zero\n");
    assert_eq!(tree(&above), [".out._temporary/7/part-00000"]);
    assert_eq!(first.commit().unwrap(), AttemptEnd::Committed { file_bytes: 5 });
    assert_eq!(tree(&above), [".out._temporary/committed/part-00000"]);
    assert!(find(above.to_str().unwrap()).unwrap().is_empty(), "nothing to be seen before the commit");
    attempt(&folder, 1, 7, "").commit().unwrap();
    folder.commit(2).unwrap();
    assert_eq!(tree(&above), ["out/_SUCCESS", "out/part-00000", "out/part-00001"]);
    assert_eq!(fs::read_to_string(at(&folder).join("part-00000")).unwrap(), "zero\n");
}

#[test]
fn one_of_several_attempts_commits() {
    let root = tempfile::tempdir().unwrap();
    let folder = new_folder(&root, Compression::Plain);
    let (slow, quick) = (attempt(&folder, 0, 1, "slow"), attempt(&folder, 0, 2, "quick"));
    assert!(matches!(quick.commit().unwrap(), AttemptEnd::Committed { .. }));
    assert_eq!(slow.commit().unwrap(), AttemptEnd::AnotherWasFirst);
    let given_up = attempt(&folder, 0, 3, "given up");
    assert!(folder.attempts().start_attempt(0, 3).is_err(), "no two writers of one file");
    drop(given_up);
    assert_eq!(tree(root.path()), ["above/.out._temporary/committed/part-00000"]);
    folder.commit(1).unwrap();
    assert_eq!(fs::read_to_string(at(&folder).join("part-00000")).unwrap(), "quick");
}

#[test]
fn racing_attempts_commit_once() {
    let root = tempfile::tempdir().unwrap();
    let folder = new_folder(&root, Compression::Plain);
    for partition in 0..20 {
        let barrier = Barrier::new(4);
        let ends: Vec<AttemptEnd> = std::thread::scope(|scope| {
            let run = |number: u64| {
                let file = attempt(&folder, partition, number, "same");
                barrier.wait();
                file.commit().unwrap()
            };
            let threads: Vec<_> = (0..4).map(|number| scope.spawn(move || run(number))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(ends.iter().filter(|end| **end != AttemptEnd::AnotherWasFirst).count(), 1, "{ends:?}");
    }
}

#[test]
fn an_existing_folder_is_refused_or_written_over() {
    let root = tempfile::tempdir().unwrap();
    let folder = new_folder(&root, Compression::Plain);
    attempt(&folder, 0, 0, "old").commit().unwrap();
    folder.commit(1).unwrap();
    let error = OutputFolder::create(&at(&folder), Compression::Plain, Existing::Refuse).unwrap_err();
    assert!(matches!(&error, Cause::File { source, .. } if source.kind() == io::ErrorKind::AlreadyExists));
    let words = format!("Output directory file:{} already exists", at(&folder).display());
    assert!(error.to_string().contains(&words), "{error}");

    // A run that died leaves a commit behind; the run after it must not take it for its own.
    let died = OutputFolder::create(&at(&folder), Compression::Plain, Existing::WriteOver).unwrap();
    attempt(&died, 1, 0, "died").commit().unwrap();
    drop(died);
    let again = OutputFolder::create(&at(&folder), Compression::Plain, Existing::WriteOver).unwrap();
    attempt(&again, 0, 0, "new").commit().unwrap();
    assert!(again.commit(2).unwrap_err().to_string().contains("no attempt committed part-00001"));
    assert_eq!(fs::read_to_string(at(&folder).join("part-00000")).unwrap(), "old");
    again.commit(1).unwrap();
    assert_eq!(tree(&at(&folder)), ["_SUCCESS", "part-00000"]);
    assert_eq!(fs::read_to_string(at(&folder).join("part-00000")).unwrap(), "new");
}

/// An output of three parts that say `old`.
fn old_output(root: &tempfile::TempDir) -> OutputFolder {
    let folder = new_folder(root, Compression::Gzip);
    for partition in 0..3 {
        attempt(&folder, partition, 0, "old").commit().unwrap();
    }
    folder.commit(3).unwrap();
    folder
}

#[test]
fn an_output_takes_the_place_of_another_as_a_whole() {
    // behaviour 2.15, 6.9
    let root = tempfile::tempdir().unwrap();
    let folder = old_output(&root);
    let replace = || OutputFolder::create(&at(&folder), Compression::Plain, Existing::Replace).unwrap();
    let as_it_was = ["_SUCCESS", "part-00000.gz", "part-00001.gz", "part-00002.gz"];
    attempt(&replace(), 1, 0, "died").commit().unwrap();
    let again = replace();
    attempt(&again, 0, 0, "new").commit().unwrap();
    let late = attempt(&again, 0, 1, "late");
    assert!(again.commit(2).unwrap_err().to_string().contains("no attempt committed part-00001"));
    assert_eq!(tree(&at(&folder)), as_it_was, "until the commit it is as it was");
    again.commit(1).unwrap();
    assert!(late.commit().is_err(), "the job is over");
    assert_eq!(tree(root.path()), ["above/out/_SUCCESS", "above/out/part-00000"]);
    assert_eq!(fs::read_to_string(at(&folder).join("part-00000")).unwrap(), "new");
}

#[test]
fn an_output_that_may_come_again_is_there_as_a_whole_or_not_at_all() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("out");
    let create = || OutputFolder::create(&path, Compression::Plain, Existing::Replace).unwrap();
    attempt(&create(), 0, 0, "died").commit().unwrap();
    assert!(!path.exists(), "nothing under its name before the commit");
    create().abort().unwrap();
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0, "nothing is left behind");
    let folder = create();
    attempt(&folder, 0, 0, "new").commit().unwrap();
    folder.commit(1).unwrap();
    assert_eq!(tree(root.path()), ["out/_SUCCESS", "out/part-00000"]);
    // What a release left that wrote the parts in their place.
    fs::create_dir_all(path.join("_temporary/committed")).unwrap();
    fs::remove_file(path.join("_SUCCESS")).unwrap();
    let folder = create();
    attempt(&folder, 0, 0, "again").commit().unwrap();
    folder.commit(1).unwrap();
    assert_eq!(tree(root.path()), ["out/_SUCCESS", "out/part-00000"]);
    fs::remove_dir_all(&path).unwrap();
    fs::write(&path, "a file").unwrap();
    let error = OutputFolder::create(&path, Compression::Plain, Existing::Replace).unwrap_err();
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
}

#[test]
fn what_others_put_beside_the_parts_stays() {
    let root = tempfile::tempdir().unwrap();
    let folder = old_output(&root);
    fs::write(at(&folder).join("mine"), "").unwrap();
    let again = OutputFolder::create(&at(&folder), Compression::Plain, Existing::Replace).unwrap();
    attempt(&again, 0, 0, "new").commit().unwrap();
    assert!(at(&again).join("part-00000.gz").exists(), "until the commit it is as it was");
    again.commit(1).unwrap();
    assert_eq!(tree(&at(&again)), ["_SUCCESS", "mine", "part-00000"]);
}

#[test]
fn an_aborted_job_leaves_nothing_and_can_be_run_again() {
    let root = tempfile::tempdir().unwrap();
    let folder = new_folder(&root, Compression::Plain);
    attempt(&folder, 0, 0, "x").commit().unwrap();
    let late = attempt(&folder, 1, 0, "y");
    folder.abort().unwrap();
    assert!(!at(&folder).exists());
    folder.abort().unwrap();
    // A task that did not hear of it neither commits nor brings the folder back.
    assert!(late.commit().unwrap_err().to_string().contains("the job is over"));
    assert!(folder.attempts().start_attempt(2, 0).is_err());
    assert!(!at(&folder).exists());
    let again = new_folder(&root, Compression::Plain);
    fs::create_dir(at(&again)).unwrap();
    fs::write(at(&again).join("mine"), "").unwrap();
    again.abort().unwrap();
    assert_eq!(tree(&at(&again)), ["mine"], "what others put there stays");
    let over = OutputFolder::create(&at(&again), Compression::Plain, Existing::WriteOver).unwrap();
    fs::remove_file(at(&over).join("mine")).unwrap();
    over.abort().unwrap();
    assert!(at(&over).exists(), "the folder was there before the job");
}

#[test]
fn a_folder_that_appears_meanwhile_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    for holds in [false, true] {
        let folder = new_folder(&root, Compression::Plain);
        attempt(&folder, 0, 0, "x").commit().unwrap();
        fs::create_dir_all(at(&folder).join(if holds { "mine" } else { "" })).unwrap();
        let error = folder.commit(1).unwrap_err();
        assert!(error.to_string().contains("above/out already exists"), "{error}");
        assert_eq!(fs::read_dir(at(&folder)).unwrap().count(), usize::from(holds));
        folder.abort().unwrap();
        fs::remove_dir_all(at(&folder)).unwrap();
    }
    assert!(tree(root.path()).is_empty());
}

#[test]
fn what_a_job_left_that_died_goes_and_what_another_writes_stays() {
    let root = tempfile::tempdir().unwrap();
    for existing in [Existing::Refuse, Existing::WriteOver, Existing::Replace] {
        let path = root.path().join("out");
        let create = || OutputFolder::create(&path, Compression::Plain, existing);
        let died = create().unwrap();
        attempt(&died, 7, 0, "died").commit().unwrap();
        let error = create().unwrap_err();
        assert!(matches!(&error, Cause::File { source, .. } if source.kind() == io::ErrorKind::AlreadyExists));
        assert!(error.to_string().contains("another job writes it"), "{error}");
        assert_eq!(tree(root.path()), [".out._temporary/committed/part-00007"]);
        drop(died); // as its process would
        let folder = create().unwrap();
        assert!(tree(root.path()).is_empty());
        attempt(&folder, 0, 0, "new").commit().unwrap();
        folder.commit(1).unwrap();
        assert_eq!(tree(root.path()), ["out/_SUCCESS", "out/part-00000"]);
        fs::remove_dir_all(&path).unwrap();
    }
}

/// What is told of steps, one a line.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_is_to_survive_a_power_failure_is_synced_and_nothing_else() {
    let syncs = |sync: bool, existing: Existing, root: &Path| {
        let told = Told::default();
        let writer = told.clone();
        let spans = tracing_subscriber::fmt::format::FmtSpan::NEW;
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(spans)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let path = root.join("above/out");
            let folder = OutputFolder::create(&path, Compression::Plain, existing).unwrap().synced(sync);
            attempt(&folder, 0, 0, "a").commit().unwrap();
            attempt(&folder, 1, 0, "b").commit().unwrap();
            folder.commit(2).unwrap();
        });
        let told = String::from_utf8(told.0.lock().unwrap().clone()).unwrap();
        told.matches("sync output").count()
    };
    let root = tempfile::tempdir().unwrap();
    assert_eq!(syncs(true, Existing::Replace, root.path()), 2 + 1 + 2, "parts, names of parts, names of folders");
    assert_eq!(syncs(true, Existing::Replace, root.path()), 2 + 1 + 1, "the folder above was there");
    fs::write(root.path().join("above/out/mine"), "").unwrap();
    assert_eq!(syncs(true, Existing::WriteOver, root.path()), 2 + 3, "parts, and what they take the place of before");
    assert_eq!(syncs(false, Existing::WriteOver, root.path()), 0);
}

#[test]
fn parts_are_compressed_on_demand() {
    for compression in [Compression::Gzip, Compression::Bzip2, Compression::Zstd] {
        let root = tempfile::tempdir().unwrap();
        let folder = new_folder(&root, compression);
        let text = "the same line\n".repeat(1000);
        let end = attempt(&folder, 12, 0, &text).commit().unwrap();
        assert!(matches!(end, AttemptEnd::Committed { file_bytes } if file_bytes < 1000), "{end:?}");
        for partition in 0..12 {
            attempt(&folder, partition, 0, "").commit().unwrap();
        }
        folder.commit(13).unwrap();
        let files = find(at(&folder).to_str().unwrap()).unwrap();
        assert!(files[12].path.ends_with(format!("part-00012{}", compression.suffix())));
        assert_eq!(read_whole(&files[12], Content::Text, 1 << 20).unwrap(), text.as_bytes());
        assert_eq!(read_whole(&files[0], Content::Text, 1 << 20).unwrap(), b"");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_says_what_to_do() {
    let device = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let file = CompressingFile::new(device, Compression::Plain).unwrap();
    let nowhere = PathBuf::from("/nowhere/part-00000");
    let mut file = AttemptFile { path: nowhere.clone(), committed: nowhere, file: Some(file), bytes: 0, sync: false };
    file.write(b"small pieces wait in the buffer").unwrap();
    let error = file.commit().unwrap_err();
    assert!(matches!(&error, Cause::File { source, .. } if source.kind() == io::ErrorKind::StorageFull), "{error}");
    assert!(error.to_string().contains("/nowhere/part-00000: the disk is full; free some space"), "{error}");
}

#[test]
fn a_file_in_the_place_of_the_folder_is_told() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    fs::write(&path, "").unwrap();
    for existing in [Existing::Refuse, Existing::WriteOver] {
        let error = OutputFolder::create(&path, Compression::Plain, existing).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }
}

//! Tests of outputs on other machines: what is there after each step, wherever the program dies.

use super::*;
use crate::files::compression::Compression;
use crate::files::output::OutputFolder;
use crate::files::remote::memory::MemoryFiles;

const PLACE: &str = "above/out";
const NEW: [&str; 3] = ["_SUCCESS=", "part-00000=new 0", "part-00001=new 1"];

fn begin(files: &Arc<MemoryFiles>, existing: Existing) -> Result<OutputFolder, Cause> {
    let path = RemotePath { root: "s3://bucket".into(), path: PLACE.into() };
    let files = Arc::clone(files) as Arc<dyn RemoteFiles>;
    OutputFolder::create_remote(files, &path, tempfile::tempdir().unwrap(), Compression::Plain, existing)
}

/// A job that writes two parts. It fails where the files do; `aborts` is what a job does that lives on.
fn save(files: &Arc<MemoryFiles>, existing: Existing, aborts: bool) -> Result<(), Cause> {
    let folder = begin(files, existing)?;
    for partition in 0..2 {
        let mut file = folder.attempts().start_attempt(partition, 0).unwrap();
        file.write(format!("new {partition}").as_bytes()).unwrap();
        file.commit().unwrap();
    }
    let saved = folder.commit(2);
    if saved.is_err() && aborts {
        files.fail_after(usize::MAX);
        folder.abort().unwrap();
    }
    saved
}

fn old_output(files: &MemoryFiles) -> Vec<String> {
    for (name, text) in [("_SUCCESS", ""), ("part-00000", "old 0"), ("part-00007", "old 7")] {
        files.write(&format!("{PLACE}/{name}"), text);
    }
    files.texts(PLACE)
}

// 1.42, 4.64
#[test]
fn an_output_is_saved_and_what_is_there_is_refused_written_over_or_replaced() {
    for has_folders in [false, true] {
        let files = MemoryFiles::new(has_folders);
        save(&files, Existing::Refuse, true).unwrap();
        assert_eq!(files.texts("above").len(), 3, "nothing lies beside the output");
        assert_eq!(files.texts(PLACE), NEW);
        let error = save(&files, Existing::Refuse, true).unwrap_err().to_string();
        assert!(error.contains("Output directory s3://bucket/above/out already exists"), "{error}");

        old_output(&files);
        save(&files, Existing::WriteOver, true).unwrap();
        assert_eq!(files.texts(PLACE), [NEW[0], NEW[1], NEW[2], "part-00007=old 7"]);
        save(&files, Existing::Replace, true).unwrap();
        assert_eq!(files.texts(PLACE), NEW);
        assert_eq!(files.texts("above").len(), 3);

        old_output(&files);
        files.write("above/out/mine", "mine");
        save(&files, Existing::Replace, true).unwrap();
        assert_eq!(files.texts(PLACE), [NEW[0], "mine=mine", NEW[1], NEW[2]], "what others put there stays");
    }
}

#[test]
fn a_file_in_the_place_of_the_folder_is_told() {
    for (existing, words) in [(Existing::Refuse, "already exists"), (Existing::Replace, "not a directory")] {
        let files = MemoryFiles::new(true);
        files.write(PLACE, "mine");
        let error = begin(&files, existing).unwrap_err().to_string();
        assert!(error.contains("s3://bucket/above/out") && error.contains(words), "{error}");
    }
}

/// Runs `save` over and over, cut off one change later each time, until it succeeds; `look` sees what each one left.
fn cut_off_everywhere(has_folders: bool, prepare: fn(&MemoryFiles), aborts: bool, look: impl Fn(&Arc<MemoryFiles>)) {
    for changes in 0.. {
        let files = MemoryFiles::new(has_folders);
        prepare(&files);
        files.fail_after(changes);
        let saved = save(&files, Existing::Replace, aborts);
        let is_whole = !files.has_failed() && saved.is_ok();
        files.fail_after(usize::MAX);
        look(&files);
        // The batch is run again.
        save(&files, Existing::Replace, aborts).unwrap();
        assert_eq!(files.texts(PLACE), NEW, "after {changes} changes");
        assert_eq!(files.texts("above").len(), NEW.len(), "nothing lies beside it after {changes} changes");
        if is_whole {
            assert!(changes > 3, "it was cut off at each change");
            return;
        }
    }
}

#[test]
fn in_an_object_store_success_is_there_with_one_output_or_the_other() {
    let prepare = |files: &MemoryFiles| drop(old_output(files));
    let old = old_output(&MemoryFiles::new(false));
    for aborts in [false, true] {
        cut_off_everywhere(false, prepare, aborts, |files| {
            let there = files.texts(PLACE);
            assert!(!there.contains(&NEW[0].into()) || there == old || there == NEW, "{there:?}");
        });
        cut_off_everywhere(
            false,
            |_| (),
            aborts,
            |files| {
                let there = files.texts(PLACE);
                assert!(!there.contains(&NEW[0].into()) || there == NEW, "{there:?}");
                assert!(!aborts || there.is_empty() || there == NEW, "what failed is gone: {there:?}");
            },
        );
    }
}

#[test]
fn where_there_are_folders_the_output_is_there_as_a_whole_or_not_at_all() {
    let prepare = |files: &MemoryFiles| drop(old_output(files));
    let old = old_output(&MemoryFiles::new(true));
    for aborts in [false, true] {
        cut_off_everywhere(true, prepare, aborts, |files| {
            let there = files.texts(PLACE);
            assert!(there == old || there == NEW || !aborts && there.is_empty(), "{there:?}");
            let refused = begin(files, Existing::Refuse);
            assert!(refused.is_err(), "the old output is put back");
            assert!(files.texts(PLACE) == old || files.texts(PLACE) == NEW);
        });
        cut_off_everywhere(
            true,
            |_| (),
            aborts,
            |files| {
                let there = files.texts(PLACE);
                assert!(there.is_empty() || there == NEW, "{there:?}");
            },
        );
    }
}

#[test]
fn a_folder_that_appears_meanwhile_is_left_alone() {
    let files = MemoryFiles::new(true);
    let folder = begin(&files, Existing::Refuse).unwrap();
    folder.attempts().start_attempt(0, 0).unwrap().commit().unwrap();
    files.write("above/out/mine", "mine");
    let error = folder.commit(1).unwrap_err().to_string();
    assert!(error.contains("s3://bucket/above/out already exists"), "{error}");
    folder.abort().unwrap();
    assert_eq!(files.texts("above"), ["out/mine=mine"]);
}

#[test]
fn a_job_that_fails_before_its_commit_touches_nothing() {
    for has_folders in [false, true] {
        let files = MemoryFiles::new(has_folders);
        let folder = begin(&files, Existing::Replace).unwrap();
        folder.attempts().start_attempt(0, 0).unwrap().commit().unwrap();
        old_output(&files); // of somebody else, meanwhile
        files.fail_after(0);
        folder.abort().unwrap();
        assert_eq!(files.texts(PLACE).len(), 3);
    }
}

#[test]
fn many_parts_are_copied_and_the_first_failure_is_told() {
    let files = MemoryFiles::new(false);
    let folder = begin(&files, Existing::Refuse).unwrap();
    for partition in 0..100 {
        folder.attempts().start_attempt(partition, 0).unwrap().commit().unwrap();
    }
    files.fail_after(40);
    let error = folder.commit(100).unwrap_err().to_string();
    assert!(error.contains("s3://bucket/above/out/part-000") && error.contains("the line is cut"), "{error}");
    files.fail_after(usize::MAX);
    folder.commit(100).unwrap();
    assert_eq!(files.texts(PLACE).len(), 101);
}

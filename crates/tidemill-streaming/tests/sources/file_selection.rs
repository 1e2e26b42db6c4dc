//! Which files a batch takes, with real files.

use std::time::Duration;

use tidemill_core::Settings;
use tidemill_streaming::FileOptions;
use tidemill_streaming::testing::{Collected, TestContext};

use super::folder::Folder;

/// A stream, made five seconds after 1970, of the names of the files that it takes.
fn names(options: FileOptions, settings: &[(&str, &str)]) -> (TestContext, Folder, Collected<String>) {
    let mut all = Settings::new();
    for (name, value) in settings {
        all.set(*name, *value);
    }
    let (test, folder) = (TestContext::with(&all, Duration::from_secs(1)), Folder::new());
    test.clock().advance(Duration::from_secs(5));
    let stream = test.streaming().file_stream(&folder.name(), options, |context, path| {
        let name = path.file_name().map(|name| name.display().to_string());
        Ok(context.parallelize(name, 1))
    });
    let seen = test.collect(&stream);
    (test, folder, seen)
}

#[test]
fn files_are_new_after_the_stream_was_made() {
    // behaviour 1.14, behaviour 10.10
    let (test, folder, seen) = names(FileOptions::new(), &[]);
    folder.write("before", "", 4000);
    folder.write("just_then", "", 4990);
    folder.write("stamped_late", "", 4995); // the clock of file systems lags behind
    folder.write("before_the_start", "", 5001);
    folder.write("to_come", "", 7500);
    folder.write(".hidden", "", 5500);
    folder.write("_temporary", "", 5600); // taken, and it is up to the reader what to do with it
    test.tick().unwrap();
    folder.write("moved_in", "", 4500);
    folder.write("late", "", 5800);
    folder.write("before_the_start", "more", 6500);
    test.tick().unwrap();
    test.tick().unwrap();
    test.tick().unwrap();
    assert_eq!(
        seen.values(),
        [vec!["stamped_late", "before_the_start", "_temporary"], vec!["late"], vec!["to_come"], Vec::<&str>::new()]
    );
}

#[test]
fn the_first_batch_may_take_what_was_there_before() {
    // behaviour 2.8
    let options = FileOptions::new().with_existing_files();
    let (test, folder, seen) = names(options, &[("spark.streaming.fileStream.minRememberDuration", "3s")]);
    folder.write("old", "", 3000);
    folder.write("newer", "", 3001);
    test.tick().unwrap();
    test.tick().unwrap();
    assert_eq!(seen.values(), [vec!["newer"], vec![]]);
}

#[test]
fn a_file_is_remembered_for_the_set_time() {
    // behaviour 4.30
    let (test, folder, seen) = names(FileOptions::new(), &[("spark.streaming.minRememberDuration", "1500ms")]);
    for second in 6..12 {
        folder.write("a", "", second * 1000);
        test.tick().unwrap();
    }
    // Taken at 6 s, it is known until the batch of 8 s, whose window of two batches begins there.
    let (taken, nothing) = (|| vec!["a"], Vec::new);
    assert_eq!(seen.values(), [taken(), nothing(), nothing(), taken(), nothing(), nothing()]);
}

#[test]
fn the_filter_is_asked_for_paths() {
    // behaviour 2.8
    let (test, folder, seen) =
        names(FileOptions::new().filter(|path| path.ends_with(".hidden") || path.ends_with("b")), &[]);
    ["a", ".hidden", "b"].iter().for_each(|name| folder.write(name, "", 5500));
    test.tick().unwrap();
    assert_eq!(seen.values(), [[".hidden", "b"]]);
}

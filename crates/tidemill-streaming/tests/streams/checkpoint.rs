//! The checkpoint directory, how long streams remember, and what a directory that holds something means.

use std::time::Duration;

use tidemill_core::{Context, Settings};
use tidemill_streaming::{Error, StreamingContext};

use crate::{Bench, pushed};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_checkpoint_directory_is_made_and_holds_rdds_too() {
    // behaviour 1.11
    let (bench, folder) = (Bench::new(), tempfile::tempdir().unwrap());
    let directory = folder.path().join("new").join("checkpoints");
    assert_eq!(bench.streaming.checkpoint_directory(), None);
    bench.streaming.checkpoint(&directory).unwrap();
    assert!(directory.is_dir());
    assert_eq!(bench.streaming.checkpoint_directory(), Some(directory.clone()));
    let written = bench.context.parallelize([1, 2, 3], 2).checkpoint().unwrap();
    assert!(written.checkpoint_file().unwrap().starts_with(&directory));
    assert_eq!(written.collect().unwrap(), [1, 2, 3]);
}

#[test]
fn a_checkpoint_directory_can_be_taken_back() {
    // behaviour 1.11
    let (bench, folder) = (Bench::new(), tempfile::tempdir().unwrap());
    bench.streaming.checkpoint(folder.path()).unwrap();
    bench.streaming.without_checkpoints();
    assert_eq!(bench.streaming.checkpoint_directory(), None);
}

#[test]
fn a_checkpoint_directory_that_cannot_be_made_is_an_error_that_names_it() {
    let (bench, folder) = (Bench::new(), tempfile::tempdir().unwrap());
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = bench.streaming.checkpoint(file.join("checkpoints")).unwrap_err();
    assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
    assert!(error.to_string().contains("file/checkpoints"), "{error}");
}

#[test]
fn a_setting_gives_the_checkpoint_directory() {
    // behaviour 4.31
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("set");
    let settings = Settings::from_pairs([
        ("spark.master", "local[1]".to_string()),
        ("spark.streaming.checkpoint.directory", directory.display().to_string()),
    ]);
    let streaming = StreamingContext::new(&Context::new(&settings).unwrap(), SECOND).unwrap();
    assert_eq!(streaming.checkpoint_directory(), Some(directory));
}

#[test]
fn get_or_create_sets_the_directory() {
    // behaviour 1.2
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("checkpoints");
    let set_up = || StreamingContext::new(&Context::local(1).unwrap(), SECOND);
    let first = StreamingContext::get_or_create(&directory, set_up).unwrap();
    assert_eq!(first.checkpoint_directory(), Some(directory.clone()), "set for the program");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = StreamingContext::get_or_create(&file, || unreachable!("nothing is set up")).err().unwrap();
    assert!(matches!(error, Error::Recovery(_)), "{error}");
}

#[test]
fn how_long_streams_remember_is_set_once() {
    // behaviour 1.10
    let bench = Bench::new();
    let (input, numbers) = pushed(&bench.streaming);
    numbers.foreach_rdd(|_, _| Ok(()));
    bench.streaming.remember(bench.streaming.interval() * 3).unwrap();
    let error = bench.streaming.remember(SECOND).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Remember duration already set as 300ms. Cannot set it again. (It was to become 1s.)"
    );
    bench.streaming.start().unwrap();
    input.push([1]);
    (0..3).for_each(|_| bench.tick());
    let first = numbers.slice(crate::batch(1), crate::batch(1)).unwrap();
    assert_eq!(first[0].collect().unwrap(), [1], "two batches later it is still there");
    bench.streaming.stop(true);
}

//! `checkpoint`: RDDs of a stream that are written to files every so often.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidemill_core::{Clock, Context, ManualClock, Settings, Timestamp};
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{Error, StreamingContext};

const SECOND: Duration = Duration::from_secs(1);

/// The folders of checkpoints in a directory.
fn folders(directory: &Path) -> BTreeSet<String> {
    std::fs::read_dir(directory).map_or(BTreeSet::new(), |entries| {
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    })
}

#[test]
fn rdds_are_written_every_interval_and_old_files_go() {
    // behaviour 1.39, 2.14
    let test = TestContext::new();
    let (feed, numbers) = test.input();
    let stream = numbers.map(|x| x * 2).checkpoint(SECOND * 2).unwrap();
    let from_files = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&from_files);
    stream.foreach_rdd(move |rdd, _| {
        noted.lock().unwrap().push((rdd.is_checkpointed(), rdd.collect()?));
        Ok(())
    });
    let directory = test.context().checkpoint_dir().unwrap();
    let mut counts = Vec::new();
    for batch in 1..=12 {
        feed.push([batch]);
        test.tick().unwrap();
        counts.push(folders(&directory).len());
    }
    let expected: Vec<_> = (1..=12).map(|batch| (batch % 2 == 0, vec![batch * 2])).collect();
    assert_eq!(*from_files.lock().unwrap(), expected);
    assert_eq!(counts[..4], [0, 1, 1, 2]);
    assert!(counts.iter().all(|count| *count <= 3), "two intervals are remembered: {counts:?}");
}

#[test]
fn files_stay_as_long_as_something_is_read_from_them() {
    // behaviour 1.39, 2.14
    let test = TestContext::new();
    let (feed, numbers) = test.input();
    let stream = numbers.map(|x| x * 2).checkpoint(SECOND).unwrap();
    let held = Arc::new(Mutex::new(None));
    let first = Arc::clone(&held);
    stream.foreach_rdd(move |rdd, _| {
        first.lock().unwrap().get_or_insert(rdd.map(|x| x + 1));
        Ok(())
    });
    let directory = test.context().checkpoint_dir().unwrap();
    for batch in 1..=8 {
        feed.push([batch]);
        test.tick().unwrap();
    }
    let before = folders(&directory).len();
    let first = held.lock().unwrap().take().unwrap();
    assert_eq!(first.collect().unwrap(), [3], "its stream has forgotten it, but its files are there");
    drop(first);
    assert_eq!(folders(&directory).len(), before - 1);
}

#[test]
fn the_level_is_kept_and_the_stream_remembers_two_intervals() {
    // behaviour 1.39, 2.14
    let test = TestContext::new();
    let (feed, numbers) = test.input();
    let stream = numbers.map(|x| x).checkpoint(SECOND * 3).unwrap();
    let _seen = test.collect(&stream);
    for batch in 1..=10 {
        feed.push([batch]);
        test.tick().unwrap();
    }
    let remembered = stream.slice(test.time(5), test.time(10)).unwrap();
    assert_eq!(test.context().union(&remembered).collect().unwrap(), [5, 6, 7, 8, 9, 10]);
}

#[test]
fn what_cannot_work_is_said_at_the_start() {
    // behaviour 1.39
    let table = [
        (true, SECOND, None),
        (true, SECOND * 3, None),
        (
            false,
            SECOND,
            Some("The checkpoint directory has not been set. Please set it by StreamingContext.checkpoint()."),
        ),
        (true, SECOND / 2, Some("is lower than its slide time")),
        (true, SECOND * 5 / 2, Some("is not a multiple of its slide time")),
    ];
    for (has_directory, interval, expected) in table {
        let clock = ManualClock::at(Timestamp::from_millis(0));
        let mut settings = Settings::new();
        settings.set("spark.master", "local[1]");
        let context = Context::with_clock(&settings, Arc::new(clock) as Arc<dyn Clock>).unwrap();
        let streaming = StreamingContext::new(&context, SECOND).unwrap();
        let directory = tempfile::tempdir().unwrap();
        if has_directory {
            streaming.checkpoint(directory.path()).unwrap();
        }
        let stream = streaming.stream("nothing", Nothing).checkpoint(interval).unwrap();
        stream.foreach_rdd(|_, _| Ok(()));
        match (streaming.start(), expected) {
            (Ok(()), None) => {}
            (Err(error), Some(text)) => {
                assert!(matches!(error, Error::NoCheckpointDirectory { .. } | Error::CheckpointInterval { .. }));
                assert!(error.to_string().contains(text), "{error}");
                assert!(error.to_string().contains("nothing at "), "{error}");
            }
            (started, expected) => panic!("{interval:?}: {started:?} instead of {expected:?}"),
        }
        streaming.stop(false);
    }
}

#[test]
fn the_folder_of_the_context_of_rdds_serves_too() {
    // behaviour 1.39
    let (context, folder) = (Context::local(1).unwrap(), tempfile::tempdir().unwrap());
    context.set_checkpoint_dir(folder.path()).unwrap();
    let streaming = StreamingContext::new(&context, SECOND).unwrap();
    streaming.stream("nothing", Nothing).checkpoint(SECOND).unwrap().foreach_rdd(|_, _| Ok(()));
    streaming.start().unwrap();
    streaming.stop(false);
}

struct Nothing;

impl tidemill_streaming::dstream::Compute<i32> for Nothing {
    fn compute(&self, _: &StreamingContext, _: Timestamp) -> tidemill_streaming::dstream::Computed<i32> {
        Ok(None)
    }
}

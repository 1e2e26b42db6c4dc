//! Streams of records of one length, and the partial one at the end of a file.

use std::time::Duration;

use tidemill_core::{Settings, Timestamp};
use tidemill_streaming::dead_letter::{letters_path, read_letters};
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{OnError, RddQueue};

use super::failure;
use super::folder::Folder;

/// A test whose letters go to the folder.
fn test() -> (TestContext, Folder) {
    let letters = Folder::new();
    let mut settings = Settings::new();
    settings.set("tidemill.dead.letters.directory", letters.name());
    (TestContext::with(&settings, Duration::from_secs(1)), letters)
}

#[test]
fn files_are_cut_into_records() {
    // behaviour 1.15
    let (test, folder) = (TestContext::new(), Folder::new());
    let seen = test.collect(&test.streaming().binary_records_stream(&folder.name(), 3));
    folder.write("a", [1, 2, 3, 4, 5, 6], 500);
    folder.write("b", [7, 8, 9], 600);
    folder.write("none", [], 700);
    test.tick().unwrap();
    test.tick().unwrap();
    assert_eq!(seen.values(), [vec![vec![1, 2, 3], vec![4, 5, 6], vec![7, 8, 9]], vec![]]);
}

#[test]
fn a_partial_record_fails_its_batch_only() {
    // behaviour 1.15
    let (test, folder) = (TestContext::new(), Folder::new());
    let seen = test.collect(&test.streaming().binary_records_stream(&folder.name(), 3));
    folder.write("a", [1, 2, 3, 4], 500);
    let error = failure(&test);
    for part in ["batch 1000 ms", "binary_records.rs", "/a is partial, 1 bytes of 3", "choose on_error"] {
        assert!(error.contains(part), "{error}");
    }
    folder.write("b", [7, 8, 9], 1600);
    test.tick().unwrap();
    assert_eq!(seen.values(), [[[7, 8, 9]]]);
}

/// What comes out of two batches, the first with a partial record, the second without: records, and letters' bytes.
fn with(on_error: OnError) -> (Vec<Vec<Vec<u8>>>, Vec<Vec<Vec<u8>>>, Folder) {
    let ((test, letters), folder) = (test(), Folder::new());
    let _first = test.streaming().queue_stream::<u8>(&RddQueue::new());
    let records = test.streaming().binary_records_stream_with(&folder.name(), 2, on_error);
    let seen = test.collect(&records);
    let dead = test.collect(&records.dead_letters().map(|letter| letter.bytes));
    folder.write("a", [1, 2, 3], 500);
    folder.write("b", [4, 5], 500);
    test.tick().unwrap();
    folder.write("c", [6, 7], 1500);
    test.tick().unwrap();
    (seen.values(), dead.values(), letters)
}

#[test]
fn a_partial_record_may_be_dropped() {
    let (records, letters, folder) = with(OnError::Drop);
    assert_eq!(records, [vec![vec![1, 2], vec![4, 5]], vec![vec![6, 7]]]);
    assert_eq!(letters, [Vec::<Vec<u8>>::new(), vec![]]);
    assert_eq!(std::fs::read_dir(folder.path("")).unwrap().count(), 0);
}

#[test]
fn a_partial_record_may_be_a_dead_letter() {
    // behaviour 1.15, and behaviour 2.12: the second input has the number 1
    let (records, letters, folder) = with(OnError::DeadLetter);
    assert_eq!(records, [vec![vec![1, 2], vec![4, 5]], vec![vec![6, 7]]]);
    assert_eq!(letters, [vec![vec![3]], vec![]]);
    let file = |batch| letters_path(&folder.path(""), "File stream [1]", Timestamp::from_millis(batch));
    let written = read_letters(&file(1000)).unwrap();
    assert_eq!((written.len(), &*written[0].bytes), (1, &[3][..]));
    assert!(written[0].reason.contains("/a is partial, 1 bytes of 2"), "{}", written[0].reason);
    assert!(!file(2000).exists());
}

#[test]
fn records_without_a_byte_are_refused_at_the_start() {
    let test = TestContext::new();
    test.streaming().binary_records_stream("/data", 0).print(1);
    let error = test.streaming().start().unwrap_err().to_string();
    assert!(error.starts_with("binary_records_stream at ") && error.contains("at least 1 byte"), "{error}");
}

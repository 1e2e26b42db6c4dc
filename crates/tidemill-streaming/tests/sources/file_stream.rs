//! Streams of files with readers and filters of one's own.

use std::sync::atomic::{AtomicBool, Ordering};

use tidemill_core::{Cause, Error};
use tidemill_streaming::FileOptions;
use tidemill_streaming::testing::TestContext;

use super::failure;
use super::folder::Folder;

#[test]
fn any_reader_of_rdds_will_do() {
    // behaviour 2.8
    let (test, folder) = (TestContext::new(), Folder::new());
    let stream = test.streaming().file_stream(&folder.name(), FileOptions::new(), |context, path| {
        Ok(context.whole_text_files(&path.to_string_lossy(), None)?.map(|(_, text)| text.len()))
    });
    let seen = test.collect(&stream);
    folder.write("a", "123", 500);
    folder.write("b", "12345", 600);
    test.tick().unwrap();
    assert_eq!(seen.values(), [[3, 5]]);
}

#[test]
fn an_error_of_the_reader_loses_its_batch_only() {
    // behaviour 2.40
    let (test, folder) = (TestContext::new(), Folder::new());
    let stream =
        test.streaming().file_stream(
            &folder.name(),
            FileOptions::new(),
            |context, path| match std::fs::read_to_string(path) {
                Ok(text) if text == "panic" => unreachable!("cannot be read"),
                Ok(text) => Ok(context.parallelize([text], 1)),
                Err(error) => Err(Error::Driver {
                    operator: tidemill_core::lineage::Operator::here("my_reader"),
                    cause: Cause::file("read", path, error),
                }),
            },
        );
    let seen = test.collect(&stream);
    folder.write("bytes", [0xff], 500);
    let error = failure(&test);
    assert!(error.starts_with("batch 1000 ms is lost: file_stream at ") && error.contains("/bytes: "), "{error}");
    folder.write("panics", "panic", 1500);
    assert!(failure(&test).contains("cannot be read"));
    folder.write("good", "1", 2500);
    test.tick().unwrap();
    assert_eq!(seen.values(), [["1"]]);
}

#[test]
fn a_filter_that_panics_loses_its_batch_and_no_file() {
    // behaviour 2.40
    let (test, folder) = (TestContext::new(), Folder::new());
    let first = AtomicBool::new(true);
    let filter =
        move |_: &std::path::Path| if first.swap(false, Ordering::SeqCst) { unreachable!("no filter") } else { true };
    let stream = test.streaming().file_stream(&folder.name(), FileOptions::new().filter(filter), |context, path| {
        Ok(context.text_at("lines", path)?.map(|line| line.to_string()))
    });
    let seen = test.collect(&stream);
    folder.write("a", "1\n", 500);
    let error = failure(&test);
    assert!(error.starts_with("batch 1000 ms is lost: file_stream at ") && error.contains("no filter"), "{error}");
    test.tick().unwrap();
    assert_eq!(seen.values(), [["1"]]);
}

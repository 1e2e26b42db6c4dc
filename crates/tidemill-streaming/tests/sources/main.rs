//! Streams of queues, files and direct sources, under a clock that stands still until a test lets it go on.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has to stop")]

mod binary_records;
mod direct;
mod direct_random;
mod file_selection;
mod file_stream;
mod folder;
mod parse;
mod queue;
mod text_files;
mod watch;

use tidemill_core::Element;
use tidemill_streaming::DStream;
use tidemill_streaming::testing::{Collected, TestContext};

/// Collects each batch of a stream by its partitions.
fn partitions<T: Element>(test: &TestContext, stream: &DStream<T>) -> Collected<Vec<T>> {
    test.collect(&stream.transform(|rdd, _| rdd.glom()))
}

/// Lets the time of one batch pass, which is to fail; returns what it reported.
#[track_caller]
fn failure(test: &TestContext) -> String {
    test.tick().expect_err("the batch should fail").to_string()
}

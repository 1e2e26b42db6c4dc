//! Stateless operators of streams: one file an operator, tables of batches in and out.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has to stop")]

mod checkpoint;
mod cogroup;
mod combine_by_key;
mod count;
mod count_by_value;
mod failures;
mod filter;
mod flat_map;
mod foreach_rdd;
mod glom;
mod group_by_key;
mod join;
mod map;
mod map_partitions;
mod map_values;
mod outer_join;
mod partition_by;
mod persist;
mod programs;
mod reduce;
mod reduce_by_key;
mod repartition;
mod save_as_object_files;
mod save_as_text_files;
mod slice;
mod transform;
mod transform_all;
mod transform_with;
mod union;

use std::fmt::Debug;

use tidemill_core::Element;
use tidemill_streaming::testing::{Feed, TestContext};
use tidemill_streaming::{DStream, Error};

/// Runs `program` on two streams, a batch of each at a time, and compares what it gives with `batches_out`.
#[track_caller]
fn check_two<T: Element, U: Element, W: Element + Debug + PartialEq>(
    batches_in: impl IntoIterator<Item = (Vec<T>, Vec<U>)>,
    program: impl FnOnce(&DStream<T>, &DStream<U>) -> Result<DStream<W>, Error>,
    batches_out: impl IntoIterator<Item = Vec<W>>,
) {
    let test = TestContext::new();
    let ((one, ones), (two, twos)) = (test.input(), test.input());
    let seen = test.collect(&program(&ones, &twos).unwrap());
    for (batch_one, batch_two) in batches_in {
        one.push(batch_one);
        two.push(batch_two);
        test.tick().unwrap();
    }
    assert_eq!(seen.values(), batches_out.into_iter().collect::<Vec<_>>());
}

/// A stream whose batches are without partitions where nothing was pushed, as those of receivers.
fn received<T: Element>(test: &TestContext) -> (Feed<T>, DStream<T>) {
    let (feed, stream) = test.input();
    let received = stream.try_transform(|rdd, _| {
        let context = rdd.context().clone();
        Ok(Some(if rdd.is_empty()? { context.empty() } else { rdd }))
    });
    (feed, received)
}

/// Pairs of a letter and a number.
fn pairs(written: &str) -> Vec<(char, i32)> {
    written.split_whitespace().map(|pair| (pair.chars().next().unwrap(), pair[1..].parse().unwrap())).collect()
}

/// The same batch with its pairs in order, for results of several partitions.
fn sorted<T: Ord>(mut batch: Vec<T>) -> Vec<T> {
    batch.sort();
    batch
}

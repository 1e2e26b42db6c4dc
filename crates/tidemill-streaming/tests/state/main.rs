//! Stateful streams: what each operator keeps and gives for given batches, and what a failure costs.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has to stop")]

mod failures;
mod limited;
mod map_with_state;
mod partitioner;
mod random;
mod random_programs;
mod together;
mod update_state_by_key;

use std::fmt::Debug;
use std::time::Duration;

use tidemill_core::Element;
use tidemill_streaming::DStream;
use tidemill_streaming::testing::TestContext;

/// As many seconds, which is as many batches.
const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// What `program` gives for batches that come one a second, each sorted, with the number of the batch. `None` is a batch for
/// which the input has no RDD.
#[track_caller]
fn run<T: Element, U: Element + Debug + Ord>(
    batches: impl IntoIterator<Item = Option<Vec<T>>>,
    program: impl FnOnce(&DStream<T>) -> DStream<U>,
) -> Vec<(u64, Vec<U>)> {
    let test = TestContext::new();
    let (feed, stream) = test.input();
    let seen = test.collect(&program(&stream));
    for batch in batches {
        batch.map_or_else(|| feed.push_none(), |batch| feed.push(batch));
        test.tick().unwrap();
    }
    let sorted = |mut batch: Vec<U>| {
        batch.sort();
        batch
    };
    seen.take().into_iter().map(|(time, batch)| (time.millis() / 1000, sorted(batch))).collect()
}

/// Adds the values to the state; a sum of 0 drops the key.
fn sum(values: Vec<i64>, sum: Option<i64>) -> Option<i64> {
    Some(sum.unwrap_or(0) + values.iter().sum::<i64>()).filter(|sum| *sum != 0)
}

//! Windows: what each operator gives for given batches, one file an operator.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has to stop")]

mod count_by_window;
mod group_by_key_and_window;
mod inverse;
mod random;
mod reduce_by_key_and_window;
mod reduce_by_window;
mod window;

use std::fmt::Debug;
use std::time::Duration;

use tidemill_core::Element;
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{DStream, Error};

/// As many seconds, which is as many batches.
const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// What `program` gives for batches that come one a second, each sorted, with the number of the batch. `None` is a batch for
/// which the input has no RDD.
#[track_caller]
fn run<T: Element, U: Element + Debug + Ord>(
    batches: impl IntoIterator<Item = Option<Vec<T>>>,
    program: impl FnOnce(&DStream<T>) -> Result<DStream<U>, Error>,
) -> Vec<(u64, Vec<U>)> {
    let test = TestContext::new();
    let (feed, stream) = test.input();
    let seen = test.collect(&program(&stream).unwrap());
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

/// Batches that all have an RDD.
fn all<T, const N: usize>(batches: [Vec<T>; N]) -> impl Iterator<Item = Option<Vec<T>>> {
    batches.into_iter().map(Some)
}

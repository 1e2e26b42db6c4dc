//! `reduce_by_window`: merges all records of the last so many batches into one.

use std::time::Duration;

use tidemill_core::Element;

use crate::dstream::placement::Placement;
use crate::dstream::{DStream, Sliding, WindowOptions};
use crate::error::Error;

impl<T: Element> DStream<T> {
    /// Merges all records of the last `window` of time into one with an associative function, every `slide`: Spark's
    /// `DStream.reduceByWindow` (behaviour 1.51, 2.17). A window without records gives none; the result is in one partition.
    ///
    /// With a window of 2 batches, a slide of 1, and `|a, b| a + b`:
    ///
    /// ```text
    /// batch        1        2      3      4
    /// in           1, 2     10
    /// out          3        13     10     -
    /// ```
    ///
    /// # Errors
    /// [`Error::Window`] if a duration is zero or no multiple of this stream's [`slide`](DStream::slide).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidemill_streaming::testing::check;
    ///
    /// let seconds = Duration::from_secs;
    /// check(
    ///     [vec![1, 2], vec![10], vec![], vec![]],
    ///     |numbers| numbers.reduce_by_window(|a, b| a + b, seconds(2), seconds(1)).expect("a window of whole batches"),
    ///     [vec![3], vec![13], vec![10], vec![]],
    /// );
    /// ```
    #[track_caller]
    pub fn reduce_by_window(
        &self,
        f: impl Fn(T, T) -> T + Clone + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
    ) -> Result<DStream<T>, Error> {
        let name = "reduce_by_window";
        let keyed = self.derived(name, |rdd, _| rdd.map(|record| ((), record)));
        let reduced = keyed.reduced_windows(name, f, window, slide, Placement::Hash(1))?;
        Ok(reduced.derived(name, |rdd, _| rdd.values()))
    }

    /// [`reduce_by_window`](DStream::reduce_by_window) with the inverse of `f`: Spark's form with an `invReduceFunc`
    /// (behaviour 1.51, 2.17). See [`reduce_by_key_and_window_inverse`](DStream::reduce_by_key_and_window_inverse): when all
    /// records have left, what the inverse leaves of them stays.
    ///
    /// The context must have a checkpoint directory, or its start fails, unless `sliding` recomputes.
    ///
    /// # Errors
    /// [`Error::Window`] if a duration is zero or no multiple of this stream's [`slide`](DStream::slide).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidemill_streaming::dstream::Sliding;
    /// use tidemill_streaming::testing::check;
    ///
    /// let seconds = Duration::from_secs;
    /// check(
    ///     [vec![1, 2], vec![10], vec![], vec![]],
    ///     |numbers| {
    ///         let (add, subtract) = (|a, b| a + b, |a, b| a - b);
    ///         let sums = numbers.reduce_by_window_inverse(add, subtract, seconds(2), seconds(1), Sliding::Inverse);
    ///         sums.expect("a window of whole batches")
    ///     },
    ///     [vec![3], vec![13], vec![10], vec![0]],
    /// );
    /// ```
    #[track_caller]
    pub fn reduce_by_window_inverse(
        &self,
        f: impl Fn(T, T) -> T + Clone + Send + Sync + 'static,
        inverse: impl Fn(T, T) -> T + Clone + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
        sliding: Sliding,
    ) -> Result<DStream<T>, Error> {
        let name = "reduce_by_window";
        let keyed = self.derived(name, |rdd, _| rdd.map(|record| ((), record)));
        let options = WindowOptions::new().partitions(1).sliding(sliding);
        let reduced = keyed.slid(name, f, inverse, window, slide, options)?;
        Ok(reduced.derived(name, |rdd, _| rdd.values()))
    }
}

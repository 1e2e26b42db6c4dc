//! `reduce_by_key_and_window`: merges the values of each key over the last so many batches.

use std::time::Duration;

use tidemill_core::{Element, Key};

use crate::dstream::placement::Placement;
use crate::dstream::{DStream, WindowOptions};
use crate::error::Error;

impl<K: Key, V: Element> DStream<(K, V)> {
    /// Merges the values that each key had in the last `window` of time with an associative function, every `slide`:
    /// Spark's `DStream.reduceByKeyAndWindow` (behaviour 2.18). The result is in as many partitions as
    /// `default_parallelism` says.
    ///
    /// Each batch is merged once, and each window merges what its batches were merged to. With a window of 2 batches, a
    /// slide of 1, and `|a, b| a + b`:
    ///
    /// ```text
    /// batch        1             2               3
    /// in           a 1, b 2      a 10            c 5
    /// out          a 1, b 2      a 11, b 2       a 10, c 5
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
    ///     [vec![("a".to_string(), 1)], vec![("a".to_string(), 10)], vec![("a".to_string(), 5)]],
    ///     |pairs| pairs.reduce_by_key_and_window(|a, b| a + b, seconds(2), seconds(1)).expect("a window of whole batches"),
    ///     [vec![("a".to_string(), 1)], vec![("a".to_string(), 11)], vec![("a".to_string(), 15)]],
    /// );
    /// ```
    #[track_caller]
    pub fn reduce_by_key_and_window(
        &self,
        f: impl Fn(V, V) -> V + Clone + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
    ) -> Result<DStream<(K, V)>, Error> {
        self.reduced_windows("reduce_by_key_and_window", f, window, slide, Placement::Default)
    }

    /// [`reduce_by_key_and_window`](DStream::reduce_by_key_and_window) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn reduce_by_key_and_window_into(
        &self,
        f: impl Fn(V, V) -> V + Clone + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
        partitions: usize,
    ) -> Result<DStream<(K, V)>, Error> {
        self.reduced_windows("reduce_by_key_and_window", f, window, slide, Placement::Hash(partitions))
    }

    /// [`reduce_by_key_and_window`](DStream::reduce_by_key_and_window) with the inverse of `f`: each window is made of the one
    /// before, by what left it and what entered. Spark's form with an `invReduceFunc` (behaviour 1.55, 2.18).
    ///
    /// `inverse(merged, left)` takes out of a value what was merged into it. A slide then costs what enters and what leaves,
    /// however long the window is. A key stays when all its values have left; the filter of
    /// [`reduce_by_key_and_window_with`](DStream::reduce_by_key_and_window_with) can drop it. With a window of 2 batches,
    /// a slide of 1, `|a, b| a + b` and `|a, b| a - b`:
    ///
    /// ```text
    /// batch        1             2               3
    /// in           a 1, b 2      a 10            c 5
    /// out          a 1, b 2      a 11, b 2       a 10, b 0, c 5
    /// ```
    ///
    /// The context must have a checkpoint directory, or its start fails. If a function panics, the windows are as if the
    /// batch had been empty, outputs that need them fail for that batch, and the next batch goes on.
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
    ///     [vec![('a', 1)], vec![('a', 10)], vec![], vec![]],
    ///     |pairs| {
    ///         let sums = pairs.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, seconds(2), seconds(1));
    ///         sums.expect("a window of whole batches")
    ///     },
    ///     [vec![('a', 1)], vec![('a', 11)], vec![('a', 10)], vec![('a', 0)]],
    /// );
    /// ```
    #[track_caller]
    pub fn reduce_by_key_and_window_inverse(
        &self,
        f: impl Fn(V, V) -> V + Clone + Send + Sync + 'static,
        inverse: impl Fn(V, V) -> V + Clone + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
    ) -> Result<DStream<(K, V)>, Error> {
        self.reduce_by_key_and_window_with(f, inverse, window, slide, WindowOptions::new())
    }

    /// [`reduce_by_key_and_window_inverse`](DStream::reduce_by_key_and_window_inverse) with options: a filter, a number of
    /// partitions, and whether the inverse is used at all.
    ///
    /// # Errors
    /// [`Error::Window`] if a duration is zero or no multiple of this stream's [`slide`](DStream::slide).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidemill_streaming::dstream::WindowOptions;
    /// use tidemill_streaming::testing::check;
    ///
    /// let seconds = Duration::from_secs;
    /// check(
    ///     [vec![('a', 1)], vec![('a', 10)], vec![], vec![]],
    ///     |pairs| {
    ///         let options = WindowOptions::new().filter(|_key, sum| *sum != 0);
    ///         let (add, subtract) = (|a, b| a + b, |a, b| a - b);
    ///         let sums = pairs.reduce_by_key_and_window_with(add, subtract, seconds(2), seconds(1), options);
    ///         sums.expect("a window of whole batches")
    ///     },
    ///     [vec![('a', 1)], vec![('a', 11)], vec![('a', 10)], vec![]],
    /// );
    /// ```
    #[track_caller]
    pub fn reduce_by_key_and_window_with(
        &self,
        f: impl Fn(V, V) -> V + Clone + Send + Sync + 'static,
        inverse: impl Fn(V, V) -> V + Clone + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
        options: WindowOptions<K, V>,
    ) -> Result<DStream<(K, V)>, Error> {
        self.slid("reduce_by_key_and_window", f, inverse, window, slide, options)
    }

    /// Each batch reduced, and each window of those: the windows' parts have one layout, so that only batches are shuffled.
    #[track_caller]
    pub(crate) fn reduced_windows(
        &self,
        name: &'static str,
        f: impl Fn(V, V) -> V + Clone + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
        placement: Placement,
    ) -> Result<DStream<(K, V)>, Error> {
        let (reduce, of_batches) = (f.clone(), placement.clone());
        let batches = self.computed(name, move |rdd, _| of_batches.reduced(&rdd, reduce.clone()).map(Some));
        let windows = batches.windowed(name, window, slide)?;
        Ok(windows.computed(name, move |rdd, _| placement.reduced(&rdd, f.clone()).map(Some)))
    }
}

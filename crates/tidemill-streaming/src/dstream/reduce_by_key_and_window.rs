//! `reduce_by_key_and_window`: merges the values of each key over the last so many batches.

use std::time::Duration;

use tidemill_core::{Element, Key};

use crate::dstream::DStream;
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
        self.reduced_windows("reduce_by_key_and_window", f, window, slide, self.default_partitions())
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
        self.reduced_windows("reduce_by_key_and_window", f, window, slide, partitions)
    }

    /// Each batch reduced, and each window of those: the windows' parts have one layout, so that only batches are shuffled.
    #[track_caller]
    pub(crate) fn reduced_windows(
        &self,
        name: &'static str,
        f: impl Fn(V, V) -> V + Clone + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
        partitions: usize,
    ) -> Result<DStream<(K, V)>, Error> {
        let reduce = f.clone();
        let batches = self.derived(name, move |rdd, _| rdd.reduce_by_key_into(reduce.clone(), partitions));
        let windows = batches.windowed(name, window, slide)?;
        Ok(windows.derived(name, move |rdd, _| rdd.reduce_by_key_into(f.clone(), partitions)))
    }
}

impl<T: 'static> DStream<T> {
    /// How many partitions keyed results have where the program does not say.
    pub(crate) fn default_partitions(&self) -> usize {
        self.streaming().map_or(1, |streaming| streaming.context().default_parallelism())
    }
}

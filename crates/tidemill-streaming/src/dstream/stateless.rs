//! The operators that work on each record for itself: those of the RDD of each batch.
//!
//! Their functions are `Clone`, because every batch's RDD gets one: a closure that captures nothing always is, and stays
//! able to travel.

use crate::dstream::DStream;

impl<T: 'static> DStream<T> {
    /// Makes of each record another one: Spark's `DStream.map`.
    ///
    /// ```no_run
    /// # fn example(lines: tidemill_streaming::DStream<tidemill_core::Text>) {
    /// let lengths = lines.map(|line| line.len());
    /// # }
    /// ```
    #[track_caller]
    pub fn map<U: 'static>(&self, f: impl Fn(T) -> U + Clone + Send + Sync + 'static) -> DStream<U> {
        self.derived("map", move |rdd, _| rdd.map(f.clone()))
    }

    /// Keeps the records for which `f` is true: Spark's `DStream.filter`.
    ///
    /// ```no_run
    /// # fn example(lines: tidemill_streaming::DStream<tidemill_core::Text>) {
    /// let errors = lines.filter(|line| line.contains("ERROR"));
    /// # }
    /// ```
    #[track_caller]
    pub fn filter(&self, f: impl Fn(&T) -> bool + Clone + Send + Sync + 'static) -> DStream<T> {
        self.derived("filter", move |rdd, _| rdd.filter(f.clone()))
    }

    /// Makes of each record all that the iterator of `f` yields: Spark's `DStream.flatMap`.
    ///
    /// ```no_run
    /// # fn example(lines: tidemill_streaming::DStream<tidemill_core::Text>) {
    /// let words = lines.flat_map(|line| line.split(' '));
    /// # }
    /// ```
    #[track_caller]
    pub fn flat_map<I: IntoIterator + 'static>(
        &self,
        f: impl Fn(T) -> I + Clone + Send + Sync + 'static,
    ) -> DStream<I::Item> {
        self.derived("flat_map", move |rdd, _| rdd.flat_map(f.clone()))
    }
}

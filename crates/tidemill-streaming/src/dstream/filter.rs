//! `filter`: keeps the records that a function says yes to.

use tidemill_core::Element;

use crate::dstream::DStream;

impl<T: 'static> DStream<T> {
    /// Keeps the records for which `f` is true, in their partitions: Spark's `DStream.filter` (behaviour 1.23).
    ///
    /// ```text
    /// batch 1: [1, 2, 3]  ->  [2]
    /// batch 2: [5]        ->  []
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check([vec![1, 2, 3], vec![5]], |numbers| numbers.filter(|x| x % 2 == 0), [vec![2], vec![]]);
    /// ```
    #[track_caller]
    pub fn filter(&self, f: impl Fn(&T) -> bool + Clone + Send + Sync + 'static) -> DStream<T> {
        self.derived("filter", move |rdd, _| rdd.filter(f.clone()))
    }

    /// [`filter`](DStream::filter) with a value that every task is given.
    ///
    /// ```text
    /// batch 1: [1, 2, 3]  ->  [3]
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check([vec![1, 2, 3]], |numbers| numbers.filter_with(2, |limit, x| x > limit), [vec![3]]);
    /// ```
    #[track_caller]
    pub fn filter_with<E: Element>(
        &self,
        env: E,
        f: impl Fn(&E, &T) -> bool + Clone + Send + Sync + 'static,
    ) -> DStream<T> {
        self.derived("filter_with", move |rdd, _| rdd.filter_with(env.clone(), f.clone()))
    }
}

//! `map_partitions`: a function over the whole of each partition.

use tidemill_core::Element;
use tidemill_core::rdd::Elements;

use crate::dstream::DStream;

impl<T: 'static> DStream<T> {
    /// Makes of all records of a partition all that the iterator of `f` yields: Spark's `DStream.mapPartitions` (behaviour
    /// 1.26). It is called for empty partitions too.
    ///
    /// ```text
    /// batch 1: [1, 2] [3, 4]  ->  [3] [7]
    /// batch 2: []     []      ->  [0] [0]
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![1, 2, 3, 4], vec![]], // in two partitions
    ///     |numbers| numbers.map_partitions(|elements| [elements.sum::<i32>()]),
    ///     [vec![3, 7], vec![0, 0]],
    /// );
    /// ```
    #[track_caller]
    pub fn map_partitions<I: IntoIterator + 'static>(
        &self,
        f: impl Fn(Elements<T>) -> I + Clone + Send + Sync + 'static,
    ) -> DStream<I::Item> {
        self.derived("map_partitions", move |rdd, _| rdd.map_partitions(f.clone()))
    }

    /// [`map_partitions`](DStream::map_partitions) with a value that every task is given.
    ///
    /// ```text
    /// batch 1: [1, 2] [3, 4]  ->  [1] [3]
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![1, 2, 3, 4]],
    ///     |numbers| numbers.map_partitions_with(1, |n, elements| elements.take(*n)),
    ///     [vec![1, 3]],
    /// );
    /// ```
    #[track_caller]
    pub fn map_partitions_with<E: Element, I: IntoIterator + 'static>(
        &self,
        env: E,
        f: impl Fn(&E, Elements<T>) -> I + Clone + Send + Sync + 'static,
    ) -> DStream<I::Item> {
        self.derived("map_partitions_with", move |rdd, _| rdd.map_partitions_with(env.clone(), f.clone()))
    }

    /// [`map_partitions`](DStream::map_partitions) for a function that is told the partition's number: PySpark's
    /// `DStream.mapPartitionsWithIndex` (behaviour 1.27).
    ///
    /// ```text
    /// batch 1: [1] [2, 3]  ->  [(0, 1)] [(1, 2)]
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![1, 2, 3]],
    ///     |numbers| numbers.map_partitions_with_index(|index, elements| [(index, elements.count())]),
    ///     [vec![(0, 1), (1, 2)]],
    /// );
    /// ```
    #[track_caller]
    pub fn map_partitions_with_index<I: IntoIterator + 'static>(
        &self,
        f: impl Fn(usize, Elements<T>) -> I + Clone + Send + Sync + 'static,
    ) -> DStream<I::Item> {
        self.derived("map_partitions_with_index", move |rdd, _| rdd.map_partitions_with_index(f.clone()))
    }
}

//! `group_by_key`: all values of each key of a batch in one list.

use tidemill_core::{Element, Key};

use crate::dstream::DStream;

impl<K: Key, V: Element> DStream<(K, V)> {
    /// The values of each key of a batch as one list, in order of arrival: Spark's `DStream.groupByKey` (behaviour 1.40),
    /// in as many partitions as `default_parallelism` says. For sums and the like,
    /// [`reduce_by_key`](DStream::reduce_by_key) moves far less.
    ///
    /// ```text
    /// batch 1: [("b", 1), ("a", 2), ("b", 3)]  ->  [("b", [1, 3]), ("a", [2])]
    /// batch 2: []                              ->  []
    /// ```
    ///
    /// See [`group_by_key_into`](DStream::group_by_key_into) for an example.
    #[track_caller]
    pub fn group_by_key(&self) -> DStream<(K, Vec<V>)> {
        self.derived("group_by_key", |rdd, _| rdd.group_by_key())
    }

    /// [`group_by_key`](DStream::group_by_key) into a number of partitions; 0 is taken as 1.
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![('b', 1), ('a', 2), ('b', 3)], vec![]],
    ///     |pairs| pairs.group_by_key_into(1),
    ///     [vec![('b', vec![1, 3]), ('a', vec![2])], vec![]],
    /// );
    /// ```
    #[track_caller]
    pub fn group_by_key_into(&self, partitions: usize) -> DStream<(K, Vec<V>)> {
        self.derived("group_by_key", move |rdd, _| rdd.group_by_key_into(partitions))
    }
}

//! `count_by_value`: how often each record occurs in each batch.

use tidemill_core::Key;
use tidemill_core::lineage::called_as;

use crate::dstream::DStream;

impl<T: Key> DStream<T> {
    /// Each different record of a batch with the number of times it is there: Spark's `DStream.countByValue` (behaviour
    /// 1.41), in as many partitions as `default_parallelism` says, in first-seen order within each.
    ///
    /// ```text
    /// batch 1: ["b", "a", "b"]  ->  [("b", 2), ("a", 1)]
    /// batch 2: []               ->  []
    /// ```
    ///
    /// See [`count_by_value_into`](DStream::count_by_value_into) for an example.
    #[track_caller]
    pub fn count_by_value(&self) -> DStream<(T, u64)> {
        self.derived("count_by_value", |rdd, _| {
            called_as("count_by_value", || rdd.map(|value| (value, 1)).reduce_by_key(|a, b| a + b))
        })
    }

    /// [`count_by_value`](DStream::count_by_value) into a number of partitions; 0 is taken as 1.
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec!['b', 'a', 'b'], vec![]],
    ///     |letters| letters.count_by_value_into(1),
    ///     [vec![('b', 2), ('a', 1)], vec![]],
    /// );
    /// ```
    #[track_caller]
    pub fn count_by_value_into(&self, partitions: usize) -> DStream<(T, u64)> {
        self.derived("count_by_value", move |rdd, _| {
            called_as("count_by_value", || rdd.map(|value| (value, 1)).reduce_by_key_into(|a, b| a + b, partitions))
        })
    }
}

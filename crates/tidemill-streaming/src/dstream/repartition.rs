//! `repartition`: another number of partitions.

use tidemill_core::Element;

use crate::dstream::DStream;

impl<T: Element> DStream<T> {
    /// Deals the records of each batch out evenly to a number of partitions, through a shuffle: Spark's
    /// `DStream.repartition` (behaviour 1.45). No partitions are taken as one.
    ///
    /// ```text
    /// batch 1: [1] [2, 3]  ->  [1] [2] [3], or another dealing
    /// batch 2: []  []      ->  []  []  []
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![1, 2, 3], vec![]],
    ///     |numbers| numbers.repartition(3).glom().count(),
    ///     [vec![3], vec![3]],
    /// );
    /// ```
    #[track_caller]
    pub fn repartition(&self, partitions: usize) -> DStream<T> {
        self.derived("repartition", move |rdd, _| rdd.repartition(partitions))
    }
}

//! `glom`: each partition as one record.

use crate::dstream::DStream;

impl<T: 'static> DStream<T> {
    /// Makes of each partition one list of its records, an empty one of an empty partition: Spark's `DStream.glom`
    /// (behaviour 1.36).
    ///
    /// ```text
    /// batch 1: [1] [2, 3]  ->  [[1]] [[2, 3]]
    /// batch 2: []  []      ->  [[]]  [[]]
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![1, 2, 3], vec![]],
    ///     |numbers| numbers.glom(),
    ///     [vec![vec![1], vec![2, 3]], vec![vec![], vec![]]],
    /// );
    /// ```
    #[track_caller]
    pub fn glom(&self) -> DStream<Vec<T>> {
        self.derived("glom", |rdd, _| rdd.glom())
    }
}

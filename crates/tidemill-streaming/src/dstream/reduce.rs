//! `reduce`: the records of each batch merged into one.

use tidemill_core::lineage::called_as;
use tidemill_core::{Element, Rdd};

use crate::dstream::DStream;

impl<T: Element> DStream<T> {
    /// Merges the records of each batch with an associative function, first within each partition, then the results in
    /// the order of partitions: Spark's `DStream.reduce`. An empty batch gives an empty one, no error (behaviour 1.28).
    /// There is one partition.
    ///
    /// ```text
    /// batch 1: [1, 2, 3]  ->  [6]
    /// batch 2: []         ->  []
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check([vec![1, 2, 3], vec![]], |numbers| numbers.reduce(|a, b| a + b), [vec![6], vec![]]);
    /// ```
    #[track_caller]
    pub fn reduce(&self, f: impl Fn(T, T) -> T + Clone + Send + Sync + 'static) -> DStream<T> {
        self.derived("reduce", move |rdd, _| called_as("reduce", || reduced(&rdd, f.clone())))
    }
}

/// The elements merged into one, or none, in one partition.
pub(crate) fn reduced<T: Element>(rdd: &Rdd<T>, f: impl Fn(T, T) -> T + Send + Sync + 'static) -> Rdd<T> {
    rdd.map(|element| ((), element)).reduce_by_key_into(f, 1).map(|((), element)| element)
}

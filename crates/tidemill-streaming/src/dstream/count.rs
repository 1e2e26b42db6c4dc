//! `count`: how many records each batch holds.

use tidemill_core::lineage::called_as;
use tidemill_core::{Rdd, Timestamp};

use crate::dstream::DStream;
use crate::dstream::reduce::reduced;

/// What [`DStream::count_with`] gives for a batch whose RDD has no partitions, as that of a receiver which received
/// nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoPartitions {
    /// 0, as for every empty batch: Scala's `count`.
    #[default]
    Zero,
    /// Nothing: PySpark's `count`.
    Nothing,
}

impl<T: 'static> DStream<T> {
    /// The number of records of each batch: Spark's `DStream.count`. An empty batch gives 0 (behaviour 1.22).
    ///
    /// ```text
    /// batch 1: [5, 5, 7]  ->  [3]
    /// batch 2: []         ->  [0]
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check([vec![5, 5, 7], vec![]], |numbers| numbers.count(), [vec![3], vec![0]]);
    /// ```
    #[track_caller]
    pub fn count(&self) -> DStream<u64> {
        self.count_with(NoPartitions::Zero)
    }

    /// [`count`](DStream::count), with a choice for batches without partitions, where Spark's Scala and Python differ
    /// (behaviour 1.22).
    ///
    /// ```text
    /// batch 1: 3 records in 2 partitions   ->  [3]
    /// batch 2: none in 2 partitions        ->  [0]
    /// batch 3: none in 0 partitions        ->  [0] with `Zero`, [] with `Nothing`
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::dstream::NoPartitions;
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![1, 2, 3], vec![]],
    ///     |numbers| {
    ///         // Receivers make no partitions of nothing.
    ///         let received = numbers.try_transform(|rdd, _| {
    ///             let context = rdd.context().clone();
    ///             Ok(Some(if rdd.is_empty()? { context.empty() } else { rdd }))
    ///         });
    ///         received.count_with(NoPartitions::Nothing)
    ///     },
    ///     [vec![3], vec![]],
    /// );
    /// ```
    #[track_caller]
    pub fn count_with(&self, no_partitions: NoPartitions) -> DStream<u64> {
        self.derived("count", move |rdd: Rdd<T>, _: Timestamp| {
            called_as("count", || match (rdd.num_partitions(), no_partitions) {
                (0, NoPartitions::Zero) => rdd.context().parallelize([0], 1),
                (0, NoPartitions::Nothing) => rdd.context().empty(),
                _ => reduced(&rdd.map_partitions(|elements| [elements.count() as u64]), |a, b| a + b),
            })
        })
    }
}

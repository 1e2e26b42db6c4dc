//! `partition_by`: brings the pairs of each batch to a layout.

use std::sync::Arc;

use tidemill_core::layout::Partitioner;
use tidemill_core::lineage::Operator;
use tidemill_core::{Element, Key};

use crate::dstream::DStream;
use crate::dstream::transform::generated;
use crate::error::Error;

impl<K: Key, V: Element> DStream<(K, V)> {
    /// Brings each pair to the partition that `partitioner` says, in order of arrival: PySpark's `DStream.partitionBy`
    /// (behaviour 1.31). Keyed operators on the result keep its layout; streams of one layout join without a shuffle.
    ///
    /// ```text
    /// batch 1: [(1, "a"), (2, "b")] [(3, "c")]  ->  [(2, "b")] [(1, "a"), (3, "c")]     even and odd keys
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] for a partitioner without partitions, or one that cannot be encoded.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use tidemill_core::layout::Partitioner;
    /// use tidemill_streaming::testing::check;
    ///
    /// #[derive(Clone, Serialize, Deserialize)]
    /// struct EvenOdd;
    /// impl Partitioner<i64> for EvenOdd {
    ///     fn partitions(&self) -> usize {
    ///         2
    ///     }
    ///     fn partition(&self, key: &i64) -> usize {
    ///         key.rem_euclid(2) as usize
    ///     }
    /// }
    /// check(
    ///     [vec![(1, 'a'), (2, 'b'), (3, 'c')]],
    ///     |pairs| pairs.partition_by(EvenOdd).unwrap().glom(),
    ///     [vec![vec![(2, 'b')], vec![(1, 'a'), (3, 'c')]]],
    /// );
    /// ```
    #[track_caller]
    pub fn partition_by<P: Partitioner<K>>(&self, partitioner: P) -> Result<DStream<(K, V)>, Error> {
        let operator = Operator::here("partition_by");
        if let Some(streaming) = self.context() {
            let tried = streaming.context().empty::<(K, V)>().partition_by(partitioner.clone());
            tried.map_err(|cause| Error::Argument { cause: Arc::new(cause) })?;
        }
        Ok(self.computed("partition_by", move |rdd, time| {
            generated(rdd.partition_by(partitioner.clone()).map(Some).map_err(Into::into), time, &operator)
        }))
    }

    /// Brings each pair to the partition of its key's hash among `partitions`, in order of arrival: PySpark's
    /// `DStream.partitionBy(n)` (behaviour 1.31). 0 partitions are taken as 1.
    ///
    /// ```text
    /// batch 1: [("a", 1)] [("b", 2), ("a", 3)]  ->  [("a", 1), ("a", 3)] [("b", 2)], or the other way round
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![('a', 1), ('b', 2), ('a', 3)]],
    ///     |pairs| pairs.partition_by_hash(1),
    ///     [vec![('a', 1), ('b', 2), ('a', 3)]],
    /// );
    /// ```
    #[track_caller]
    pub fn partition_by_hash(&self, partitions: usize) -> DStream<(K, V)> {
        self.derived("partition_by_hash", move |rdd, _| rdd.partition_by_hash(partitions))
    }
}

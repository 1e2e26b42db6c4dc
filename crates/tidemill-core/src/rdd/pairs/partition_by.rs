//! `partition_by`: brings pairs to a layout.

use crate::error::Error;
use crate::exchange::scatter::no_partitions;
use crate::layout::{Layout, Partitioner};
use crate::lineage::Operator;
use crate::rdd::Rdd;
use crate::{Cause, Element, Key};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// Brings each pair to the partition that `partitioner` says, in order of arrival: Spark's `RDD.partitionBy`
    /// (behaviour 3.5). Pairs that lie so already stay where they are.
    ///
    /// Keyed operators on the result keep its layout; an equal partitioner makes an equal layout.
    ///
    /// # Errors
    /// A partitioner without partitions, or one that cannot be encoded.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use tidemill_core::layout::Partitioner;
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
    /// let context = tidemill_core::Context::local(2)?;
    /// let pairs = context.parallelize([(1_i64, 'a'), (2, 'b'), (3, 'c')], 3).partition_by(EvenOdd)?;
    /// assert_eq!(pairs.values().glom().collect()?, [vec!['b'], vec!['a', 'c']]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn partition_by<P: Partitioner<K>>(&self, partitioner: P) -> Result<Rdd<(K, V)>, Error>
    where
        K: Key,
        V: Element,
    {
        let layout = custom_layout("partition_by", partitioner)?;
        Ok(self.laid_out("partition_by", &layout))
    }

    /// Brings each pair to where `layout` has its key, in order of arrival; pairs that lie so already stay where they are
    /// (behaviour 3.24).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let pairs = context.parallelize((0..100).map(|n| (n % 5, n)), 4).partition_by_hash(3);
    /// let other = context.parallelize((0..5).map(|n| (n, n * n)), 2);
    /// let other = other.partition_by_layout(pairs.layout().expect("it was partitioned"))?;
    /// assert_eq!(pairs.layout(), other.layout());
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The layout is one of keys of another type.
    #[track_caller]
    pub fn partition_by_layout(&self, layout: &Layout) -> Result<Rdd<(K, V)>, Error>
    where
        K: Key,
        V: Element,
    {
        let name = "partition_by_layout";
        check_keys::<K>(name, layout)?;
        Ok(self.laid_out(name, layout))
    }

    /// Brings each pair to the partition of its key's hash among `partitions`, in order of arrival: Spark's
    /// `partitionBy(HashPartitioner(n))`. 0 partitions are taken as 1.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let pairs = context.parallelize((0..100).map(|n| (n % 5, n)), 4).partition_by_hash(3);
    /// let other = context.parallelize((0..5).map(|n| (n, n * n)), 2).partition_by_hash(3);
    /// assert_eq!(pairs.layout(), other.layout()); // they join without a further shuffle
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn partition_by_hash(&self, partitions: usize) -> Rdd<(K, V)>
    where
        K: Key,
        V: Element,
    {
        self.laid_out("partition_by_hash", &self.context().hash_layout::<K>(partitions))
    }
}

impl Layout {
    /// Keys lie as `partitioner` says, for those who want several RDDs or streams to lie alike.
    ///
    /// # Errors
    /// It has no partitions, or cannot be encoded.
    #[track_caller]
    pub fn by<K: 'static, P: Partitioner<K>>(partitioner: P) -> Result<Layout, Error> {
        custom_layout("partition_by", partitioner)
    }
}

/// Refuses a layout of keys of another type than `K`, for the operator called `name`.
#[track_caller]
pub(super) fn check_keys<K: 'static>(name: &'static str, layout: &Layout) -> Result<(), Error> {
    if layout.route::<K>().is_some() {
        return Ok(());
    }
    let text = format!("the layout is not one of keys of the type {}", std::any::type_name::<K>());
    Err(Error::driver(&Operator::here(name), Cause::Invalid(text)))
}

/// The layout of a user's partitioner, for the operator called `name`.
#[track_caller]
pub(super) fn custom_layout<K: 'static, P: Partitioner<K>>(
    name: &'static str,
    partitioner: P,
) -> Result<Layout, Error> {
    let operator = Operator::here(name);
    let layout = Layout::custom::<K, P>(partitioner).map_err(|e| e.at(&operator))?;
    if layout.partitions() == 0 {
        return Err(Error::driver(&operator, no_partitions(name)));
    }
    Ok(layout)
}

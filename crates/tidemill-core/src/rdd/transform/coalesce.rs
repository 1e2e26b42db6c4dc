//! `coalesce` and `repartition`: another number of partitions.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::Element;
use crate::exchange::scatter::Scatter;
use crate::lineage::{Arrangement, Concat};
use crate::rdd::Rdd;

impl<T: 'static> Rdd<T> {
    /// Fewer partitions, without a shuffle: each is a group of neighbours. Spark's `RDD.coalesce(n)`.
    ///
    /// There are never more partitions than before; no partitions are taken as one. Fewer partitions also mean fewer tasks
    /// for everything before this, up to the nearest shuffle.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let parts = context.parallelize(1..=5, 5).coalesce(2).glom().collect()?;
    /// assert_eq!(parts, [vec![1, 2], vec![3, 4, 5]]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn coalesce(&self, partitions: usize) -> Rdd<T> {
        let partitions = partitions.max(1).min(self.num_partitions());
        let meta = self.context().meta("coalesce", partitions, None);
        Rdd::new(self.context(), Arc::new(Concat::new(meta, vec![self.parent()], Arrangement::Grouped)))
    }

    /// Deals the elements out evenly to a number of partitions, through a shuffle: Spark's `RDD.repartition`. No
    /// partitions are taken as one.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let parts = context.parallelize(1..=6, 1).repartition(3).map_partitions(|elements| [elements.count()]);
    /// assert_eq!(parts.collect()?, [2, 2, 2]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn repartition(&self, partitions: usize) -> Rdd<T>
    where
        T: Element,
    {
        self.exchange("repartition", partitions, None, Scatter { elements: PhantomData })
    }
}

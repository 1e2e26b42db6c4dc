//! `repartition_and_sort_within_partitions`: brings pairs to a layout, sorted by key within each partition.

use crate::error::Error;
use crate::layout::Partitioner;
use crate::rdd::Rdd;
use crate::rdd::pairs::partition_by::custom_layout;
use crate::{Element, Key};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// Brings pairs to the partitions that `partitioner` says and sorts each partition by key, falling unless `ascending`:
    /// Spark's `RDD.repartitionAndSortWithinPartitions` (behaviour 3.5). Pairs of equal keys stay in order of arrival.
    ///
    /// # Errors
    /// A partitioner without partitions, or one that cannot be encoded.
    ///
    /// ```
    /// use tidemill_core::layout::RangePartitioner;
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// let pairs = context.parallelize([(3, 'c'), (9, 'z'), (1, 'a')], 2);
    /// let sorted = pairs.repartition_and_sort_within_partitions(RangePartitioner::new(vec![5], true), true)?;
    /// assert_eq!(sorted.values().glom().collect()?, [vec!['a', 'c'], vec!['z']]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn repartition_and_sort_within_partitions<P: Partitioner<K>>(
        &self,
        partitioner: P,
        ascending: bool,
    ) -> Result<Rdd<(K, V)>, Error>
    where
        K: Key + Ord,
        V: Element,
    {
        let name = "repartition_and_sort_within_partitions";
        let layout = custom_layout(name, partitioner)?;
        Ok(self.laid_out(name, &layout).sorted_in_place(name, ascending))
    }

    /// [`repartition_and_sort_within_partitions`](Rdd::repartition_and_sort_within_partitions) by hash into a number of
    /// partitions; 0 is taken as 1.
    #[track_caller]
    pub fn repartition_and_sort_within_partitions_by_hash(&self, partitions: usize, ascending: bool) -> Rdd<(K, V)>
    where
        K: Key + Ord,
        V: Element,
    {
        let (name, layout) = ("repartition_and_sort_within_partitions", self.context().hash_layout::<K>(partitions));
        self.laid_out(name, &layout).sorted_in_place(name, ascending)
    }
}

//! Which layout keyed operators bring their pairs to.

use crate::Key;
use crate::layout::Layout;
use crate::rdd::Rdd;

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// The layout that keyed operators use unless told otherwise: the one that the pairs have, else by hash in as many
    /// partitions as `default_parallelism` says. (Spark's `Partitioner.defaultPartitioner`.)
    pub(crate) fn default_layout(&self) -> Layout
    where
        K: Key,
    {
        let held = self.layout().filter(|layout| layout.route::<K>().is_some()).cloned();
        held.unwrap_or_else(|| self.context().hash_layout::<K>(self.context().default_parallelism()))
    }
}

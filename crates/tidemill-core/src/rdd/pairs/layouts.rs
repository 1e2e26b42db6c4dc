//! Which layout keyed operators bring their pairs to, and how.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::exchange::Shuffled;
use crate::exchange::partition::Partition;
use crate::layout::Layout;
use crate::rdd::Rdd;
use crate::{Element, Key};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// The layout that keyed operators use unless told otherwise: the one that the pairs have, else by hash in as many
    /// partitions as `default_parallelism` says.
    pub(crate) fn default_layout(&self) -> Layout
    where
        K: Key,
    {
        self.layout_among(&[])
    }

    /// The layout to which several inputs are brought: of those that they have the one with most partitions, else by hash
    /// in as many partitions as `default_parallelism` says. (Spark's `Partitioner.defaultPartitioner`.)
    pub(crate) fn layout_among(&self, others: &[Option<&Layout>]) -> Layout
    where
        K: Key,
    {
        let larger = |best: Option<Layout>, next: &Layout| match best {
            Some(best) if best.partitions() >= next.partitions() => Some(best),
            _ => Some(next.clone()),
        };
        let held = [self.key_layout()].into_iter().chain(others.iter().copied()).flatten().fold(None, larger);
        held.unwrap_or_else(|| self.context().hash_layout::<K>(self.context().default_parallelism()))
    }

    /// How these pairs lie by their keys, where that is known.
    pub(crate) fn key_layout(&self) -> Option<&Layout> {
        self.layout().filter(|layout| layout.route::<K>().is_some())
    }

    /// The pairs by `layout`, in order of arrival; themselves where they lie so already (behaviour 3.24).
    #[track_caller]
    pub(crate) fn laid_out(&self, name: &'static str, layout: &Layout) -> Rdd<(K, V)>
    where
        K: Key,
        V: Element,
    {
        if self.layout() == Some(layout) {
            return self.clone();
        }
        let Some(route) = layout.route::<K>() else {
            debug_assert!(false, "{name}: a layout of other keys was chosen");
            return self.clone();
        };
        let context = self.context();
        let meta = context.meta(name, layout.partitions(), Some(layout.clone()));
        let (parent, exchange) = (Arc::clone(self.node()), Partition { route, values: PhantomData });
        let node = Shuffled::new(meta, context.next_shuffle(), parent, exchange, context.environment());
        Rdd::new(context, Arc::new(node))
    }
}

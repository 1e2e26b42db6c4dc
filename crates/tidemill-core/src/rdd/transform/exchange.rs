//! `exchange`: an operator of one's own that needs a shuffle.

use std::sync::Arc;

use crate::exchange::{Exchange, Shuffled};
use crate::layout::Layout;
use crate::rdd::Rdd;

impl<T: 'static> Rdd<T> {
    /// What `exchange` makes of the elements in `partitions` partitions, through a shuffle: how operators of other crates
    /// bring elements together. `layout` says how keys lie afterwards, where that is known. No partitions are taken as one.
    #[track_caller]
    pub fn exchange<X: Exchange<In = T>>(
        &self,
        name: &'static str,
        partitions: usize,
        layout: Option<Layout>,
        exchange: X,
    ) -> Rdd<X::Out> {
        let context = self.context();
        let meta = context.meta(name, partitions.max(1), layout);
        let node =
            Shuffled::new(meta, context.next_shuffle(), Arc::clone(self.node()), exchange, context.environment());
        Rdd::new(context, Arc::new(node))
    }
}

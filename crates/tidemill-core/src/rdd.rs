//! `Rdd<T>`: a cheap handle on an immutable collection that is spread over partitions and computed when asked for.
//!
//! The folder beside this file is the reference: one operator, one file. Operators only add a node to the lineage; actions
//! run a job. Every operator is one of three shapes of node: a source, narrow over its parents, or the two sides of a
//! shuffle.

use std::sync::Arc;

use crate::RddId;
use crate::context::Context;
use crate::layout::Layout;
use crate::lineage::{Meta, Node, Operator, Parent};

mod actions;
mod both;
mod checkpoint;
mod describe;
mod narrow;
mod pairs;
mod persist;
mod sources;
mod transform;

pub use actions::*;
pub(crate) use actions::{Drawn, run_job};
pub(crate) use both::{Inputs, Meeting};
pub(crate) use narrow::{Entry, Input, Keeps};
pub use persist::Storage;
pub(crate) use persist::{Pieces, open, to_disk};
pub use sources::*;
pub use transform::*;

/// An immutable collection spread over partitions: Spark's `RDD`. Cloning it clones a pointer.
pub struct Rdd<T: 'static> {
    context: Context,
    node: Parent<T>,
}

impl<T: 'static> Clone for Rdd<T> {
    fn clone(&self) -> Self {
        Rdd::new(&self.context, Arc::clone(self.node.node()))
    }
}

impl<T: 'static> Rdd<T> {
    /// The handle of a node of one's own: how sources of other crates enter.
    pub fn new(context: &Context, node: Arc<dyn Node<T>>) -> Rdd<T> {
        Rdd { context: context.clone(), node: Parent::new(node) }
    }

    /// The context that it belongs to.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Its id within the context: Spark's `RDD.id`.
    pub fn id(&self) -> RddId {
        self.meta().id
    }

    /// How many partitions it has: Spark's `getNumPartitions`.
    pub fn num_partitions(&self) -> usize {
        self.meta().partitions
    }

    /// How its keys lie in its partitions, where that is known: Spark's `partitioner`.
    pub fn layout(&self) -> Option<&Layout> {
        self.meta().layout.as_ref()
    }

    /// The operator that made it, with the source line of the call.
    pub fn operator(&self) -> &Operator {
        &self.meta().operator
    }

    pub(crate) fn meta(&self) -> &Meta {
        self.node.node().meta()
    }

    /// Its lineage node.
    pub fn node(&self) -> &Arc<dyn Node<T>> {
        self.node.node()
    }

    /// Its context and its hold on the lineage.
    pub(crate) fn into_parts(self) -> (Context, Parent<T>) {
        (self.context, self.node)
    }

    pub(crate) fn parent(&self) -> Parent<T> {
        Parent::new(Arc::clone(self.node()))
    }
}

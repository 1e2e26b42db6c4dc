//! `Received`: blocks that a receiver stored, a partition each.

use std::sync::Arc;

use crate::context::Context;
use crate::lineage::{Dependency, Lineage, Meta, Node};
use crate::memory::Grant;
use crate::rdd::Rdd;
use crate::runs::{BoxRuns, Runs, VecRuns};
use crate::ship::{Encoder, NotShippable};
use crate::task::TaskContext;
use crate::{BlockId, Cause, Element, Stop};

/// Blocks of received records that the store holds as values `B`, each as its own partition with one element.
///
/// The blocks belong to whoever stored them: the stream of whose batch they are removes them once no batch needs them.
pub struct Received<B> {
    meta: Meta,
    blocks: Vec<BlockId>,
    block: std::marker::PhantomData<fn() -> B>,
}

impl Context {
    /// An RDD of stored blocks: one partition and one element a block, in the given order (behaviour 2.31). No blocks make
    /// an RDD without partitions.
    #[track_caller]
    pub fn received<B: Element>(&self, name: &'static str, blocks: Vec<BlockId>) -> Rdd<B> {
        let meta = self.meta(name, blocks.len(), None);
        Rdd::new(self, Arc::new(Received { meta, blocks, block: std::marker::PhantomData }))
    }
}

impl<B: Element> Lineage for Received<B> {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        Vec::new()
    }

    fn encode(&self, _: &mut Encoder) -> Result<(), NotShippable> {
        Err(NotShippable::because("received blocks are read where they were received").at(&self.meta.operator))
    }
}

impl<B: Element> Node<B> for Received<B> {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<B>, Stop> {
        cx.check()?;
        let id = self.blocks.get(partition).copied();
        let id = id.ok_or_else(|| Cause::Invalid(format!("there is no received block for partition {partition}")))?;
        let Some((value, grant)) = cx.environment().store.fetch(id)? else { return Err(Stop::Lost(id)) };
        let block = value.downcast_ref::<B>().cloned();
        let block = block.ok_or_else(|| Cause::Invalid(format!("block {id} holds another type than its stream")))?;
        Ok(Box::new(Held { block: VecRuns::new(vec![block]), _grant: grant }))
    }
}

/// A block in the hands of a task.
struct Held<B> {
    block: VecRuns<B>,
    /// Counts as taken until the task is done with it.
    _grant: Arc<Grant>,
}

impl<B> Runs<B> for Held<B> {
    fn next(&mut self, into: &mut Vec<B>) -> Result<bool, Stop> {
        self.block.next(into)
    }
}

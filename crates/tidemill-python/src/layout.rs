//! Layouts of Python RDDs: partitioners that the engine tells apart and never asks.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidemill_core::layout::{Layout, Partitioner};
use tidemill_core::lineage::{Dependency, Lineage, Meta, Node, Operator, Parent};
use tidemill_core::ship::{Encoder, NotShippable};
use tidemill_core::{BoxRuns, Error, Rdd, Stop, TaskContext};

use crate::batch::PyBatch;
use crate::not_shippable;

/// A partitioner of Python's: its name there, and how many partitions it has. Workers ask the partitioner itself.
#[derive(Clone, Serialize, Deserialize)]
struct Opaque {
    name: Vec<u8>,
    partitions: usize,
}

impl Partitioner<()> for Opaque {
    fn partitions(&self) -> usize {
        self.partitions
    }

    /// A number that no partition has, which fails whoever asks.
    fn partition(&self, (): &()) -> usize {
        usize::MAX
    }
}

/// The layout of that name: equal names and numbers of partitions make equal layouts.
///
/// # Errors
/// There are no partitions.
#[track_caller]
pub fn opaque_layout(name: Vec<u8>, partitions: usize) -> Result<Layout, Error> {
    Layout::by::<(), Opaque>(Opaque { name, partitions })
}

/// The name of an RDD's layout.
pub fn layout_of<T>(rdd: &Rdd<T>) -> Option<Vec<u8>> {
    rdd.layout()?.partitioner::<Opaque>().map(|opaque| opaque.name)
}

/// The same partitions, of which is known that keys lie in them by `layout`; or of which nothing is known any more.
pub fn with_layout(rdd: &Rdd<PyBatch>, layout: Option<Layout>) -> Rdd<PyBatch> {
    let parent = rdd.node().meta();
    let fresh = rdd.context().meta("layout", parent.partitions, layout);
    let operator: Operator = parent.operator.clone();
    let meta = Meta { depth: parent.depth + 1, operator, ..fresh };
    Rdd::new(rdd.context(), Arc::new(LaidOut { meta, parent: Parent::new(Arc::clone(rdd.node())) }))
}

struct LaidOut {
    meta: Meta,
    parent: Parent<PyBatch>,
}

impl Lineage for LaidOut {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        vec![self.parent.narrow()]
    }

    fn first_input(&self, partition: usize) -> Option<(Arc<dyn Lineage>, usize)> {
        Some((Arc::clone(self.parent.node()) as Arc<dyn Lineage>, partition))
    }

    fn draws_once(&self) -> bool {
        true
    }

    fn encode(&self, _: &mut Encoder) -> Result<(), NotShippable> {
        Err(not_shippable(&self.meta))
    }
}

impl Node<PyBatch> for LaidOut {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<PyBatch>, Stop> {
        self.parent.compute(partition, cx, self.meta.depth)
    }
}

//! Nodes that change no element and say something of the RDD: `barrier` and `named`.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Stop;
use crate::lineage::{Concat, Dependency, Lineage, Meta, Node, Parent};
use crate::rdd::{Rdd, Storage};
use crate::runs::BoxRuns;
use crate::ship::{Decoded, Decoder, Encoder, NotShippable, ShipError};
use crate::task::TaskContext;

/// What a node says of its RDD.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Mark {
    /// All partitions are computed at once.
    Barrier,
    /// The user calls it so.
    Name(String),
}

impl<T: 'static> Rdd<T> {
    /// The same partitions in a node that carries `mark`.
    #[track_caller]
    pub(super) fn marked(&self, operator: &'static str, mark: Mark) -> Rdd<T> {
        let parent = self.meta();
        let meta = self.context().meta(operator, parent.partitions, parent.layout.clone());
        let meta = Meta { depth: parent.depth + 1, ..meta };
        Rdd::new(self.context(), Arc::new(Marked { meta, parent: self.parent(), mark }))
    }
}

struct Marked<T: 'static> {
    meta: Meta,
    parent: Parent<T>,
    mark: Mark,
}

impl<T: 'static> Lineage for Marked<T> {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        vec![self.parent.narrow()]
    }

    fn first_input(&self, partition: usize) -> Option<(Arc<dyn Lineage>, usize)> {
        Some((Arc::clone(self.parent.node()) as Arc<dyn Lineage>, partition))
    }

    fn is_barrier(&self) -> bool {
        self.mark == Mark::Barrier
    }

    fn name(&self) -> Option<&str> {
        match &self.mark {
            Mark::Name(name) => Some(name),
            Mark::Barrier => None,
        }
    }

    fn storage(&self) -> Option<&Storage> {
        self.parent.node().storage()
    }

    fn checkpoint_folder(&self) -> Option<&Path> {
        self.parent.node().checkpoint_folder()
    }

    fn is_locally_checkpointed(&self) -> bool {
        self.parent.node().is_locally_checkpointed()
    }

    fn draws_once(&self) -> bool {
        true
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable> {
        out.node::<Self>(decode::<T>, &self.meta, &[self.parent.id()], &self.mark)
    }
}

fn decode<T: 'static>(decoder: &mut Decoder) -> Result<Decoded, ShipError> {
    let (meta, parents, mark): (Meta, Vec<u32>, Mark) = decoder.value::<Marked<T>, _>()?;
    let parent = Parent::new(decoder.parent::<T>(parents.first().copied().unwrap_or(u32::MAX))?);
    let node: Arc<dyn Node<T>> = Arc::new(Marked { meta, parent, mark });
    Ok(Box::new(node))
}

impl<T: 'static> Node<T> for Marked<T> {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<T>, Stop> {
        self.parent.compute(partition, cx, self.meta.depth)
    }

    fn as_concat(&self) -> Option<&Concat<T>> {
        self.parent.node().as_concat()
    }
}

//! A node of another crate's making, with several parents: the elements of the one, then of the other.

use std::sync::Arc;

use tidemill_core::lineage::{Dependency, Lineage, Meta, Node, Parent};
use tidemill_core::ship::{Decoded, Decoder, Encoder, NotShippable, ShipError};
use tidemill_core::{BoxRuns, Rdd, Runs, Stop, TaskContext};

struct Union<T: 'static> {
    meta: Meta,
    parents: [Parent<T>; 2],
}

/// Partition by partition, the elements of `first` and then those of `second`.
#[track_caller]
pub(crate) fn union<T: 'static>(first: &Rdd<T>, second: &Rdd<T>) -> Rdd<T> {
    let parents = [first, second].map(|rdd| Parent::new(Arc::clone(rdd.node())));
    let depth = 1 + parents.iter().map(|parent| parent.node().meta().depth).max().unwrap_or(0);
    let meta = Meta { depth, ..first.context().meta("union", first.num_partitions(), None) };
    Rdd::new(first.context(), Arc::new(Union { meta, parents }))
}

impl<T: 'static> Lineage for Union<T> {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        self.parents.iter().map(Parent::narrow).collect()
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable> {
        let parents = self.parents.each_ref().map(Parent::id);
        out.node::<Self>(decode::<T>, &self.meta, &parents, &())
    }
}

fn decode<T: 'static>(decoder: &mut Decoder) -> Result<Decoded, ShipError> {
    let (meta, places, ()): (Meta, Vec<u32>, ()) = decoder.value::<Union<T>, _>()?;
    let parent = |at: usize| Ok(Parent::new(decoder.parent::<T>(places.get(at).copied().unwrap_or(u32::MAX))?));
    let node: Arc<dyn Node<T>> = Arc::new(Union { meta, parents: [parent(0)?, parent(1)?] });
    Ok(Box::new(node))
}

impl<T: 'static> Node<T> for Union<T> {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<T>, Stop> {
        let [first, second] = &self.parents;
        let depth = self.meta.depth;
        Ok(Box::new(Both([first.compute(partition, cx, depth)?, second.compute(partition, cx, depth)?])))
    }
}

struct Both<T>([BoxRuns<T>; 2]);

impl<T> Runs<T> for Both<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        let [first, second] = &mut self.0;
        Ok(first.next(into)? || second.next(into)?)
    }
}

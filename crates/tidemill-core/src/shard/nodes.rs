//! The RDDs of a stateful operator: what a step emitted, and the entries of a version.

use std::sync::Arc;

use crate::lineage::{Dependency, Lineage, Meta, Node};
use crate::rdd::open;
use crate::shard::shards::{Resident, stays};
use crate::shard::{Shard, Version};
use crate::ship::{Encoder, NotShippable};
use crate::task::TaskContext;
use crate::{BoxRuns, Cause, RddId, Runs, Stop};

/// What the step to a version emitted.
pub(super) struct Emitted<S: Shard>(OfVersion<S>);

/// The entries of a version.
pub(super) struct Entries<S: Shard>(OfVersion<S>);

struct OfVersion<S: Shard> {
    meta: Meta,
    resident: Arc<Resident<S>>,
    version: Version,
}

impl<S: Shard> OfVersion<S> {
    /// What stands for the operator in errors is the operator itself.
    fn new(meta: Meta, resident: &Arc<Resident<S>>, version: Version) -> OfVersion<S> {
        let meta = Meta { operator: resident.operator.clone(), ..meta };
        OfVersion { meta, resident: Arc::clone(resident), version }
    }
}

impl<S: Shard> Emitted<S> {
    pub(super) fn new(meta: Meta, resident: &Arc<Resident<S>>, version: Version) -> Emitted<S> {
        Emitted(OfVersion::new(meta, resident, version))
    }
}

impl<S: Shard> Entries<S> {
    pub(super) fn new(meta: Meta, resident: &Arc<Resident<S>>, version: Version) -> Entries<S> {
        Entries(OfVersion::new(meta, resident, version))
    }
}

impl<S: Shard> Lineage for Emitted<S> {
    fn meta(&self) -> &Meta {
        &self.0.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        Vec::new()
    }

    fn encode(&self, _: &mut Encoder) -> Result<(), NotShippable> {
        Err(stays().at(&self.0.meta.operator))
    }
}

impl<S: Shard> Node<S::Out> for Emitted<S> {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<S::Out>, Stop> {
        let OfVersion { meta, resident, version } = &self.0;
        cx.enter(meta.id);
        match cx.environment().store.get(resident.block(*version, partition)) {
            Some(place) => open(place, cx),
            None => {
                let text =
                    format!("what it emitted for version {version} is not there any more: remember more batches");
                Err(Cause::Invalid(text).into())
            }
        }
    }
}

impl<S: Shard> Lineage for Entries<S> {
    fn meta(&self) -> &Meta {
        &self.0.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        Vec::new()
    }

    fn encode(&self, _: &mut Encoder) -> Result<(), NotShippable> {
        Err(stays().at(&self.0.meta.operator))
    }
}

impl<S: Shard> Node<S::Entry> for Entries<S> {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<S::Entry>, Stop> {
        let OfVersion { meta, resident, version } = &self.0;
        cx.enter(meta.id);
        let runs = Arc::clone(&resident.part(partition)?.shard).read(*version)?;
        Ok(Box::new(Checked { runs, cx: Arc::clone(cx), node: meta.id }))
    }
}

/// Runs of state, whose failures are the stateful operator's.
struct Checked<T> {
    runs: BoxRuns<T>,
    cx: Arc<TaskContext>,
    node: RddId,
}

impl<T> Runs<T> for Checked<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        self.cx.check()?;
        self.cx.enter(self.node);
        self.runs.next(into)
    }
}

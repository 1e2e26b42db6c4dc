//! The states of `updateStateByKey` as checkpoints keep them; another number of partitions is dealt anew.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tidemill_core::environment::Environment;
use tidemill_core::lineage::Operator;
use tidemill_core::shape::Shape;
use tidemill_core::shard::{Keeper, Kept, KeptShards, Loaded, Pieces, Shard};
use tidemill_core::{Cause, Error, Shards, Stop, Version};

use crate::engine::Engine;
use crate::state::{StatePart, StateShard, Updates, states};
use crate::streaming::callback::Callback;

/// The shards, and what brings states to where their keys lie.
pub(super) struct KeptStates {
    pub(super) shards: Shards<StateShard>,
    pub(super) engine: Arc<Engine>,
    pub(super) updates: Arc<Updates>,
    pub(super) prepare: Arc<Callback>,
    pub(super) keeper: Mutex<Option<Arc<dyn Keeper>>>,
}

impl KeptStates {
    /// Puts states of other partitions in place of all there is. Where a key lies only Python knows: a job deals them.
    fn deal(&self, kept: &[&dyn Kept]) -> Result<(), Error> {
        let failed = |stop| Error::Driver { operator: self.operator().clone(), cause: cause(stop) };
        let parts = kept.iter().enumerate().map(|(partition, kept)| self.old_part(partition, *kept));
        let parts = parts.collect::<Result<Vec<_>, Stop>>().map_err(failed)?;
        let versions: BTreeSet<Version> = parts.iter().map(|part| part.version()).collect();
        let (Some(version), true) = (versions.first(), versions.len() <= 1) else {
            let text = "the partitions of the kept state end at different versions";
            return Err(failed(Cause::Invalid(text.into()).into()));
        };
        // Each is read when its turn comes: all of them may be more than memory holds.
        let states = states(self.engine.context(), self.operator(), None, parts, *version);
        let dealt = self.prepare.on_update(0, states).map_err(|raised| failed(raised.into_cause().into()))?;
        // This is what the keeper had, and no first state that it should be told of.
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        self.shards.keep(None);
        let seeded = self.shards.seed(&dealt.0, *version);
        self.shards.keep(keeper.clone());
        seeded
    }

    /// An old partition, of what was kept.
    fn old_part(&self, partition: usize, kept: &dyn Kept) -> Result<Arc<StatePart>, Stop> {
        let part = Arc::new(StatePart::new(&self.engine, &self.updates, partition));
        StateShard::of(&part).load(kept)?;
        Ok(part)
    }
}

impl KeptShards for KeptStates {
    fn operator(&self) -> &Operator {
        KeptShards::operator(&self.shards)
    }

    fn partitions(&self) -> usize {
        KeptShards::partitions(&self.shards)
    }

    fn environment(&self) -> &Arc<Environment> {
        KeptShards::environment(&self.shards)
    }

    fn version(&self) -> Version {
        KeptShards::version(&self.shards)
    }

    fn shape(&self) -> Shape {
        KeptShards::shape(&self.shards)
    }

    fn keep(&self, keeper: Option<Arc<dyn Keeper>>) {
        self.shards.keep(keeper.clone());
        *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = keeper;
    }

    fn snapshot(&self, partition: usize, version: Version) -> Result<Pieces<'static, Error>, Error> {
        KeptShards::snapshot(&self.shards, partition, version)
    }

    fn load(&self, shape: &Shape, kept: &[&dyn Kept]) -> Result<Loaded, Error> {
        if kept.len() == KeptShards::partitions(self) {
            return self.shards.load(shape, kept);
        }
        self.deal(kept)?;
        Ok(Loaded::Changed)
    }
}

fn cause(stop: Stop) -> Cause {
    match stop {
        Stop::Failed(cause) => cause,
        stop => Cause::Invalid(stop.to_string()),
    }
}

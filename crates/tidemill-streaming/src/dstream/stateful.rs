//! What stateful streams have in common: shards that take a step with each batch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tidemill_core::environment::Environment;
use tidemill_core::lineage::Operator;
use tidemill_core::shard::KeptShards;
use tidemill_core::{Element, Key, Rdd, Shard, Shards, Timestamp, Version};

use crate::context::StreamingContext;
use crate::dstream::placement::Placement;
use crate::error::Error;
use crate::state::version_of;

/// The shards of one stateful operator, and which version of them each remembered batch has.
///
/// A step that fails leaves the state as it was: the next batch goes on from there.
pub(crate) struct Steps<S: Shard> {
    operator: Operator,
    placement: Placement,
    make: Box<dyn Fn(&Environment) -> S + Send + Sync>,
    shards: OnceLock<Shards<S>>,
    /// The state to begin with, until it is in the shards.
    first: Mutex<Option<Rdd<S::Entry>>>,
    versions: Mutex<BTreeMap<Timestamp, Version>>,
}

impl<K, V, W, S> Steps<S>
where
    K: Key,
    V: Element,
    W: Element,
    S: Shard<In = (K, V), Entry = (K, W)>,
{
    /// Shards in at least one partition, each made by `make`.
    pub(crate) fn new(
        operator: Operator,
        placement: Placement,
        first: Option<Rdd<(K, W)>>,
        make: impl Fn(&Environment) -> S + Send + Sync + 'static,
    ) -> Steps<S> {
        let (first, versions) = (Mutex::new(first), Mutex::default());
        Steps { operator, placement, make: Box::new(make), shards: OnceLock::new(), first, versions }
    }

    /// The batch of `time` as a step from the last version there is; `input` is brought to the layout of the shards. For a
    /// batch that is done already nothing happens.
    ///
    /// # Errors
    /// [`Error::State`]; no shard has made the step.
    pub(crate) fn step(&self, streaming: &StreamingContext, time: Timestamp, input: &Rdd<(K, V)>) -> Result<(), Error> {
        let (shards, to) = (self.shards(streaming), version_of(time));
        if to <= shards.version() {
            return Ok(());
        }
        let stepped = self.seed(streaming, shards).and_then(|()| {
            let (input, from) = (self.laid_out(streaming, input)?, shards.version());
            if from < to { shards.step(&input, from, to).map(drop) } else { Ok(()) } // somebody else was faster
        });
        stepped.map_err(|cause| Error::State { time, operator: self.operator.clone(), cause: Arc::new(cause) })?;
        self.versions().insert(time, to);
        Ok(())
    }

    /// The batch of `time` has the state of the batch before it. `false` if there was none.
    pub(crate) fn stay(&self, time: Timestamp) -> bool {
        let Some(shards) = self.shards.get().filter(|shards| shards.version() > Version::START) else { return false };
        self.versions().entry(time).or_insert(shards.version());
        true
    }

    /// The state of the batch of `time`.
    pub(crate) fn read(&self, streaming: &StreamingContext, time: Timestamp) -> Rdd<(K, W)> {
        self.shards(streaming).read(self.version(time))
    }

    /// What the batch of `time` emitted.
    pub(crate) fn emitted(&self, streaming: &StreamingContext, time: Timestamp) -> Rdd<S::Out> {
        self.shards(streaming).emitted(self.version(time))
    }

    /// Batches up to `last` are remembered no longer.
    pub(crate) fn forget(&self, last: Timestamp) {
        let Some(shards) = self.shards.get() else { return };
        let mut versions = self.versions();
        versions.retain(|time, _| *time > last);
        let oldest = versions.values().next().copied();
        drop(versions);
        shards.forget(oldest.unwrap_or(shards.version()));
    }

    /// The shards, as those who keep them see them.
    pub(crate) fn kept(&self, streaming: &StreamingContext) -> Arc<dyn KeptShards> {
        Arc::new(self.shards(streaming).clone())
    }

    fn shards(&self, streaming: &StreamingContext) -> &Shards<S> {
        self.shards.get_or_init(|| {
            let context = streaming.context();
            let layout = self.placement.layout::<K>(context);
            let make = |_| (self.make)(context.environment());
            context.shards(self.operator.clone(), layout.partitions(), Some(layout), make)
        })
    }

    /// Puts the state to begin with into the shards, where that has not been done: as that of the time before the first
    /// batch. Shards that were loaded have begun long ago.
    fn seed(&self, streaming: &StreamingContext, shards: &Shards<S>) -> Result<(), tidemill_core::Error> {
        let first = self.first().clone();
        let Some(first) = first else { return Ok(()) };
        if shards.version() == Version::START {
            shards.seed(&self.laid_out(streaming, &first)?, version_of(streaming.zero().unwrap_or_default()))?;
        }
        *self.first() = None;
        Ok(())
    }

    /// The pairs as the shards lie.
    fn laid_out<U: Element>(
        &self,
        streaming: &StreamingContext,
        pairs: &Rdd<(K, U)>,
    ) -> Result<Rdd<(K, U)>, tidemill_core::Error> {
        pairs.partition_by_layout(&self.placement.layout::<K>(streaming.context()))
    }

    fn version(&self, time: Timestamp) -> Version {
        self.versions().get(&time).copied().unwrap_or(version_of(time))
    }

    fn versions(&self) -> MutexGuard<'_, BTreeMap<Timestamp, Version>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn first(&self) -> MutexGuard<'_, Option<Rdd<(K, W)>>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

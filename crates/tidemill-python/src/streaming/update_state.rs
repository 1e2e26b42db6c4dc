//! `updateStateByKey`: states that each batch updates, kept in workers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use tidemill_core::layout::Layout;
use tidemill_core::lineage::Operator;
use tidemill_core::shard::KeptShards;
use tidemill_core::{Rdd, Shards, StorageLevel, Timestamp, Version};
use tidemill_streaming::dstream::{Compute, Computed, Parent};
use tidemill_streaming::state::version_of;
use tidemill_streaming::{DStream, Error, StreamingContext};

use crate::batch::PyBatch;
use crate::engine::Engine;
use crate::pool::Work;
use crate::state::{StatePart, StateShard, Updates, states};
use crate::streaming::callback::Callback;
use crate::streaming::kept_states::KeptStates;

/// Asks a function of the driver in every batch for the new values, brought to where their keys' states are, and for the
/// update function, which is pickled anew each time (behaviour 10.7).
///
/// In a batch for which the parent has no RDD states stay as they are (behaviour 10.5). A step that fails leaves the state
/// as it was: the next batch goes on from there.
pub(super) struct UpdateState {
    operator: Operator,
    engine: Arc<Engine>,
    parent: DStream<PyBatch>,
    prepare: Arc<Callback>,
    /// How the states lie, and in how many partitions.
    lies: (Option<Layout>, usize),
    /// The states to begin with, until they are in the shards.
    first: Mutex<Option<First>>,
    updates: Arc<Updates>,
    shards: OnceLock<(Shards<StateShard>, Vec<Arc<StatePart>>)>,
    /// The version that each remembered batch has.
    versions: Mutex<BTreeMap<Timestamp, Version>>,
    /// The update function of the last batch.
    last: Mutex<Option<Arc<Work>>>,
}

/// The states to begin with.
pub(super) struct First {
    pub(super) states: Rdd<PyBatch>,
    /// Is called with the time of the batch that made the first step from them.
    pub(super) taken: Py<PyAny>,
}

impl UpdateState {
    pub(super) fn new(
        operator: Operator,
        engine: &Arc<Engine>,
        parent: DStream<PyBatch>,
        lies: &Rdd<PyBatch>,
        first: Option<First>,
        prepare: Callback,
    ) -> UpdateState {
        UpdateState {
            operator,
            engine: Arc::clone(engine),
            parent,
            prepare: Arc::new(prepare),
            lies: (lies.layout().cloned(), lies.num_partitions()),
            first: Mutex::new(first),
            updates: Arc::default(),
            shards: OnceLock::new(),
            versions: Mutex::default(),
            last: Mutex::default(),
        }
    }

    /// The batch of `time` as a step from the last version there is. For a batch that is done already nothing happens.
    fn step(&self, streaming: &StreamingContext, time: Timestamp, input: Rdd<PyBatch>) -> Result<(), Error> {
        let to = version_of(time);
        if self.shards().is_some_and(|shards| to <= shards.version()) {
            return Ok(());
        }
        let prepared = self.prepare.on_update(time.millis(), input);
        let (input, description, frozen) = prepared.map_err(|raised| Error::Generate {
            time,
            output: self.operator.clone(),
            cause: raised.into_cause(),
        })?;
        self.updates.set(to, self.work(description, frozen));
        let shards = self.made();
        let stepped = self.seed(streaming, shards).and_then(|first| {
            let from = shards.version();
            if from < to {
                shards.step(&input, from, to)?; // else somebody else was faster
            }
            Ok(first)
        });
        let failed = |cause| Error::State { time, operator: self.operator.clone(), cause: Arc::new(cause) };
        let first = stepped.map_err(failed)?;
        self.versions().insert(time, to);
        if let Some(First { taken, .. }) = first {
            // That the program need not be kept with them any more; it is kept with them if this fails.
            let told = Python::attach(|py| taken.call1(py, (time.millis(),)).map(drop));
            told.inspect_err(|error| tracing::warn!(%error, "The states to begin with stay in checkpoints.")).ok();
        }
        Ok(())
    }

    /// The batch of `time` has the state of the batch before it. `None` if there was none.
    fn stay(&self, time: Timestamp) -> Option<&Shards<StateShard>> {
        let shards = self.shards().filter(|shards| shards.version() > Version::START)?;
        self.versions().entry(time).or_insert(shards.version());
        Some(shards)
    }

    fn made(&self) -> &Shards<StateShard> {
        let made = self.shards.get_or_init(|| {
            let part = |partition| Arc::new(StatePart::new(&self.engine, &self.updates, partition));
            let (layout, partitions) = self.lies.clone();
            let parts: Vec<_> = (0..partitions).map(part).collect();
            let operator = self.operator.clone();
            let make = |partition: usize| StateShard::of(&parts[partition]);
            (self.engine.context().shards(operator, parts.len(), layout, make), parts)
        });
        &made.0
    }

    fn shards(&self) -> Option<&Shards<StateShard>> {
        self.shards.get().map(|(shards, _)| shards)
    }

    /// Puts the states to begin with into the shards, where that has not been done: as those of the time before the first
    /// batch. Shards that were loaded have begun long ago. Gives them the first time.
    fn seed(
        &self,
        streaming: &StreamingContext,
        shards: &Shards<StateShard>,
    ) -> Result<Option<First>, tidemill_core::Error> {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(First { states, .. }) = first.as_ref().filter(|_| shards.version() == Version::START) {
            shards.seed(states, version_of(streaming.zero().unwrap_or_default()))?;
        }
        Ok(first.take())
    }

    /// The work of an update function. One that is pickled as in the batch before need not be sent again.
    fn work(&self, description: Vec<u8>, frozen: bool) -> Arc<Work> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(work) if work.is(&description, frozen) => Arc::clone(work),
            _ => Arc::clone(last.insert(Work::new(description, frozen))),
        }
    }

    fn versions(&self) -> MutexGuard<'_, BTreeMap<Timestamp, Version>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Compute<PyBatch> for UpdateState {
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<PyBatch> {
        match self.parent.rdd(time)? {
            Some(input) => self.step(streaming, time, input)?,
            None if self.stay(time).is_none() => return Ok(None),
            None => {}
        }
        let version = self.versions().get(&time).copied().unwrap_or(version_of(time));
        Ok(self.shards.get().map(|(shards, parts)| {
            states(self.engine.context(), &self.operator, shards.layout().cloned(), parts.clone(), version)
        }))
    }

    fn parents(&self) -> Vec<Parent> {
        vec![self.parent.as_parent(Duration::ZERO)]
    }

    fn persist_parents(&self, level: Option<StorageLevel>) -> bool {
        level.is_none() // states are kept as they are
    }

    fn forget(&self, last: Timestamp) {
        let Some(shards) = self.shards() else { return };
        let mut versions = self.versions();
        versions.retain(|time, _| *time > last);
        let oldest = versions.values().next().copied();
        drop(versions);
        shards.forget(oldest.unwrap_or(shards.version()));
    }

    fn is_stateful(&self) -> bool {
        true
    }

    fn shards(&self, _: &StreamingContext) -> Result<Option<Arc<dyn KeptShards>>, Error> {
        Ok(Some(Arc::new(KeptStates {
            shards: self.made().clone(),
            engine: Arc::clone(&self.engine),
            updates: Arc::clone(&self.updates),
            prepare: Arc::clone(&self.prepare),
            keeper: Mutex::default(),
        })))
    }
}

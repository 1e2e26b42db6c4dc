//! The node behind a `DStream`: its place on the grid of batch times, and what it remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_core::lineage::{CallSite, Operator};
use tidemill_core::shard::KeptShards;
use tidemill_core::{Cause, Element, Rdd, StorageLevel, Timestamp};

use crate::context::StreamingContext;
use crate::dstream::{Compute, Computed};
use crate::error::Error;

/// A stream without its type, as the graph sees it.
pub(crate) trait Stream: Send + Sync {
    /// The operator that made it.
    fn operator(&self) -> &Operator;
    /// The id that the program gave it.
    fn uid(&self) -> Option<String>;
    /// The input whose records it gives, by the input's number.
    fn input(&self) -> Option<u32>;
    /// The time from one RDD to the next.
    fn slide(&self) -> Duration;
    /// The streams that it reads.
    fn parents(&self) -> Vec<Parent>;
    /// How long it remembers RDDs.
    fn remembers(&self) -> Duration;
    /// Makes it remember RDDs for at least this long.
    fn remember_at_least(&self, duration: Duration);
    /// Whether it is computed in every batch.
    fn is_stateful(&self) -> bool;
    /// Its state, made now if it was not yet.
    fn shards(&self, streaming: &StreamingContext) -> Result<Option<Arc<dyn KeptShards>>, Error>;
    /// Computes the RDD of a batch and keeps the failure where there is one, for those who ask for the RDD.
    fn drive(&self, streaming: &StreamingContext, time: Timestamp) -> Result<(), Error>;
    /// Whether it may have an RDD at `time`.
    fn is_due(&self, zero: Timestamp, time: Timestamp) -> bool;
    /// Checks what was asked of it, before the start.
    fn check(&self, has_checkpoint_directory: bool) -> Result<(), Error>;
    /// The batch of `done` is over: drops what need not be remembered any longer.
    fn forget(&self, done: Timestamp);
}

/// A stream that another one reads.
#[derive(Clone)]
pub struct Parent {
    pub(crate) stream: Arc<dyn Stream>,
    /// How much older than its own batch the RDDs may be that the reader asks for.
    pub(crate) back: Duration,
}

impl Parent {
    pub(crate) fn new(stream: Arc<dyn Stream>, back: Duration) -> Parent {
        Parent { stream, back }
    }
}

pub(crate) struct Node<T: 'static> {
    operator: Operator,
    site: CallSite,
    slide: Duration,
    compute: Box<dyn Compute<T>>,
    state: Mutex<State<T>>,
}

struct State<T: 'static> {
    uid: Option<String>,
    /// What was computed, by time.
    generated: BTreeMap<Timestamp, Computed<T>>,
    /// The times whose RDDs were checkpointed here: their files go when they are forgotten and nobody reads them.
    checkpointed: BTreeSet<Timestamp>,
    remembers: Duration,
    keep: Option<Keep<T>>,
    /// How often an RDD is checkpointed.
    checkpoint: Option<(Duration, fn(&Rdd<T>) -> Result<Rdd<T>, tidemill_core::Error>)>,
}

/// How the RDDs of a stream are kept, as a function because only `Element`s can be.
struct Keep<T: 'static> {
    level: StorageLevel,
    persist: fn(&Rdd<T>, StorageLevel) -> Rdd<T>,
}

impl<T: 'static> Node<T> {
    pub(crate) fn new(operator: Operator, site: CallSite, slide: Duration, compute: impl Compute<T>) -> Node<T> {
        let state = State {
            uid: None,
            generated: BTreeMap::new(),
            checkpointed: BTreeSet::new(),
            remembers: slide,
            keep: None,
            checkpoint: None,
        };
        Node { operator, site, slide, compute: Box::new(compute), state: Mutex::new(state) }
    }

    /// The RDD of `time`, from memory or computed now.
    pub(crate) fn rdd(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<T> {
        if let Some(known) = self.state().generated.get(&time) {
            return known.clone();
        }
        if !streaming.zero().is_some_and(|zero| self.is_due(zero, time)) || !streaming.has_input(time) {
            return Ok(None);
        }
        let compute = || {
            let rdd = self.compute.compute(streaming, time)?;
            rdd.map(|rdd| self.kept(streaming, rdd, time)).transpose()
        };
        let computed = self.site.on_behalf(|| catch_unwind(AssertUnwindSafe(compute)));
        let computed = computed.unwrap_or_else(|panic| {
            Err(Error::Generate { time, output: self.operator.clone(), cause: Cause::panic(&*panic) })
        });
        let rdd = computed?;
        // Somebody else may have computed it meanwhile: all are to see the same RDD.
        self.state().generated.entry(time).or_insert(Ok(rdd)).clone()
    }

    /// Persists and checkpoints an RDD where that was asked for.
    fn kept(&self, streaming: &StreamingContext, rdd: Rdd<T>, time: Timestamp) -> Result<Rdd<T>, Error> {
        let state = self.state();
        let rdd = state.keep.as_ref().map_or_else(|| rdd.clone(), |keep| (keep.persist)(&rdd, keep.level));
        let Some((every, checkpoint)) = state.checkpoint else { return Ok(rdd) };
        drop(state);
        if !streaming.zero().is_some_and(|zero| is_on_grid(zero, time, every)) {
            return Ok(rdd);
        }
        let failed = |cause| Error::Batch { time, output: self.operator.clone(), cause: Arc::new(cause) };
        let checkpointed = checkpoint(&rdd).map_err(failed)?;
        self.state().checkpointed.insert(time);
        Ok(checkpointed)
    }

    /// Gives it an id.
    pub(crate) fn set_uid(&self, uid: &str) {
        self.state().uid = Some(uid.to_owned());
    }

    /// Keeps each RDD from now on at `level`; of two levels the later one holds.
    pub(crate) fn persist(&self, level: StorageLevel)
    where
        T: Element,
    {
        if !self.compute.persist_parents(Some(level)) {
            self.state().keep = Some(Keep { level, persist: |rdd, level| rdd.persist(level) });
        }
    }

    /// Keeps each RDD in memory unless a level was given.
    pub(crate) fn persist_if_not(&self)
    where
        T: Element,
    {
        if !self.compute.persist_parents(None) && self.state().keep.is_none() {
            self.persist(StorageLevel::MEMORY_AND_DISK);
        }
    }

    /// Checkpoints the RDDs whose time is a multiple of `interval` after the start.
    pub(crate) fn checkpoint(&self, interval: Duration)
    where
        T: Element,
    {
        self.persist_if_not();
        let mut state = self.state();
        state.checkpoint = Some((interval, |rdd| rdd.checkpoint()));
        state.remembers = state.remembers.max(interval * 2);
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `time` is a multiple of `step` after `zero`. A step of nothing has no grid: every time is on it.
fn is_on_grid(zero: Timestamp, time: Timestamp, step: Duration) -> bool {
    let (passed, step) = (time.since(zero).as_micros(), step.as_micros());
    time > zero && (step == 0 || passed.is_multiple_of(step))
}

impl<T: 'static> Stream for Node<T> {
    fn operator(&self) -> &Operator {
        &self.operator
    }

    fn uid(&self) -> Option<String> {
        self.state().uid.clone()
    }

    fn input(&self) -> Option<u32> {
        self.compute.input()
    }

    fn slide(&self) -> Duration {
        self.slide
    }

    fn parents(&self) -> Vec<Parent> {
        self.compute.parents()
    }

    fn remembers(&self) -> Duration {
        self.state().remembers
    }

    fn remember_at_least(&self, duration: Duration) {
        let mut state = self.state();
        state.remembers = state.remembers.max(duration);
    }

    fn is_stateful(&self) -> bool {
        self.compute.is_stateful()
    }

    fn shards(&self, streaming: &StreamingContext) -> Result<Option<Arc<dyn KeptShards>>, Error> {
        self.compute.shards(streaming)
    }

    fn drive(&self, streaming: &StreamingContext, time: Timestamp) -> Result<(), Error> {
        self.rdd(streaming, time).map(drop).inspect_err(|error| {
            self.state().generated.insert(time, Err(error.clone()));
        })
    }

    fn is_due(&self, zero: Timestamp, time: Timestamp) -> bool {
        is_on_grid(zero, time, self.slide)
    }

    fn check(&self, has_checkpoint_directory: bool) -> Result<(), Error> {
        let checkpoint = self.state().checkpoint;
        let operator = || self.operator.clone();
        if !has_checkpoint_directory && (checkpoint.is_some() || self.is_stateful()) {
            return Err(Error::NoCheckpointDirectory { operator: operator() });
        }
        let Some((every, _)) = checkpoint else { return Ok(()) };
        if every < self.slide || !every.as_micros().is_multiple_of(self.slide.as_micros().max(1)) {
            return Err(Error::CheckpointInterval { operator: operator(), interval: every, slide: self.slide });
        }
        Ok(())
    }

    fn forget(&self, done: Timestamp) {
        let Some(last) = done.micros().checked_sub(self.remembers().as_micros() as u64) else { return };
        let mut state = self.state();
        let kept = state.generated.split_off(&Timestamp::from_micros(last.saturating_add(1)));
        let forgotten = std::mem::replace(&mut state.generated, kept);
        let kept = state.checkpointed.split_off(&Timestamp::from_micros(last.saturating_add(1)));
        let checkpointed = std::mem::replace(&mut state.checkpointed, kept);
        drop(state);
        for time in checkpointed {
            if let Some(Ok(Some(rdd))) = forgotten.get(&time) {
                rdd.release_checkpoint();
            }
        }
        drop(forgotten); // after the lock: lineages end here
        self.compute.forget(Timestamp::from_micros(last));
    }
}

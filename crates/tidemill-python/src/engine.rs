//! `Engine`: what all handles of one Python context share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tidemill_core::{Accumulator, Cause, Context, Error, Settings, memory};
use tidemill_streaming::remote;

use crate::batch::PyBatch;
use crate::pool::{Lanes, Pool, PoolSettings, Work, Workers};
use crate::state::Seal;
use crate::works::Works;

/// A core context, and what Python needs beside it.
pub struct Engine {
    context: Context,
    workers: Pool,
    /// Accumulator updates of accepted tasks, pickled, in the order in which they were accepted.
    updates: Accumulator<Vec<Vec<u8>>>,
    /// Bytes of records that have come to the driver.
    collected: AtomicU64,
    /// The workers that keep state, while there is any.
    lanes: Mutex<Weak<Lanes>>,
    works: Works,
    next_task: AtomicU64,
    seal: Seal,
    /// State is in memory that could not be written to disk the last time.
    is_state_stuck: AtomicBool,
}

impl Engine {
    /// An engine as the settings say, whose workers start with the first function that needs one.
    ///
    /// # Errors
    /// A setting that cannot be used as written.
    pub fn new(settings: &Settings, workers: impl FnOnce(&Context) -> PoolSettings) -> Result<Arc<Engine>, Error> {
        let context = Context::new(settings)?;
        remote::register(&context);
        let updates = context.accumulator(Vec::new(), |all: &mut Vec<Vec<u8>>, mut more| all.append(&mut more));
        let workers = Pool::new(workers(&context));
        let (collected, next_task) = (AtomicU64::new(0), AtomicU64::new(0));
        let (lanes, works) = (Mutex::default(), Works::default());
        let seal = Seal::new(settings.get("tidemill.checkpoint.secret"));
        let is_state_stuck = AtomicBool::new(false);
        Ok(Arc::new(Engine { context, workers, updates, collected, lanes, works, next_task, seal, is_state_stuck }))
    }

    /// The core's context.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// What signs states in checkpoints.
    pub fn seal(&self) -> &Seal {
        &self.seal
    }

    /// The processes that run Python's functions.
    pub fn workers(&self) -> &dyn Workers {
        &self.workers
    }

    /// The chain with this pickled description: see [`Works::named`].
    pub(crate) fn work(&self, description: Vec<u8>, frozen: bool) -> Arc<Work> {
        self.works.named(description, frozen)
    }

    /// Somebody has a function that will want a worker.
    pub(crate) fn expect_tasks(&self) {
        self.workers.expect_tasks();
    }

    /// The workers that keep state: as many as tasks run at a time.
    pub(crate) fn lanes(&self) -> Arc<Lanes> {
        let mut known = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        known.upgrade().unwrap_or_else(|| {
            let lanes = Arc::new(self.workers.lanes(self.context.config().master().threads));
            *known = Arc::downgrade(&lanes);
            lanes
        })
    }

    /// Whether state takes more memory than `tidemill.memory.state.limit` lets it.
    pub(crate) fn is_state_past_limit(&self) -> bool {
        self.context.environment().memory.is_past(memory::Pool::State)
    }

    /// State went to disk.
    pub(crate) fn state_left_memory(&self) {
        let environment = self.context.environment();
        environment.spill.tell_of_state(environment.memory.ceiling(memory::Pool::State));
        self.is_state_stuck.store(false, Ordering::Relaxed);
    }

    /// State could not go to disk: a warning says so, once until it can again.
    pub(crate) fn state_stays_in_memory(&self, cause: &Cause) {
        if !self.is_state_stuck.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                error = %cause,
                "State stays in memory that is to go to disk: it takes more than tidemill.memory.state.limit. A batch \
                 that makes a step of it fails as long as this is so."
            );
        }
    }

    /// Accumulator updates since the last call.
    pub fn take_updates(&self) -> Vec<Vec<u8>> {
        self.updates.take()
    }

    /// Adds what a worker's task added to accumulators; it counts once the task of the engine is accepted.
    pub(crate) fn add_updates(&self, updates: Option<Vec<u8>>) {
        if let Some(updates) = updates {
            self.updates.add(vec![updates]);
        }
    }

    /// Bytes of records that have come to the driver so far.
    pub fn collected_bytes(&self) -> u64 {
        self.collected.load(Ordering::Relaxed)
    }

    /// Counts batches that came to the driver.
    pub(crate) fn count_collected<'a>(&self, batches: impl IntoIterator<Item = &'a PyBatch>) {
        let bytes: usize = batches.into_iter().map(|batch| batch.payload.len()).sum();
        self.collected.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Numbers the attempts at tasks: Spark's task attempt id.
    pub(crate) fn next_task(&self) -> u64 {
        self.next_task.fetch_add(1, Ordering::Relaxed)
    }

    /// Ends jobs, workers and threads. Workers first, so that no thread waits for one.
    pub fn stop(&self) {
        self.context.cancel_all_jobs();
        self.workers.stop();
        self.context.stop();
    }
}

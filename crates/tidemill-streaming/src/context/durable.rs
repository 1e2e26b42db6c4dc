//! `Durable`: the logs that a context with a checkpoint directory writes while it runs.
//!
//! A batch is planned, run, and over. Planning is durable before it runs. That it is over is written by a thread of its own,
//! once the states that it made are durable, so that no batch waits for it; then goes what no batch needs any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_core::{Timestamp, Version};

use crate::checkpoint::batches::BatchLog;
use crate::checkpoint::states::StateLog;
use crate::checkpoint::storage::StorageError;
use crate::context::StreamingContext;
use crate::error::Error;
use crate::input::Input;
use crate::state::version_of;
use crate::step::step;

/// The logs of a context.
pub(super) struct Durable {
    pub(super) batches: BatchLog,
    pub(super) inputs: Vec<KeptInput>,
    pub(super) states: Vec<KeptState>,
    /// How far back a batch may look.
    pub(super) lookback: Duration,
    /// How many batches may come after one that failed before it is given up.
    pub(super) failed_most: usize,
    planning: Mutex<()>,
    over: Mutex<Over>,
    changed: Condvar,
}

/// An input and its id.
pub(super) struct KeptInput {
    pub(super) input: Arc<dyn Input>,
    pub(super) id: String,
}

/// The state of an operator, and how far back somebody may ask for it.
pub(super) struct KeptState {
    pub(super) log: StateLog,
    pub(super) back: Duration,
}

/// What batches are over and not written down yet.
#[derive(Default)]
struct Over {
    done: Vec<Timestamp>,
    /// The batches of this run that failed. Those that wait for their turn have not.
    failed: BTreeSet<Timestamp>,
    /// Until this batch is over nothing is written. It was done in an earlier run and makes its states again: if a batch before
    /// it were written down as done, the next run would begin behind both, and look for the states of this one.
    held: Option<Timestamp>,
    /// Somebody writes it down.
    running: bool,
    /// Nothing more will come.
    closed: bool,
}

/// Says that nobody writes any more, however that came.
struct Writing<'a>(&'a Durable);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.lock().running = false;
        self.0.changed.notify_all();
    }
}

impl Durable {
    pub(super) fn new(
        batches: BatchLog,
        inputs: Vec<KeptInput>,
        states: Vec<KeptState>,
        lookback: Duration,
        failed_most: usize,
        held: Option<Timestamp>,
    ) -> Durable {
        let (planning, changed) = Default::default();
        let over = Mutex::new(Over { held, ..Over::default() });
        Durable { batches, inputs, states, lookback, failed_most, planning, over, changed }
    }

    /// Held by who writes down what batches hold.
    pub(super) fn planning(&self) -> MutexGuard<'_, ()> {
        self.planning.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what the batch of `time` holds, and the code of the program where it has changed.
    pub(super) fn plan(&self, time: Timestamp, code: Option<Vec<u8>>) -> Result<(), StorageError> {
        if let Some(code) = code {
            // Where this fails, the entry of the batch begins a segment, which holds the code as well.
            let _ = self.batches.keep_code(code);
        }
        let _step = step!("plan", time);
        let entries = self.inputs.iter().map(|kept| (kept.id.clone(), kept.input.entry(time)));
        let entries: BTreeMap<String, Vec<u8>> = entries.collect();
        self.batches.plan(time, entries)
    }

    /// The batch of `time` is over; if all went well it need not be run again.
    pub(super) fn over(&self, time: Timestamp, is_done: bool) {
        let mut over = self.lock();
        over.held.take_if(|held| *held <= time);
        if is_done {
            over.done.push(time);
        } else {
            over.failed.insert(time);
        }
        drop(over);
        self.changed.notify_all();
    }

    /// Nothing more will come; returns once all is written that can be.
    pub(super) fn close(&self) {
        let mut over = self.lock();
        over.closed = true;
        self.changed.notify_all();
        let writing = |over: &mut Over| over.running;
        drop(self.changed.wait_while(over, writing).unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether somebody will [`run`](Self::run) it.
    pub(super) fn set_running(&self, running: bool) {
        self.lock().running = running;
    }

    /// Writes down what is over, until nothing more will come, or until another driver has taken over: that is returned.
    pub(super) fn run(&self, streaming: &StreamingContext) -> Result<(), Error> {
        let _writing = Writing(self);
        // What could not be written is tried again with what comes next, and at the end.
        let (mut done, mut closed) = (Vec::new(), false);
        while !closed {
            let idle = |over: &mut Over| (over.done.is_empty() || over.held.is_some()) && !over.closed;
            let mut over = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
            if over.held.is_none() {
                done.append(&mut over.done);
            }
            closed = over.closed;
            drop(over);
            if done.is_empty() {
                continue;
            }
            match self.write(&done) {
                Ok(true) => done.clear(),
                Ok(false) => {} // with what comes next
                Err(cause @ StorageError::Fenced { .. }) => return Err(Error::Unfinished { times: done, cause }),
                Err(cause) => streaming.report(Error::Unfinished { times: done.clone(), cause }),
            }
        }
        Ok(())
    }

    /// Writes down that batches are done; `false` where that has to wait, because the next run could not load the states that
    /// it would begin with: the disk has failed, and they are not among those that were kept.
    fn write(&self, done: &[Timestamp]) -> Result<bool, StorageError> {
        let Some(last) = done.iter().max() else { return Ok(true) };
        let _step = step!("done", last);
        self.states.iter().try_for_each(|state| state.log.await_durable(version_of(*last)))?;
        self.give_up(done)?;
        let next = self.batches.ledger().next_after(done); // where the next run would begin
        if self.states.iter().any(|state| state.log.unbroken() > state.from(next)) {
            return Ok(false);
        }
        self.batches.done(done)?;
        self.forget();
        Ok(true)
    }

    /// Counts batches as done that failed long ago, so that what they need does not grow for ever.
    fn give_up(&self, done: &[Timestamp]) -> Result<(), StorageError> {
        let failed = self.lock().failed.clone();
        if failed.is_empty() {
            return Ok(());
        }
        let ledger = self.batches.ledger();
        let has_run = |time: &Timestamp| ledger.is_done(*time) || done.contains(time) || failed.contains(time);
        let newest = ledger.batches.keys().rev().filter(|time| has_run(time)).take(self.failed_most);
        let newest: BTreeSet<Timestamp> = newest.copied().collect();
        let Some(oldest) = newest.first().copied().filter(|_| newest.len() == self.failed_most) else { return Ok(()) };
        let given_up: Vec<Timestamp> = failed.range(..oldest).filter(|time| !ledger.is_done(**time)).copied().collect();
        drop(ledger);
        if given_up.is_empty() {
            return Ok(());
        }
        let batches: Vec<String> = given_up.iter().map(ToString::to_string).collect();
        tracing::warn!(
            batches = batches.join(", "),
            after = self.failed_most,
            "Batches that failed are given up: a restart will not run them again. (tidemill.checkpoint.failed.batches)"
        );
        self.batches.done(&given_up)?;
        self.lock().failed.retain(|time| *time >= oldest);
        Ok(())
    }

    /// Lets go of all that no batch needs that may still be run.
    fn forget(&self) {
        let next = self.batches.ledger().next_after(&[]);
        let before = next - self.lookback + Duration::from_micros(1);
        self.batches.forget(before);
        self.inputs.iter().for_each(|kept| kept.input.release(before));
        self.states.iter().for_each(|state| state.log.forget(state.from(next)));
    }

    fn lock(&self) -> MutexGuard<'_, Over> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeptState {
    /// The version from which on the batch of `next` needs it.
    pub(super) fn from(&self, next: Timestamp) -> Version {
        version_of(next - self.back - Duration::from_micros(1))
    }
}

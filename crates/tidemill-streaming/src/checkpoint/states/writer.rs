//! `StateWriter`: the threads that write the states of a context beside its batches.
//!
//! One thread writes the deltas of all states, one the snapshots, so that no delta waits for a snapshot. What waits for them is
//! bounded: a stream whose deltas are written more slowly than they are made is held up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use tidemill_core::Version;
use tidemill_core::shard::Delta;

use super::book::Book;
use super::record::Line;
use crate::checkpoint::storage::StorageError;

/// So many versions of all states wait to be written; then a step waits. Batches wait for their own deltas anyway, so there
/// are seldom more than one for each state.
const DELTAS_WAITING_MAX: usize = 64;
/// So many snapshots and removals wait. Past that they are put off to a later version.
const SNAPSHOTS_WAITING_MAX: usize = 1024;

/// Writes states. Dropping it waits until what was handed over is written.
pub struct StateWriter {
    queues: Mutex<Option<Queues>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Clone)]
struct Queues {
    steps: SyncSender<Step>,
    beside: SyncSender<Beside>,
}

/// A step to be logged.
pub(super) struct Step {
    pub(super) book: Arc<Book>,
    pub(super) line: Line,
    pub(super) from: Version,
    pub(super) to: Version,
    pub(super) deltas: Vec<Delta>,
}

/// What is done beside the steps.
pub(super) enum Beside {
    Snapshot { book: Arc<Book>, line: Line, version: Version },
    Forget { book: Arc<Book>, before: Version },
}

impl StateWriter {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start() -> Result<Arc<StateWriter>, StorageError> {
        let (steps, to_log) = sync_channel(DELTAS_WAITING_MAX);
        let (beside, to_do) = sync_channel(SNAPSHOTS_WAITING_MAX);
        let threads = vec![
            thread("tidemill-deltas", to_log, |step: Step| (Arc::clone(&step.book), Box::new(move || step.run())))?,
            thread("tidemill-snapshots", to_do, |beside: Beside| {
                (Arc::clone(beside.book()), Box::new(move || beside.run()))
            })?,
        ];
        Ok(Arc::new(StateWriter { queues: Mutex::new(Some(Queues { steps, beside })), threads: Mutex::new(threads) }))
    }

    /// Logs a step; waits where too many do.
    pub(super) fn step(&self, step: Step) {
        let queues = self.queues();
        if let Some(queues) = queues {
            // The thread ends after all senders only.
            let _ = queues.steps.send(step);
        }
    }

    /// Does this soon; `false` if it has too much to do.
    pub(super) fn beside(&self, beside: Beside) -> bool {
        self.queues().is_some_and(|queues| queues.beside.try_send(beside).is_ok())
    }

    fn queues(&self) -> Option<Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for StateWriter {
    fn drop(&mut self) {
        *self.queues.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join(); // it catches what panics
            }
        }
    }
}

fn thread<J: Send + 'static>(
    name: &str,
    jobs: Receiver<J>,
    split: impl Fn(J) -> (Arc<Book>, Box<dyn FnOnce()>) + Send + 'static,
) -> Result<JoinHandle<()>, StorageError> {
    let run = move || {
        for job in jobs {
            let (book, work) = split(job);
            // Who waits for the state must learn of it.
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                book.panicked();
            }
        }
    };
    let started = Builder::new().name(name.into()).spawn(run);
    started.map_err(|error| StorageError::unusable(name, format!("the thread cannot be started: {error}")))
}

impl Step {
    fn run(self) {
        self.book.log_step(self.line, self.from, self.to, &self.deltas);
    }
}

impl Beside {
    fn book(&self) -> &Arc<Book> {
        match self {
            Beside::Snapshot { book, .. } | Beside::Forget { book, .. } => book,
        }
    }

    fn run(self) {
        match self {
            Beside::Snapshot { book, line, version } => book.write_snapshot(line, version),
            Beside::Forget { book, before } => book.remove_before(before),
        }
    }
}

//! Received blocks and their log: written, read again after a restart, removed (behaviour 2.32, 6.20, 6.21).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tidemill_core::store::{Eviction, Place, Recall};
use tidemill_core::{Cause, Timestamp};

use super::entry::Entry;
use super::{Allocated, Block, Blocks, Kind};
use crate::checkpoint::storage::StorageError;
use crate::event::InputInfo;
use crate::receiver::StoreError;
use crate::receiver::form::{Failure, Form, Sort};
use crate::receiver::log::{Logged, Read, ReceivedLog};
use crate::receiver::queue::{Flushed, Item, Queue, What};

/// The log, while the context has one.
#[derive(Default)]
pub(super) struct Kept {
    log: Mutex<Option<Arc<ReceivedLog>>>,
    /// What comes is written to it.
    writes: AtomicBool,
    /// The loss of blocks that were in no log was told.
    loss_told: AtomicBool,
}

/// A block in the log of a run before.
pub(super) struct Found {
    logged: Logged,
    what: Holds,
    records: u64,
    /// Why the program cannot read it.
    misfit: Option<Arc<str>>,
}

enum Holds {
    Blocks(Kind),
    Failure(Failure),
}

/// How far batches have come in the log, and what of it is needed.
#[derive(Default)]
pub(super) struct Reach {
    /// All blocks with smaller numbers are in a batch or have arrived.
    next: u64,
    /// The segment of the last block.
    newest: u64,
    /// The first segment of what is in no batch yet.
    arrived: Option<u64>,
    /// The first segment of each batch that may be needed.
    batches: BTreeMap<Timestamp, u64>,
    /// Batches before will never be restored.
    released: Timestamp,
    /// Segments before are gone.
    removed: u64,
}

impl Reach {
    pub(super) fn arrived(&mut self, logged: Option<Logged>) {
        let Some(Logged { number, position, .. }) = logged else { return };
        self.next = self.next.max(number + 1);
        self.newest = self.newest.max(position.segment);
        self.arrived.get_or_insert(position.segment);
    }

    /// Gives the batch of `time` what has arrived, and returns the number of the first block that comes after.
    pub(super) fn allocate(&mut self, time: Timestamp) -> u64 {
        if let Some(segment) = self.arrived.take() {
            self.batches.insert(time, segment);
        }
        self.next
    }

    fn restore(&mut self, time: Timestamp, entry: &Entry) {
        self.next = self.next.max(entry.reached);
        let segments = entry.blocks.iter().chain(&entry.letters).map(|logged| logged.position.segment);
        if let Some(first) = segments.min() {
            self.batches.insert(time, first);
        }
    }

    /// The first segment that is needed, if some before it are there: those that batches need which `is_held` or may be
    /// restored, that of what is in no batch yet, and the newest.
    fn trim(&mut self, is_held: impl Fn(Timestamp) -> bool) -> Option<u64> {
        let released = self.released;
        self.batches.retain(|time, _| *time >= released || is_held(*time));
        let needed = self.batches.values().copied().chain(self.arrived).fold(self.newest, u64::min);
        let more = needed > self.removed;
        self.removed = self.removed.max(needed);
        more.then_some(needed)
    }
}

impl Blocks {
    /// What waits for the log.
    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Whether what comes is written to a log.
    pub(super) fn is_logged(&self) -> bool {
        self.kept.writes.load(Ordering::Acquire)
    }

    /// Whether there is a log to read from.
    pub(crate) fn has_log(&self) -> bool {
        self.log().is_some()
    }

    /// Sets the log that restored blocks are in, and looks what is there.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn set_log(&self, log: ReceivedLog) -> Result<(), StorageError> {
        let mut found = Vec::new();
        let newest = log.visit(&mut |Read { logged, header, block, misfit }| {
            let what = match header.sort {
                Sort::Failure => {
                    let read = Form::failure().read(block).ok();
                    let Some(failure) = read.and_then(|failure| failure.downcast_ref::<Failure>().cloned()) else {
                        return;
                    };
                    Holds::Failure(failure)
                }
                Sort::Letters => Holds::Blocks(Kind::Letters),
                Sort::Text | Sort::Values => Holds::Blocks(Kind::Records),
                Sort::Shape => return,
            };
            found.push(Found { logged, what, records: header.records, misfit });
        })?;
        let mut state = self.state();
        (state.reach.newest, state.found) = (newest, found);
        *self.kept.log.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(log));
        Ok(())
    }

    fn log(&self) -> Option<Arc<ReceivedLog>> {
        self.kept.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn recall(&self, kind: Kind, logged: Logged) -> Option<Recall> {
        Some(self.log()?.recall(self.form(kind), logged))
    }

    /// Gives the batch of `time` what it had in a run before. Blocks stay in the log until a task needs them.
    ///
    /// # Errors
    /// The entry cannot be read, or names blocks of a log where there is none.
    pub(crate) fn restore(&self, time: Timestamp, bytes: &[u8]) -> Result<(), Cause> {
        let entry = Entry::read(bytes)?;
        if entry.unlogged > 0 && !self.kept.loss_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                stream = self.name,
                %time,
                blocks = entry.unlogged,
                "Received blocks were in memory only and are lost; this batch, and perhaps others, runs on what is left. \
                 spark.streaming.receiver.writeAheadLog.enable keeps them."
            );
        }
        let mut state = self.state();
        state.reach.restore(time, &entry);
        let mut ids = |kind, logged: Vec<Logged>| -> Result<Vec<_>, Cause> {
            let recalls = logged.into_iter().map(|logged| self.recall(kind, logged));
            let recalls: Option<Vec<_>> = recalls.collect();
            let recalls =
                recalls.ok_or_else(|| Cause::Invalid("the log of what it has received is not there".into()))?;
            let kept = recalls.into_iter();
            Ok(kept.map(|recall| self.keep(&mut state, Place::Recall(recall), Eviction::Never)).collect())
        };
        let (blocks, letters) = (ids(Kind::Records, entry.blocks)?, ids(Kind::Letters, entry.letters)?);
        let info = InputInfo { records: entry.records, metadata: entry.metadata, description: None };
        let (failure, entry) = (entry.failure.map(Failure::cause), bytes.into());
        state.insert(time, Allocated { blocks, failure, info, entry }, letters);
        Ok(())
    }

    /// Whether the program can read what batches from `from` on have of an earlier run, or will have. To be called once all that
    /// had a batch is restored.
    ///
    /// # Errors
    /// It was received as records of another type.
    pub(crate) fn check(&self, from: Timestamp) -> Result<(), Cause> {
        let state = self.state();
        let entries = state.records.range(from..).filter_map(|(_, batch)| Entry::read(&batch.entry).ok());
        let needed: BTreeSet<u64> = entries.flat_map(|entry| entry.blocks).map(|logged| logged.number).collect();
        let is_needed = |number: u64| number >= state.reach.next || needed.contains(&number);
        let misfit = state.found.iter().find_map(|it| it.misfit.as_ref().filter(|_| is_needed(it.logged.number)));
        misfit.map_or(Ok(()), |text| Err(Cause::Invalid(text.to_string())))
    }

    /// Gives the first new batch what is in the log and in no batch. To be called once all that had a batch is restored.
    pub(crate) fn recover(&self) {
        let mut state = self.state();
        let found = std::mem::take(&mut state.found);
        let Some(log) = self.log().filter(|_| !found.is_empty()) else { return };
        let (next, mut blocks) = (state.reach.next, 0_u64);
        for Found { logged, what, records, .. } in found.into_iter().filter(|found| found.logged.number >= next) {
            blocks += 1;
            state.reach.arrived(Some(logged));
            let kind = match what {
                Holds::Blocks(kind) => kind,
                Holds::Failure(failure) => {
                    state.arrived.fail(failure);
                    continue;
                }
            };
            let place = Place::Recall(log.recall(self.form(kind), logged));
            let id = self.keep(&mut state, place, Eviction::Never);
            state.arrived.add(kind, Block { id, logged: Some(logged) }, records);
        }
        drop(state);
        if blocks > 0 {
            tracing::info!(stream = self.name, blocks, "Received blocks that were in no batch go to the next one.");
        }
    }

    /// Begins to write what comes to the log, on a thread of its own that tells `report` of failures.
    pub(crate) fn begin_to_write(self: &Arc<Self>, report: impl Fn(String) + Send + 'static) -> std::io::Result<()> {
        let Some(log) = self.log() else { return Ok(()) };
        self.recover();
        self.queue.begin_at(self.state().reach.next);
        let blocks = Arc::clone(self);
        let thread = std::thread::Builder::new().name("tidemill-received".into());
        self.queue.begin();
        let spawned = thread.spawn(move || {
            log.write_all(&blocks, &report);
            drop(log); // and with it the hold on the checkpoint, before anyone hears of the end
            blocks.queue.is_over();
        });
        spawned.inspect_err(|_| self.queue.is_over())?;
        self.kept.writes.store(true, Ordering::Release);
        Ok(())
    }

    /// A block is in the log: batches may have it, and it may leave memory.
    pub(crate) fn is_durable(&self, what: What, logged: Logged) {
        self.put(what, Some(logged));
        self.environment.memory.wake();
    }

    /// A block can never be in the log, whatever is tried: who waits for it is told so, else the next batch fails.
    pub(crate) fn refuse(&self, item: Item, cause: Cause) {
        let error = StoreError::Encode { stream: self.name.clone(), cause };
        let Item { what, ticket, .. } = item;
        drop(what); // its memory is back before anyone hears of it
        if ticket.is_none() {
            self.put(What::Failure(Failure::Other(error.to_string())), None);
        }
        self.queue.settle(ticket.as_ref(), Err(error));
    }

    /// Writes what waits for the log, for as long as that may take.
    pub(crate) fn flush(&self) {
        let limit = self.policy.store_limit;
        if !self.is_logged() {
            return;
        }
        let Flushed::Left { blocks, failure } = self.queue.flush(limit) else { return };
        match failure {
            Some(error) => tracing::error!(blocks, error, "Received blocks wait for a log that cannot be written."),
            None => tracing::warn!(
                stream = self.name,
                blocks,
                "Received blocks were not in the log within {limit:?} (spark.streaming.receiver.blockStoreTimeout) and \
                 go to a later batch; is the disk slow?"
            ),
        }
    }

    /// No batch before `time` will be restored.
    pub(crate) fn release(&self, before: Timestamp) {
        {
            let reach = &mut self.state().reach;
            reach.released = reach.released.max(before);
        }
        self.trim_log();
    }

    /// Removes what no batch needs any more.
    pub(crate) fn trim_log(&self) {
        let Some(log) = self.log() else { return };
        let mut state = self.state();
        if !state.found.is_empty() {
            return; // what is in no batch yet is not counted before the first new batch has it
        }
        let super::State { reach, records, letters, .. } = &mut *state;
        let needed = reach.trim(|time| records.contains_key(&time) || letters.contains_key(&time));
        drop(state); // disks are slow
        if let Some(Err(error)) = needed.map(|segment| log.remove_before(segment)) {
            tracing::warn!(stream = self.name, %error, "Old parts of the log of received blocks could not be removed.");
        }
    }

    /// Ends the writing, and lets go of the log.
    pub(super) fn close_log(&self) {
        self.queue.end();
        if !self.queue.await_over(self.policy.store_limit) {
            tracing::warn!(stream = self.name, "Writing received blocks does not end; its thread is left behind.");
        }
        *self.kept.log.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

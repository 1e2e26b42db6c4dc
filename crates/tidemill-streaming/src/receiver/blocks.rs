//! `Blocks`: what a receiver brought in, from the finished block to the end of its batch.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_core::environment::Environment;
use tidemill_core::memory::Grant;
use tidemill_core::settings::{Config, keys};
use tidemill_core::store::{AnyValue, Eviction, Place};
use tidemill_core::{BlockId, Cause, Timestamp};

use crate::dead_letter::{DeadLetter, OnError, write_letters};
use crate::event::InputInfo;
use crate::input::InputId;
use crate::receiver::StoreError;
use crate::receiver::form::{Failure, Form};
use crate::receiver::log::Logged;
use crate::receiver::queue::{Added, Queue, What};

pub(crate) mod entry;
mod kept;
mod room;

use kept::{Found, Kept, Reach};

/// The finished blocks of one receiver: those that are in no batch yet, and those of batches that are not forgotten.
pub(crate) struct Blocks {
    id: InputId,
    /// What users know the stream by, as `SocketReceiver-0`.
    name: String,
    environment: Arc<Environment>,
    policy: Policy,
    /// What waits for the log.
    queue: Queue,
    kept: Kept,
    state: Mutex<State>,
}

/// How the blocks of a receiver are kept.
pub(crate) struct Policy {
    on_error: OnError,
    /// What blocks of records are, as bytes.
    form: Form,
    letters_directory: PathBuf,
    /// How many blocks may wait for the log.
    queue_size: usize,
    /// How long a block may wait for it.
    store_limit: Duration,
}

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Records.
    Records,
    /// What could not be read: a `Vec<DeadLetter>`.
    Letters,
}

/// What a batch got.
#[derive(Clone, Default)]
pub(crate) struct Allocated {
    /// Its blocks of records, in order of arrival.
    pub(crate) blocks: Vec<BlockId>,
    /// Why the batch has to fail, if it has to.
    pub(crate) failure: Option<Cause>,
    info: InputInfo,
    /// What the batch is restored from.
    entry: Arc<[u8]>,
}

#[derive(Default)]
struct State {
    next: u64,
    arrived: Arrived,
    records: BTreeMap<Timestamp, Allocated>,
    letters: BTreeMap<Timestamp, Vec<BlockId>>,
    /// How far batches have come in the log.
    reach: Reach,
    /// What was in the log at the start.
    found: Vec<Found>,
    /// The context is over: what still comes is dropped.
    cleared: bool,
}

/// A block that is in no batch yet.
#[derive(Clone, Copy)]
struct Block {
    id: BlockId,
    /// Where it is in the log, if it is.
    logged: Option<Logged>,
}

/// What is in no batch yet.
#[derive(Default)]
struct Arrived {
    blocks: Vec<Block>,
    letters: Vec<Block>,
    records: u64,
    /// Why the batch has to fail: the first such reason.
    fails: Option<Failure>,
    /// What else happened, by name.
    counts: BTreeMap<&'static str, u64>,
}

impl Policy {
    pub(crate) fn new(config: &Config, on_error: OnError, form: Form) -> Policy {
        let letters_directory = PathBuf::from(config.get(keys::DEAD_LETTERS_DIRECTORY));
        let (queue_size, store_limit) = (config.get(keys::BLOCK_QUEUE_SIZE), config.get(keys::BLOCK_STORE_TIMEOUT));
        Policy { on_error, form, letters_directory, queue_size, store_limit }
    }
}

impl Blocks {
    pub(crate) fn new(id: InputId, name: String, environment: &Arc<Environment>, policy: Policy) -> Blocks {
        let (environment, queue) = (Arc::clone(environment), Queue::new(policy.queue_size));
        let (kept, state) = Default::default();
        Blocks { id, name, environment, policy, queue, kept, state }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn id(&self) -> InputId {
        self.id
    }

    pub(crate) fn environment(&self) -> &Arc<Environment> {
        &self.environment
    }

    pub(crate) fn on_error(&self) -> OnError {
        self.policy.on_error
    }

    /// What blocks of that kind are, as bytes.
    pub(crate) fn form(&self, kind: Kind) -> Form {
        match kind {
            Kind::Records => self.policy.form,
            Kind::Letters => Form::letters(),
        }
    }

    /// Stores a finished block of so many records: at once, or by way of the log.
    pub(crate) fn add(&self, value: AnyValue, grant: Grant, records: u64) {
        self.store(What::Block { kind: Kind::Records, value, grant, records });
    }

    /// Stores a finished block as [`add`](Blocks::add) does; what is returned tells when it is stored for good.
    pub(crate) fn add_awaited(&self, value: AnyValue, grant: Grant, records: u64) -> Option<Added<'_>> {
        let what = What::Block { kind: Kind::Records, value, grant, records };
        if !self.is_logged() {
            self.put(what, None);
            return None;
        }
        let limit = self.policy.store_limit;
        Some(self.queue.add_awaited(what, limit, StoreError::Late { stream: self.name.clone(), limit }))
    }

    /// Stores what could not be read and is to be kept; `grant` is what the letters weigh.
    pub(crate) fn add_letters(&self, letters: Vec<DeadLetter>, grant: Grant) {
        let letters: Vec<_> = letters.into_iter().map(|letter| letter.from_source(&self.name)).collect();
        let records = letters.len() as u64;
        self.store(What::Block { kind: Kind::Letters, value: Arc::new(letters), grant, records });
    }

    /// Lets the next batch fail because of a record that could not be read.
    pub(crate) fn fail(&self, letter: DeadLetter) {
        self.store(What::Failure(Failure::Rejected(letter.from_source(&self.name))));
    }

    /// Counts something that listeners are to see beside the records of the next batch.
    pub(crate) fn count(&self, what: &'static str, more: u64) {
        *self.state().arrived.counts.entry(what).or_default() += more;
    }

    fn store(&self, what: What) {
        if self.is_logged() { self.queue.add(what) } else { self.put(what, None) }
    }

    /// Puts a block where the next batch finds it.
    fn put(&self, what: What, logged: Option<Logged>) {
        let mut state = self.state();
        if state.cleared {
            return;
        }
        state.reach.arrived(logged);
        let (kind, value, grant, records) = match what {
            What::Block { kind, value, grant, records } => (kind, value, grant, records),
            What::Failure(failure) => return state.arrived.fail(failure),
        };
        let recall = logged.and_then(|logged| self.recall(kind, logged));
        let eviction = recall.map_or(Eviction::Never, Eviction::Recall);
        let id = self.keep(&mut state, Place::Memory(value, Arc::new(grant)), eviction);
        state.arrived.add(kind, Block { id, logged }, records);
    }

    fn keep(&self, state: &mut State, place: Place, eviction: Eviction) -> BlockId {
        let id = BlockId::Received { stream: self.id.blocks, number: state.next };
        state.next += 1;
        self.environment.store.put(id, place, eviction);
        id
    }

    pub(crate) fn has_backlog(&self) -> bool {
        let arrived = &self.state().arrived;
        let is_empty = arrived.blocks.is_empty() && arrived.letters.is_empty() && arrived.fails.is_none();
        !is_empty || self.queue.has_more()
    }

    /// Gives all that is in no batch yet to the batch of `time`; the second call for a time changes nothing (behaviour
    /// 2.31). Letters are written where the stream asks for it; if that cannot be done the batch has to fail.
    ///
    /// With a log, what waits for it is written before: the batch holds what arrived in its interval. Where the log fails or
    /// is slow the rest goes to a later batch, and is not lost.
    pub(crate) fn allocate(&self, time: Timestamp) -> InputInfo {
        if let Some(known) = self.state().records.get(&time) {
            return known.info.clone();
        }
        self.recover(); // a batch that was missed may come before the start
        self.flush();
        let mut state = self.state();
        let (arrived, reached) = (std::mem::take(&mut state.arrived), state.reach.allocate(time));
        drop(state); // disks are slow, and receivers go on
        let failure = self.failure(time, &arrived);
        let metadata = arrived.counts.iter().map(|(what, count)| ((*what).to_owned(), count.to_string())).collect();
        let info = InputInfo { records: arrived.records, metadata, description: None };
        let entry = entry::write(reached, &arrived, failure.as_ref(), &info).into();
        let ids = |blocks: Vec<Block>| blocks.into_iter().map(|block| block.id).collect();
        let (blocks, letters, failure) = (ids(arrived.blocks), ids(arrived.letters), failure.map(Failure::cause));
        self.state().insert(time, Allocated { blocks, failure, info: info.clone(), entry }, letters);
        info
    }

    fn failure(&self, time: Timestamp, arrived: &Arrived) -> Option<Failure> {
        if arrived.fails.is_some() || arrived.letters.is_empty() {
            return arrived.fails.clone();
        }
        let fetched = arrived.letters.iter().map(|block| self.environment.store.fetch(block.id));
        let blocks: Result<Vec<_>, _> = fetched.filter_map(Result::transpose).collect();
        let blocks = match blocks {
            Ok(blocks) => blocks,
            Err(error) => return Some(Failure::Other(error.to_string())),
        };
        let letters = blocks.iter().filter_map(|(value, _)| value.downcast_ref::<Vec<DeadLetter>>()).flatten();
        let written = write_letters(&self.policy.letters_directory, &self.name, time, letters);
        written.err().map(|error| Failure::Other(error.to_string()))
    }

    /// What the batch of `time` got.
    pub(crate) fn allocated(&self, time: Timestamp) -> Allocated {
        self.state().records.get(&time).cloned().unwrap_or_default()
    }

    /// What the batch of `time` can be restored from.
    pub(crate) fn entry(&self, time: Timestamp) -> Vec<u8> {
        self.state().records.get(&time).map(|allocated| allocated.entry.to_vec()).unwrap_or_default()
    }

    /// The blocks of letters of the batch of `time`.
    pub(crate) fn letters(&self, time: Timestamp) -> Vec<BlockId> {
        self.state().letters.get(&time).cloned().unwrap_or_default()
    }

    /// Drops the blocks of that kind of all batches up to `time`.
    pub(crate) fn forget(&self, kind: Kind, time: Timestamp) {
        let later = time + Duration::from_micros(1);
        let mut state = self.state();
        let forgotten: Vec<BlockId> = match kind {
            Kind::Records => {
                let kept = state.records.split_off(&later);
                let forgotten = std::mem::replace(&mut state.records, kept);
                forgotten.into_values().flat_map(|batch| batch.blocks).collect()
            }
            Kind::Letters => {
                let kept = state.letters.split_off(&later);
                std::mem::replace(&mut state.letters, kept).into_values().flatten().collect()
            }
        };
        drop(state);
        forgotten.into_iter().for_each(|block| self.environment.store.remove(block));
        self.trim_log();
    }

    /// Drops all blocks, and from now on whatever comes. What is in the log stays there.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        state.cleared = true;
        let arrived = std::mem::take(&mut state.arrived);
        drop(state);
        self.close_log();
        arrived.blocks.into_iter().chain(arrived.letters).for_each(|block| self.environment.store.remove(block.id));
        self.forget(Kind::Records, Timestamp::NEVER);
        self.forget(Kind::Letters, Timestamp::NEVER);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn insert(&mut self, time: Timestamp, allocated: Allocated, letters: Vec<BlockId>) {
        self.records.insert(time, allocated);
        if !letters.is_empty() {
            self.letters.insert(time, letters);
        }
    }
}

impl Arrived {
    fn add(&mut self, kind: Kind, block: Block, records: u64) {
        match kind {
            Kind::Records => {
                self.blocks.push(block);
                self.records += records;
            }
            Kind::Letters => {
                self.letters.push(block);
                *self.counts.entry("deadLetters").or_default() += records;
            }
        }
    }

    fn fail(&mut self, failure: Failure) {
        if matches!(failure, Failure::Rejected(_)) {
            *self.counts.entry("deadLetters").or_default() += 1;
        }
        self.fails = self.fails.take().or(Some(failure));
    }
}

#[cfg(test)]
mod tests;

//! `Blocks`: what a receiver brought in, from the finished block to the end of its batch.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_core::environment::Environment;
use tidemill_core::memory::Grant;
use tidemill_core::store::{AnyValue, Eviction, Place};
use tidemill_core::{BlockId, Cause, Timestamp};

use crate::dead_letter::{DeadLetter, OnError, Rejected, write_letters};
use crate::event::InputInfo;
use crate::input::InputId;

/// The finished blocks of one receiver: those that are in no batch yet, and those of batches that are not forgotten.
pub(crate) struct Blocks {
    id: InputId,
    /// What users know the stream by, as `SocketReceiver-0`.
    name: String,
    environment: Arc<Environment>,
    on_error: OnError,
    letters_directory: PathBuf,
    state: Mutex<State>,
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
}

#[derive(Default)]
struct State {
    next: u64,
    arrived: Arrived,
    records: BTreeMap<Timestamp, Allocated>,
    letters: BTreeMap<Timestamp, Vec<BlockId>>,
    /// The context is over: what still comes is dropped.
    cleared: bool,
}

/// What is in no batch yet.
#[derive(Default)]
struct Arrived {
    blocks: Vec<BlockId>,
    letters: Vec<BlockId>,
    records: u64,
    /// The first record that the batch has to fail for.
    fails: Option<DeadLetter>,
    /// What else happened, by name.
    counts: BTreeMap<&'static str, u64>,
}

impl Blocks {
    pub(crate) fn new(
        id: InputId,
        name: String,
        environment: &Arc<Environment>,
        on_error: OnError,
        letters_directory: PathBuf,
    ) -> Blocks {
        let (environment, state) = (Arc::clone(environment), Mutex::default());
        Blocks { id, name, environment, on_error, letters_directory, state }
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
        self.on_error
    }

    /// Stores a finished block of so many records.
    pub(crate) fn add(&self, block: AnyValue, grant: Grant, records: u64) {
        let mut state = self.state();
        if let Some(id) = self.put(&mut state, block, grant) {
            state.arrived.blocks.push(id);
            state.arrived.records += records;
        }
    }

    /// Stores what could not be read and is to be kept; `grant` is what the letters weigh.
    pub(crate) fn add_letters(&self, letters: Vec<DeadLetter>, grant: Grant) {
        let letters: Vec<_> = letters.into_iter().map(|letter| letter.from_source(&self.name)).collect();
        let count = letters.len() as u64;
        let mut state = self.state();
        if let Some(id) = self.put(&mut state, Arc::new(letters), grant) {
            state.arrived.letters.push(id);
            *state.arrived.counts.entry("deadLetters").or_default() += count;
        }
    }

    /// Lets the next batch fail because of a record that could not be read.
    pub(crate) fn fail(&self, letter: DeadLetter) {
        let letter = letter.from_source(&self.name);
        let arrived = &mut self.state().arrived;
        *arrived.counts.entry("deadLetters").or_default() += 1;
        arrived.fails = arrived.fails.take().or(Some(letter));
    }

    /// Counts something that listeners are to see beside the records of the next batch.
    pub(crate) fn count(&self, what: &'static str, more: u64) {
        *self.state().arrived.counts.entry(what).or_default() += more;
    }

    fn put(&self, state: &mut State, block: AnyValue, grant: Grant) -> Option<BlockId> {
        if state.cleared {
            return None;
        }
        let id = BlockId::Received { stream: self.id.blocks, number: state.next };
        state.next += 1;
        self.environment.store.put(id, Place::Memory(block, Arc::new(grant)), Eviction::Never);
        Some(id)
    }

    pub(crate) fn has_backlog(&self) -> bool {
        let arrived = &self.state().arrived;
        !(arrived.blocks.is_empty() && arrived.letters.is_empty() && arrived.fails.is_none())
    }

    /// Gives all that is in no batch yet to the batch of `time`; the second call for a time changes nothing (behaviour
    /// 2.31). Letters are written where the stream asks for it; if that cannot be done the batch has to fail.
    pub(crate) fn allocate(&self, time: Timestamp) -> InputInfo {
        let mut state = self.state();
        if let Some(known) = state.records.get(&time) {
            return known.info.clone();
        }
        let arrived = std::mem::take(&mut state.arrived);
        drop(state); // disks are slow, and receivers go on
        let failure = self.failure(time, &arrived);
        let metadata = arrived.counts.iter().map(|(what, count)| ((*what).to_owned(), count.to_string())).collect();
        let info = InputInfo { records: arrived.records, metadata, description: None };
        let mut state = self.state();
        state.records.insert(time, Allocated { blocks: arrived.blocks, failure, info: info.clone() });
        if !arrived.letters.is_empty() {
            state.letters.insert(time, arrived.letters);
        }
        info
    }

    fn failure(&self, time: Timestamp, arrived: &Arrived) -> Option<Cause> {
        if let Some(letter) = &arrived.fails {
            return Some(Cause::User(Arc::new(Rejected(letter.clone()))));
        }
        if arrived.letters.is_empty() {
            return None;
        }
        let places = arrived.letters.iter().filter_map(|id| self.environment.store.get(*id));
        let values = places.filter_map(|place| match place {
            Place::Memory(value, _) => Some(value),
            Place::Disk(_) | Place::Elsewhere(_) => None,
        });
        let values: Vec<AnyValue> = values.collect();
        let letters = values.iter().filter_map(|value| value.downcast_ref::<Vec<DeadLetter>>()).flatten();
        write_letters(&self.letters_directory, &self.name, time, letters).err()
    }

    /// What the batch of `time` got.
    pub(crate) fn allocated(&self, time: Timestamp) -> Allocated {
        self.state().records.get(&time).cloned().unwrap_or_default()
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
    }

    /// Drops all blocks, and from now on whatever comes.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        state.cleared = true;
        let arrived = std::mem::take(&mut state.arrived);
        drop(state);
        arrived.blocks.into_iter().chain(arrived.letters).for_each(|block| self.environment.store.remove(block));
        self.forget(Kind::Records, Timestamp::NEVER);
        self.forget(Kind::Letters, Timestamp::NEVER);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

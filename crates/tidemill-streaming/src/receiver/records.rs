//! `Records`: values that a receiver stores one by one, gathered and cut into blocks.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidemill_core::Element;
use tidemill_core::memory::{Grant, Pool};
use tidemill_core::weight;

use crate::receiver::blocks::{Blocks, Kind};
use crate::receiver::life::Life;
use crate::receiver::queue::Added;
use crate::receiver::{Gather, Stopped, StoreError};

/// What is still taken after a stop was asked for: records that were under way. A source that goes on cannot hold up the
/// stop.
pub(crate) const LAST_BYTES_MAX: u64 = 8 << 20;
/// Memory is asked for in steps of this part of what all received data may take, ...
const STEP_PART: u64 = 64;
/// ... but of no more than this many bytes: an atomic operation a hundred records is cheap enough.
const STEP_BYTES_MAX: u64 = 64 << 10;

/// The records that arrived and are in no block yet.
///
/// Whoever stores one waits while memory for received data is short. Until then the records at hand are made a block, which
/// a batch can use up: a receiver that waits holds nothing that others, or itself, wait for.
pub(crate) struct Records<T> {
    blocks: Arc<Blocks>,
    kind: Kind,
    /// A block is cut at this weight without waiting for the clock.
    block_bytes_max: u64,
    step: u64,
    state: Mutex<State<T>>,
}

struct State<T> {
    values: Vec<T>,
    /// About what `values` weigh; never more than `grant` has.
    bytes: u64,
    grant: Grant,
    /// What the value that was weighed last owns: it stands for those that are not weighed.
    owned: u64,
    /// The bytes that came since a stop was asked for.
    last_bytes: u64,
}

impl<T: Element> Records<T> {
    pub(crate) fn new(blocks: &Arc<Blocks>, kind: Kind, block_bytes_max: u64) -> Records<T> {
        let memory = &blocks.environment().memory;
        let step = (memory.ceiling(Pool::Received) / STEP_PART).min(STEP_BYTES_MAX);
        let grant = memory.grant(Pool::Received);
        let state = State { values: Vec::new(), bytes: 0, grant, owned: 0, last_bytes: 0 };
        Records { blocks: Arc::clone(blocks), kind, block_bytes_max, step, state: Mutex::new(state) }
    }

    /// Adds one record; waits while there is no memory for it. After a stop was asked for it waits no more, and refuses what
    /// comes beyond [`LAST_BYTES_MAX`].
    pub(crate) fn add(&self, value: T, life: &Life) -> Result<(), Stopped> {
        let mut state = self.lock();
        let bytes = state.weigh(&value);
        state.last_bytes = if life.is_stopped() { state.last_bytes + bytes } else { 0 };
        if state.last_bytes > LAST_BYTES_MAX {
            return Err(Stopped);
        }
        if !self.has_room(&mut state, bytes, self.step) {
            self.cut_state(&mut state);
            if !self.has_room(&mut state, bytes, 0) {
                drop(state); // a tick may cut meanwhile
                let grant = self.blocks.acquire(bytes, &|| life.is_ended());
                state = self.lock();
                match grant {
                    Some(grant) => state.grant.absorb(grant),
                    None => state.grant.grow_past(bytes), // it is here already, and nothing is lost
                }
            }
        }
        if life.is_closed() {
            state.grant.shrink_to(0);
            return Err(Stopped);
        }
        state.values.push(value);
        state.bytes += bytes;
        if state.bytes >= self.block_bytes_max {
            self.cut_state(&mut state);
        }
        Ok(())
    }

    /// Stores `values` as one block, after what was added before; waits until there is memory for all of it, and with a log
    /// until it is there.
    pub(crate) fn add_block(&self, mut values: Vec<T>, life: &Life) -> Result<(), StoreError> {
        if values.is_empty() {
            return Ok(());
        }
        if values.capacity() / 2 > values.len() {
            values.shrink_to_fit();
        }
        self.cut();
        let bytes = weight::sampled(&values).max(values.len() as u64);
        let grant = self.blocks.acquire(bytes, &|| life.is_ended()).ok_or(Stopped)?;
        let mut state = self.lock();
        self.cut_state(&mut state); // what other threads added meanwhile came before
        let count = values.len() as u64;
        let added = self.blocks.add_awaited(Arc::new(Arc::new(values)), grant, count);
        drop(state); // others go on while this waits
        added.map_or(Ok(()), Added::wait)
    }

    /// Whether the grant has room for `bytes` more, after it was grown by a step, or else by as much as is missing.
    fn has_room(&self, state: &mut State<T>, bytes: u64, step: u64) -> bool {
        let missing = (state.bytes + bytes).saturating_sub(state.grant.bytes());
        missing == 0 || (step > missing && state.grant.try_grow(step)) || self.blocks.grow(&mut state.grant, missing)
    }

    fn cut_state(&self, state: &mut State<T>) {
        if !state.values.is_empty() {
            let values = std::mem::take(&mut state.values);
            let grant = state.grant.split(std::mem::take(&mut state.bytes));
            self.store(values, grant);
        }
        state.grant.shrink_to(0);
    }

    fn store(&self, values: Vec<T>, grant: Grant) {
        let count = values.len() as u64;
        match self.kind {
            // Readers share the block, so it is behind a pointer of its own.
            Kind::Records => self.blocks.add(Arc::new(Arc::new(values)), grant, count),
            Kind::Letters => {
                let letters: Box<dyn Any> = Box::new(values);
                if let Ok(letters) = letters.downcast() {
                    self.blocks.add_letters(*letters, grant);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Element> Gather for Records<T> {
    fn cut(&self) {
        self.cut_state(&mut self.lock());
    }
}

impl<T: Element> State<T> {
    /// About what `value` weighs: the first of a block are weighed each, later ones by a sample.
    fn weigh(&mut self, value: &T) -> u64 {
        let count = self.values.len();
        if count < weight::EXACT || count.is_multiple_of(weight::Weigher::EVERY) {
            self.owned = weight::owned(value);
        }
        (size_of::<T>() as u64 + self.owned).max(1)
    }
}

#[cfg(test)]
mod tests;

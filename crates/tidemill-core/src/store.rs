//! The store: everything that is kept between tasks, by `BlockId`.
//!
//! Map outputs stay until their lineage is gone; received blocks until their batch is done; stored partitions until memory
//! is short, least recently used first.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::exchange::MapOutput;
use crate::memory::{Grant, Memory, Pool};
use crate::spill::SpillDir;
use crate::{BlockId, ShuffleId, Stop};

/// A value of a type that only its reader knows.
pub type AnyValue = Arc<dyn Any + Send + Sync>;

/// Where blocks are kept. All methods may be called from any thread.
pub struct Store {
    memory: Memory,
    spill: SpillDir,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outputs: HashMap<ShuffleId, HashMap<u32, Arc<MapOutput>>>,
    entries: HashMap<BlockId, Entry>,
    uses: u64,
}

struct Entry {
    place: Place,
    eviction: Eviction,
    last_use: u64,
}

/// Where a block is.
#[derive(Clone)]
pub enum Place {
    /// The value itself, and the memory that it is accounted for.
    Memory(AnyValue, Arc<Grant>),
    /// What its writer left on disk: a value that knows the file.
    Disk(AnyValue),
}

/// Writes a value to disk and returns what its reader needs to read it again.
pub type ToDisk = fn(&AnyValue, &SpillDir) -> Result<AnyValue, Stop>;

/// What becomes of a block when its memory is needed.
#[derive(Clone, Copy)]
pub enum Eviction {
    /// It stays: nothing could bring it back.
    Never,
    /// It is dropped, and computed again when it is asked for.
    Drop,
    /// It is written to disk.
    Spill(ToDisk),
}

impl Store {
    /// An empty store.
    pub fn new(memory: Memory, spill: SpillDir) -> Store {
        Store { memory, spill, state: Mutex::default() }
    }

    /// Keeps what a map task wrote.
    pub fn put_map_output(&self, output: MapOutput) {
        self.state().outputs.entry(output.shuffle).or_default().insert(output.map, Arc::new(output));
    }

    /// What a map task wrote, unless it is lost.
    pub fn map_output(&self, shuffle: ShuffleId, map: u32) -> Option<Arc<MapOutput>> {
        self.state().outputs.get(&shuffle)?.get(&map).cloned()
    }

    /// Drops all that was written for a shuffle.
    pub fn remove_shuffle(&self, shuffle: ShuffleId) {
        let removed = self.state().outputs.remove(&shuffle);
        drop(removed); // after the lock: it may be much
    }

    /// Drops what one map task wrote, as if its disk or executor were gone.
    pub fn remove_map_output(&self, shuffle: ShuffleId, map: u32) {
        let removed = self.state().outputs.get_mut(&shuffle).and_then(|maps| maps.remove(&map));
        drop(removed);
    }

    /// Keeps a block.
    pub fn put(&self, id: BlockId, place: Place, eviction: Eviction) {
        let mut state = self.state();
        state.uses += 1;
        let entry = Entry { place, eviction, last_use: state.uses };
        let replaced = state.entries.insert(id, entry);
        drop(state);
        drop(replaced);
    }

    /// Where a block is, if it is kept. Counts as a use.
    pub fn get(&self, id: BlockId) -> Option<Place> {
        let mut state = self.state();
        state.uses += 1;
        let now = state.uses;
        let entry = state.entries.get_mut(&id)?;
        entry.last_use = now;
        Some(entry.place.clone())
    }

    /// Whether a block is kept. Does not count as a use.
    pub fn contains(&self, id: BlockId) -> bool {
        self.state().entries.contains_key(&id)
    }

    /// Drops a block. Who reads it keeps it until done.
    pub fn remove(&self, id: BlockId) {
        let removed = self.state().entries.remove(&id);
        drop(removed);
    }

    /// Memory for `bytes` of a stored block, making room by evicting what was used least recently; `None` where all that
    /// could go is gone and it still does not fit.
    pub fn room_for(&self, bytes: u64) -> Option<Grant> {
        loop {
            if let Some(grant) = self.memory.try_acquire(Pool::Stored, bytes) {
                return Some(grant);
            }
            if bytes > self.memory.ceiling(Pool::Stored) || !self.evict_one() {
                return None;
            }
        }
    }

    /// Evicts the block that was used least recently; `false` where none may go.
    fn evict_one(&self) -> bool {
        let mut state = self.state();
        let goes =
            |entry: &&Entry| matches!(entry.place, Place::Memory(..)) && !matches!(entry.eviction, Eviction::Never);
        let oldest = state.entries.iter().filter(|(_, entry)| goes(entry)).min_by_key(|(_, entry)| entry.last_use);
        let Some((id, _)) = oldest else { return false };
        let id = *id;
        let Some(entry) = state.entries.remove(&id) else { return false };
        drop(state);
        tracing::debug!(block = %id, "A stored block makes room for another.");
        if let (Eviction::Spill(to_disk), Place::Memory(value, _)) = (entry.eviction, &entry.place) {
            match to_disk(value, &self.spill) {
                Ok(on_disk) => self.put(id, Place::Disk(on_disk), entry.eviction),
                Err(error) => {
                    tracing::warn!(block = %id, %error, "A stored block could not go to disk; it will be computed again.")
                }
            }
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

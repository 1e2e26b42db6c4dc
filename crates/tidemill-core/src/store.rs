//! The store: everything that is kept between tasks, by `BlockId`.
//!
//! Map outputs stay until their lineage is gone; received blocks until their batch is done; stored partitions until memory
//! is short, least recently used first. Received blocks that are in a log as well leave memory before that where it is
//! short, and are read again when a task needs them.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::exchange::{BucketId, MapOutput};
use crate::memory::{Grant, Memory, Pool};
use crate::spill::SpillDir;
use crate::{BlockId, RddId, ShuffleId, Stop};

mod recall;

pub use recall::Recall;

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
    /// The blocks in memory that are kept elsewhere too, by the count of uses when they came.
    recallable: BTreeMap<u64, BlockId>,
    uses: u64,
}

struct Entry {
    place: Place,
    eviction: Eviction,
    /// The count of uses when it came.
    came: u64,
    last_use: u64,
    /// It is being written to disk, and read from memory until it is there.
    leaving: bool,
}

/// Where a block is.
#[derive(Clone)]
pub enum Place {
    /// The value itself, and the memory that it is accounted for.
    Memory(AnyValue, Arc<Grant>),
    /// What its writer left on disk: a value that knows the file.
    Disk(AnyValue),
    /// Beside the store, as in a log.
    Recall(Recall),
}

/// Writes a value to disk and returns what its reader needs to read it again.
pub type ToDisk = fn(&AnyValue, &SpillDir) -> Result<AnyValue, Stop>;

/// What becomes of a block when its memory is needed.
#[derive(Clone)]
pub enum Eviction {
    /// It stays: nothing could bring it back.
    Never,
    /// It is dropped, and computed again when it is asked for.
    Drop,
    /// It is written to disk.
    Spill(ToDisk),
    /// It is dropped, and read from elsewhere when it is asked for: see [`Store::let_one_go`].
    Recall(Recall),
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

    /// A bucket of a map output for another process; `None` where it is not here. What a block service answers to those
    /// that [`Fetch`](crate::exchange::Fetch).
    ///
    /// # Errors
    /// Those of encoding, or of reading what was spilled.
    pub fn encoded_bucket(&self, bucket: BucketId) -> Result<Option<Vec<u8>>, Stop> {
        let Some(output) = self.map_output(bucket.shuffle, bucket.map) else { return Ok(None) };
        output.encode_bucket(bucket.bucket as usize)
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
        let entry = state.entry(id, place, eviction);
        let replaced = state.entries.insert(id, entry);
        state.no_more(replaced.as_ref());
        drop(state);
        drop(replaced);
    }

    /// Keeps a block unless there is one of this name already.
    pub fn put_if_absent(&self, id: BlockId, place: Place, eviction: Eviction) {
        let mut state = self.state();
        if !state.entries.contains_key(&id) {
            let entry = state.entry(id, place, eviction);
            state.entries.insert(id, entry);
        }
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
        let mut state = self.state();
        let removed = state.entries.remove(&id);
        state.no_more(removed.as_ref());
        drop(state);
        drop(removed);
    }

    /// Memory for `bytes` of a stored block, making room by evicting what was used least recently; `None` where all that
    /// could go is gone and it still does not fit.
    pub fn room_for(&self, bytes: u64) -> Option<Grant> {
        let mut grant = self.memory.grant(Pool::Stored);
        self.make_room(&mut grant, bytes, None).then_some(grant)
    }

    /// Adds `bytes` to the grant of a block of `rdd`, making room by evicting what was used least recently; `false` where
    /// all that could go is gone and it still does not fit.
    ///
    /// Blocks of the same RDD stay: of an RDD that does not fit, each partition would evict one that is needed soon, and
    /// none would ever be found.
    pub fn make_room(&self, grant: &mut Grant, bytes: u64, rdd: Option<RddId>) -> bool {
        if grant.bytes().saturating_add(bytes) > self.memory.ceiling(Pool::Stored) {
            return false;
        }
        while !grant.try_grow(bytes) {
            if !self.evict_one(rdd) {
                return false;
            }
        }
        true
    }

    /// Evicts the block that was used least recently, but none of `spared`; `false` where none may go.
    fn evict_one(&self, spared: Option<RddId>) -> bool {
        let mut state = self.state();
        let goes = |id: &BlockId, entry: &Entry| {
            let of_spared = matches!(id, BlockId::Stored { rdd, .. } if Some(*rdd) == spared);
            let may_go = matches!(entry.eviction, Eviction::Drop | Eviction::Spill(_)) && !entry.leaving;
            matches!(entry.place, Place::Memory(..)) && may_go && !of_spared
        };
        let candidates = state.entries.iter().filter(|(id, entry)| goes(id, entry));
        let Some(id) = candidates.min_by_key(|(_, entry)| entry.last_use).map(|(id, _)| *id) else { return false };
        tracing::debug!(block = %id, "A stored block makes room for another.");
        let Some(entry) = state.entries.get_mut(&id) else { return false };
        match (&entry.eviction, entry.place.clone()) {
            (Eviction::Spill(to_disk), Place::Memory(value, _)) => {
                let to_disk = *to_disk;
                entry.leaving = true;
                drop(state);
                self.move_to_disk(id, &value, to_disk);
            }
            _ => {
                let removed = state.entries.remove(&id);
                drop(state);
                drop(removed);
            }
        }
        true
    }

    /// Writes a block without the lock, then changes its place, if it was not removed meanwhile.
    fn move_to_disk(&self, id: BlockId, value: &AnyValue, to_disk: ToDisk) {
        let written = to_disk(value, &self.spill);
        let mut state = self.state();
        let Some(entry) = state.entries.get_mut(&id).filter(|entry| entry.leaving) else { return };
        let left = match written {
            Ok(on_disk) => {
                entry.leaving = false;
                std::mem::replace(&mut entry.place, Place::Disk(on_disk))
            }
            Err(error) => {
                tracing::warn!(block = %id, %error, "A stored block could not go to disk; it will be computed again.");
                let Some(entry) = state.entries.remove(&id) else { return };
                entry.place
            }
        };
        drop(state);
        drop(left); // after the lock: it may be much
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn entry(&mut self, id: BlockId, place: Place, eviction: Eviction) -> Entry {
        self.uses += 1;
        if matches!((&place, &eviction), (Place::Memory(..), Eviction::Recall(_))) {
            self.recallable.insert(self.uses, id);
        }
        Entry { place, eviction, came: self.uses, last_use: self.uses, leaving: false }
    }

    fn no_more(&mut self, removed: Option<&Entry>) {
        if let Some(entry) = removed {
            self.recallable.remove(&entry.came);
        }
    }
}

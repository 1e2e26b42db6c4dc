//! What every task of a process shares: the store, the account of memory, the spill folder, the seed of hashes.

use std::sync::{Arc, Mutex, PoisonError};

use crate::ShuffleId;
use crate::accumulator::Accumulators;
use crate::exchange::Elsewhere;
use crate::files::remote::RemoteFileSystems;
use crate::hash::HashSeed;
use crate::memory::Memory;
use crate::spill::SpillDir;
use crate::store::Store;

/// What tasks share with each other and with the driver of their process.
pub struct Environment {
    /// Stored partitions, map outputs, received blocks.
    pub store: Store,
    /// Map outputs that other processes keep.
    pub elsewhere: Elsewhere,
    /// The one account of memory.
    pub memory: Memory,
    /// Where blocks go that memory cannot hold.
    pub spill: SpillDir,
    /// Which files on other machines can be reached.
    pub remote: RemoteFileSystems,
    /// The driver's side of accumulators.
    pub(crate) accumulators: Accumulators,
    /// The seed of all key hashes.
    pub seed: HashSeed,
    forgotten: Mutex<Vec<ShuffleId>>,
}

impl Environment {
    /// An environment with an empty store.
    pub fn new(memory: Memory, spill: SpillDir, seed: HashSeed) -> Arc<Environment> {
        let store = Store::new(memory.clone(), spill.clone());
        Arc::new(Environment {
            store,
            elsewhere: Elsewhere::default(),
            memory,
            accumulators: Accumulators::default(),
            spill,
            remote: RemoteFileSystems::default(),
            seed,
            forgotten: Mutex::new(Vec::new()),
        })
    }

    /// The lineage that reads `shuffle` is gone: its blocks go now, schedulers hear of it at their next event.
    pub fn forget_shuffle(&self, shuffle: ShuffleId) {
        self.store.remove_shuffle(shuffle);
        self.elsewhere.forget(shuffle);
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).push(shuffle);
    }

    /// The shuffles forgotten since the last call.
    pub fn take_forgotten(&self) -> Vec<ShuffleId> {
        std::mem::take(&mut *self.forgotten.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

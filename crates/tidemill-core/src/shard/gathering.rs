//! `Gathering`: what is kept of several shards and comes mixed, apart: in memory, or on disk past the limit of state.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Cause;
use crate::environment::Environment;
use crate::memory::{Grant, Pool};
use crate::shard::{Deltas, Kept, Pieces, decode, encode};
use crate::ship::Bytes;
use crate::spill::{Blob, BlobReader, Blobs};

/// With less in memory nothing goes to disk: that would be a write for every few bytes.
const LEAST_LEAVING_BYTES: u64 = 64 << 10;

/// Takes what is kept of several shards as it comes, and keeps each shard's in order. It never has much more in memory than
/// state may take.
pub struct Gathering<T> {
    blobs: Blobs,
    grant: Grant,
    shards: Vec<Vec<Item<T>>>,
    /// The shard and the place of all that is in memory.
    here: Vec<(usize, usize)>,
    /// The disk did not take it, so it stays.
    stays: bool,
}

/// What was gathered of one shard, in order.
pub struct Gathered<T> {
    items: Vec<Item<T>>,
    /// For what is in memory, of all shards: it is given back when the last of them goes.
    _grant: Arc<Grant>,
}

enum Item<T> {
    Here(T),
    Away(Blob),
}

impl<T: Serialize> Gathering<T> {
    /// Of so many shards nothing yet.
    pub fn new(environment: &Environment, shards: usize) -> Gathering<T> {
        let (blobs, grant) = (Blobs::new(&environment.spill), environment.memory.grant(Pool::State));
        let shards = (0..shards).map(|_| Vec::new()).collect();
        Gathering { blobs, grant, shards, here: Vec::new(), stays: false }
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Adds an item of about so many bytes to those of a shard.
    ///
    /// # Errors
    /// There is no such shard.
    pub fn push(&mut self, shard: usize, item: T, bytes: u64) -> Result<(), Cause> {
        let items = self.shards.get_mut(shard);
        let items = items.ok_or_else(|| Cause::Invalid(format!("there is no partition {shard} to load")))?;
        self.here.push((shard, items.len()));
        items.push(Item::Here(item));
        if !self.grant.try_grow(bytes) {
            self.grant.grow_past(bytes); // it is there
            self.leave();
        }
        Ok(())
    }

    /// Takes what is in memory to disk. Where that fails it stays.
    fn leave(&mut self) {
        if self.stays || self.grant.bytes() < LEAST_LEAVING_BYTES {
            return;
        }
        if let Err(error) = self.write() {
            tracing::warn!(%error, "What is loaded of a state cannot go to disk, and stays in memory.");
            self.stays = true;
        }
    }

    fn write(&mut self) -> Result<(), Cause> {
        let mut writer = self.blobs.writer();
        for (shard, place) in &self.here {
            if let Some(Item::Here(item)) = self.shards.get(*shard).and_then(|items| items.get(*place)) {
                writer.push(|bytes| encode(item, bytes))?;
            }
        }
        let written = writer.flush()?;
        for ((shard, place), blob) in self.here.drain(..).zip(written) {
            if let Some(item) = self.shards.get_mut(shard).and_then(|items| items.get_mut(place)) {
                *item = Item::Away(blob);
            }
        }
        self.grant.shrink_to(0);
        Ok(())
    }

    /// What came, by shard.
    pub fn finish(self) -> Vec<Gathered<T>> {
        let grant = Arc::new(self.grant);
        self.shards.into_iter().map(|items| Gathered { items, _grant: Arc::clone(&grant) }).collect()
    }
}

impl<T: Clone + DeserializeOwned> Gathered<T> {
    /// What came, in order; fails where the disk does.
    pub fn read(&self) -> impl Iterator<Item = Result<T, Cause>> + use<'_, T> {
        let mut reader = BlobReader::new();
        self.items.iter().map(move |item| match item {
            Item::Here(item) => Ok(item.clone()),
            Item::Away(blob) => Ok(decode(reader.read(blob)?)?.0),
        })
    }
}

/// Pieces that were gathered, with no changes since.
impl Kept for Gathered<Bytes> {
    fn pieces(&self) -> Pieces<'_> {
        Box::new(self.read().map(|piece| Ok(piece?.0)))
    }

    fn deltas(&self) -> Deltas<'_> {
        Box::new(std::iter::empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::HashSeed;
    use crate::memory::{Memory, MemoryLimits};
    use crate::spill::SpillDir;

    const LIMIT: u64 = 200_000;

    fn environment(folder: &std::path::Path, limit: u64) -> Arc<Environment> {
        let memory = Memory::new(MemoryLimits { state: limit, ..MemoryLimits::default() });
        Environment::new(memory, SpillDir::new(folder), HashSeed::default())
    }

    fn piece(number: usize) -> Bytes {
        Bytes(vec![number as u8; 1_000 + number % 7])
    }

    #[test]
    fn what_comes_mixed_is_there_in_order_and_past_the_limit_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let occupied = folder.path().join("a file");
        std::fs::write(&occupied, "").unwrap();
        // Where it may go, the limit, and whether it stays in memory.
        let table = [(folder.path(), u64::MAX / 2, true), (folder.path(), LIMIT, false), (&occupied, LIMIT, true)];
        for (folder, limit, stays) in table {
            let environment = environment(folder, limit);
            let mut gathering = Gathering::new(&environment, 3);
            for number in 0..2_000 {
                gathering.push(number % 3, piece(number), 1_000).unwrap();
            }
            assert!(gathering.push(3, piece(0), 1_000).is_err());
            let gathered = gathering.finish();
            for _ in 0..2 {
                for (shard, gathered) in gathered.iter().enumerate() {
                    let found: Vec<Vec<u8>> = gathered.pieces().map(Result::unwrap).collect();
                    let expected = (0..2_000).filter(|number| number % 3 == shard).map(|number| piece(number).0);
                    assert_eq!(found, expected.collect::<Vec<_>>());
                }
            }
            let peak = environment.memory.peak(Pool::State);
            assert_eq!(peak > 2 * LIMIT, stays, "{peak} bytes of {limit}");
            drop(gathered);
            assert_eq!(environment.memory.used(Pool::State), 0);
        }
    }
}

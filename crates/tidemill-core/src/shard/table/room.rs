//! Making room: what was changed longest ago goes to disk where state takes more memory than it may.
//!
//! A round goes through the table chunk by chunk. What is to go is written under the read lock, as an entry's state and then
//! its key, and is taken out under the write lock if the table is still where it was. An entry takes its older states in the
//! logs along, so an entry that is away has nothing here; and a log's blob has the key beside the state. Rounds are run
//! while no step is under way, since a step knows which entries were here.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, TryLockError};

use serde::Serialize;

use super::entries::{CHUNK, Item, Slot, View};
use super::{Inner, Pin, Version, VersionedTable, Was};
use crate::memory::{Memory, Pool};
use crate::shard::{decode, encode};
use crate::spill::{Blob, BlobReader, BlobWriter, over_limit};
use crate::{Cause, Element, Key};

/// A round makes room until state takes no more than so many eighths of what it may: then it is not run for every step.
const EIGHTHS: u64 = 7;

/// A table that is loaded makes room when it has grown by so much.
const LEAST_GROWTH: u64 = 64 << 10;

/// Entries of a chunk that were written, by their places in it, and older states of theirs.
pub(super) struct Moved {
    chunk: usize,
    entries: Vec<(usize, Blob)>,
    states: Vec<(Version, u32, Blob)>,
}

impl<K: Key, S: Element> VersionedTable<K, S> {
    /// Takes what was changed longest ago to disk, where state takes more memory than it may. What cannot be written stays in
    /// memory, which is warned of once; as long as that is so, steps fail that need more.
    pub fn make_room(self: &Arc<Self>) {
        self.make_room_with(|| Ok(0));
    }

    /// The same; where that is not enough `more` takes what else there is to disk, and says how much.
    pub fn make_room_with(self: &Arc<Self>, more: impl FnOnce() -> Result<usize, Cause>) {
        if !self.memory.is_past(Pool::State) {
            return;
        }
        let mut failure = match self.failure.try_lock() {
            Ok(failure) => failure,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return, // somebody is at it
        };
        // What a round frees it can only estimate before; a second one is seldom needed.
        let rounds = || {
            let mut count = 0;
            while self.memory.is_past(Pool::State) {
                match self.round()? {
                    0 => return Ok(count + more()?),
                    moved => count += moved,
                }
            }
            Ok(count)
        };
        // Values are encoded by code of the user, and who asks for room is not to fail with it.
        let round = catch_unwind(AssertUnwindSafe(rounds)).unwrap_or_else(|panic| Err(Cause::panic(&*panic)));
        self.told(&mut failure, round.map_err(|cause| over_limit::<(K, S)>(cause, Pool::State)));
    }

    /// Why the last round failed, if it did.
    pub(in crate::shard) fn failure(&self) -> Option<Cause> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers and logs what came of making room: how many entries went, or why not.
    fn told(&self, failure: &mut Option<Cause>, round: Result<usize, Cause>) {
        match round {
            Ok(0) => {}
            Ok(entries) => {
                *failure = None;
                self.blobs.dir().tell_of_state(self.memory.ceiling(Pool::State));
                let memory = self.memory.used(Pool::State);
                tracing::debug!(entries, memory, "State went to disk.");
            }
            Err(cause) => {
                if failure.replace(cause.clone()).is_none() {
                    tracing::warn!(error = %cause, "State past its limit cannot go to disk, and stays in memory.");
                }
            }
        }
    }

    fn round(self: &Arc<Self>) -> Result<usize, Cause> {
        let pin = Pin::for_reader(self); // so that all keep their places
        let inner = self.inner();
        let (version, chunks) = (inner.version, inner.entries.chunks());
        let has_waste = self.blobs.has_waste();
        let mut coldest = room_for(&self.memory).map(|excess| inner.coldest(excess));
        if inner.drafts > 0 {
            return Ok(0);
        }
        drop(inner);
        let (mut writer, mut reader, mut count) = (self.blobs.writer(), BlobReader::new(), 0);
        for chunk in 0..chunks {
            coldest = coldest.filter(|_| room_for(&self.memory).is_some());
            if coldest.is_none() && !has_waste {
                break;
            }
            let Ok(inner) = pin.at(version) else { break };
            let moved = inner.write(chunk, coldest, has_waste, &mut writer, &mut reader)?;
            drop(inner);
            if moved.entries.is_empty() {
                continue;
            }
            let mut inner = self.inner_mut();
            if inner.version != version || inner.turns_back != pin.turns_back() || inner.drafts > 0 {
                break;
            }
            count += moved.entries.len();
            let gone = inner.move_away(moved);
            inner.settle();
            drop(inner);
            drop(gone); // after the lock: values of the user's
        }
        Ok(count)
    }

    /// Makes room in a table that nobody else sees, once it has grown since `bytes`, which it brings up to date.
    pub(super) fn make_room_in(&self, table: &mut Inner<K, S>, bytes: &mut u64) {
        let limit = self.memory.ceiling(Pool::State);
        table.settle();
        if !self.memory.is_past(Pool::State) || table.bytes() < *bytes + (limit / 16).max(LEAST_GROWTH) {
            return;
        }
        let (mut writer, mut reader, mut count) = (self.blobs.writer(), BlobReader::new(), 0);
        let mut round = || {
            for chunk in 0..table.entries.chunks() {
                let moved = table.write(chunk, Some(Version(u64::MAX)), false, &mut writer, &mut reader)?;
                count += moved.entries.len();
                drop(table.move_away(moved));
            }
            Ok(count)
        };
        let round = round().map_err(|cause| over_limit::<(K, S)>(cause, Pool::State));
        self.told(&mut self.failure.lock().unwrap_or_else(PoisonError::into_inner), round);
        table.settle();
        *bytes = table.bytes();
    }
}

/// How much memory state is to give back for a round to be over; `None` if nothing.
fn room_for(memory: &Memory) -> Option<u64> {
    let enough = memory.ceiling(Pool::State) / 8 * EIGHTHS;
    memory.used(Pool::State).checked_sub(enough).filter(|excess| *excess > 0)
}

impl<K, S> Inner<K, S> {
    /// The version up to which entries that are here were changed last, so that they are about `excess` bytes.
    fn coldest(&self, excess: u64) -> Version {
        let mut bytes = BTreeMap::<Version, u64>::new();
        let (mut last, mut sum) = (Version::START, 0);
        for view in self.entries.iter() {
            let View::Here(entry) = view else { continue };
            if entry.state.is_none() {
                continue;
            }
            if entry.changed != last {
                *bytes.entry(last).or_default() += std::mem::take(&mut sum);
                last = entry.changed;
            }
            sum += (size_of_val(entry) as u64 + entry.weight()).saturating_sub(size_of::<Slot<K, S>>() as u64);
        }
        *bytes.entry(last).or_default() += sum;
        let mut sum = 0;
        let enough = bytes.into_iter().find(|(_, bytes)| {
            sum += bytes;
            sum >= excess
        });
        enough.map_or(Version(u64::MAX), |(version, _)| version)
    }

    /// Takes what was written out of memory. Nothing of it is dropped here, under the lock.
    pub(super) fn move_away(&mut self, moved: Moved) -> (Vec<Item<K, S>>, Vec<S>) {
        let Moved { chunk, entries, states } = moved;
        let (mut gone, mut older) = (Vec::with_capacity(entries.len()), Vec::with_capacity(states.len()));
        self.entries.move_away(chunk, entries, &mut gone);
        self.owned -= gone.iter().map(Item::weight).sum::<u64>();
        for (to, place, blob) in states {
            let Some(log) = self.logs.iter_mut().find(|log| log.to == to) else { continue }; // forgotten meanwhile
            let Some(before) = log.find_mut(place as usize) else { continue };
            if let Was::Here(state) = std::mem::replace(&mut before.state, Was::Away(blob.file, blob.at)) {
                log.owned -= u64::from(std::mem::take(&mut before.state_weight));
                older.push(state);
            }
        }
        self.moves += 1;
        (gone, older)
    }
}

impl<K: Key, S: Element> Inner<K, S> {
    /// Writes the entries of a chunk that are here and were changed last at `coldest` or before; and again those that are in
    /// files of which not much is needed, if there are such files.
    fn write(
        &self,
        chunk: usize,
        coldest: Option<Version>,
        has_waste: bool,
        writer: &mut BlobWriter<'_>,
        reader: &mut BlobReader,
    ) -> Result<Moved, Cause> {
        let (mut places, mut states) = (Vec::new(), Vec::new());
        let first = chunk * CHUNK;
        for at in 0..CHUNK {
            match self.entries.get(first + at) {
                Some(View::Here(entry)) if coldest.is_some_and(|coldest| entry.changed <= coldest) => {
                    let Some(state) = &entry.state else { continue };
                    writer.push(|bytes| encode_entry(&entry.key, state, bytes))?;
                }
                Some(View::Away(away)) if has_waste && away.file.is_mostly_dead() => {
                    let piece = reader.read_at(&away.file, away.at)?;
                    writer.push(|mut bytes| {
                        bytes.extend_from_slice(piece);
                        Ok(bytes)
                    })?;
                }
                Some(_) => continue,
                None => break,
            }
            places.push(at);
        }
        for log in &self.logs {
            for (place, before) in log.within(first..first + CHUNK) {
                let is_moved = places.binary_search(&(*place as usize - first)).is_ok();
                if is_moved
                    && let Was::Here(state) = &before.state
                    && let Some(View::Here(entry)) = self.entries.get(*place as usize)
                {
                    writer.push(|bytes| encode_entry(&entry.key, state, bytes))?;
                    states.push((log.to, *place));
                }
            }
        }
        let mut blobs = writer.flush()?.into_iter();
        let entries = places.into_iter().zip(blobs.by_ref()).collect();
        let states = states.into_iter().zip(blobs).map(|((to, place), blob)| (to, place, blob)).collect();
        Ok(Moved { chunk, entries, states })
    }
}

/// An entry as it is on disk.
fn encode_entry<K: Serialize, S: Serialize>(key: &K, state: &S, bytes: Vec<u8>) -> Result<Vec<u8>, Cause> {
    encode(key, encode(state, bytes)?)
}

/// The key and the state of an entry that is on disk.
pub(super) fn decode_entry<K: Element, S: Element>(piece: &[u8]) -> Result<(K, S), Cause> {
    let (state, rest) = decode(piece)?;
    Ok((decode(rest)?.0, state))
}

/// The state alone.
pub(super) fn decode_state<S: Element>(piece: &[u8]) -> Result<S, Cause> {
    Ok(decode(piece)?.0)
}

#[cfg(test)]
mod tests;

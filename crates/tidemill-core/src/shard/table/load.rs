//! Snapshots and changes as bytes, and tables made of them.
//!
//! A snapshot is its version and then its entries, a change is a sequence of [`Op`]s; both in postcard, to the end of the
//! bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entries::{Entry, Slot, ViewMut};
use super::{Inner, Touches, Version, VersionedTable};
use crate::memory::Pool;
use crate::shard::draft::{Added, detach};
use crate::shard::migrate::Dealt;
use crate::shard::table::Found;
use crate::shard::{Delta, Kept, decode, encode, next_change};
use crate::spill::BlobReader;
use crate::weight::owned;
use crate::{BoxRuns, Cause, Element, Key, Runs, Stop};

/// What a step did to one key, as it is kept.
#[derive(Serialize, Deserialize)]
pub(in crate::shard) enum Op<K, S> {
    /// It has this state.
    State(K, S),
    /// It is gone.
    Removed(K),
    /// It was touched and kept its state.
    Touched(K),
}

impl<K: Key, S: Element> VersionedTable<K, S> {
    /// All of a version, in postcard.
    ///
    /// # Errors
    /// The version is not kept, or values cannot be encoded.
    pub fn snapshot(self: &Arc<Self>, version: Version) -> Result<Vec<u8>, Stop> {
        let (mut runs, mut run, mut bytes) = (self.read(version)?, Vec::new(), encode(&version, Vec::new())?);
        while runs.visit_run(|key, state, changed| run.push((key.into_owned(), state.into_owned(), changed)))? {
            for entry in run.drain(..) {
                bytes = encode(&entry, bytes)?;
            }
        }
        Ok(bytes)
    }

    /// Puts a snapshot and the changes since in place of all there is. No bytes stand for an empty table.
    ///
    /// # Errors
    /// The bytes are no such table, or a change is missing.
    pub fn load(&self, snapshot: &[u8], deltas: &[Delta]) -> Result<(), Stop> {
        let (version, mut bytes) = if snapshot.is_empty() { (Version::START, snapshot) } else { decode(snapshot)? };
        let mut filling = Filling::new(self, version);
        while !bytes.is_empty() {
            let ((key, state, changed), rest) = decode::<(K, S, Version)>(bytes)?;
            filling.put(key, state, changed)?;
            bytes = rest;
        }
        for delta in deltas {
            let mut bytes = next_change(filling.inner.version, delta)?;
            while !bytes.is_empty() {
                let (op, rest) = decode::<Op<K, S>>(bytes)?;
                filling.redo(op, delta.to)?;
                bytes = rest;
            }
            filling.inner.version = delta.to;
        }
        self.put_in_place(filling.inner);
        Ok(())
    }

    /// Deals the entries of a table like this one, with states of type `Old`, that was kept; returns their version.
    ///
    /// # Errors
    /// The bytes are no such table, or a change is missing; those of `deal`.
    pub(in crate::shard) fn entries_of<Old: Element>(
        &self,
        (snapshot, deltas): &Kept,
        deal: &mut Dealt<'_, K, Old>,
    ) -> Result<Version, Stop> {
        let table = self.empty::<Old>();
        table.load(snapshot, deltas)?;
        let version = table.version();
        let (mut runs, mut run) = (table.read(version)?, Vec::new());
        while runs.visit_run(|key, state, changed| run.push((key.into_owned(), state.into_owned(), changed)))? {
            run.drain(..).try_for_each(|(key, state, changed)| deal(key, state, changed))?;
        }
        Ok(version)
    }

    /// Whether `is` holds for all keys of the newest version.
    ///
    /// # Errors
    /// The table moved on meanwhile.
    pub fn all_keys(self: &Arc<Self>, is: impl Fn(&K) -> bool) -> Result<bool, Stop> {
        let (mut runs, mut all) = (self.read(self.version())?, true);
        while all && runs.visit_run(|key, _, _| all &= is(&key))? {}
        Ok(all)
    }

    /// Puts these entries in place of all there is, as `version`; of those with one key the last counts.
    ///
    /// # Errors
    /// Those of drawing the entries.
    pub fn seed(&self, version: Version, mut entries: BoxRuns<(K, S)>) -> Result<(), Stop> {
        let (mut filling, mut run) = (Filling::new(self, version), Vec::new());
        while entries.next(&mut run)? {
            for (key, state) in run.drain(..) {
                filling.put(detach(key), detach(state), version)?;
            }
        }
        self.put_in_place(filling.inner);
        Ok(())
    }

    fn put_in_place(&self, mut table: Inner<K, S>) {
        if self.tracks_touches {
            table.find_touches();
        }
        table.settle();
        let mut inner = self.inner_mut();
        (table.readers, table.turns_back) = (inner.readers, inner.turns_back + 1);
        let replaced = std::mem::replace(&mut *inner, table);
        drop(inner);
        drop(replaced); // after the lock: values of the user's
    }
}

/// A table that nobody else sees yet, and that stays within the limit while it is filled.
struct Filling<'a, K, S> {
    table: &'a VersionedTable<K, S>,
    inner: Inner<K, S>,
    reader: BlobReader,
    /// What was put into it since it looked at the limit.
    unseen: u64,
    /// What it took up when it made room last.
    bytes: u64,
}

/// A table that is filled looks at the limit once for so many bytes.
const BETWEEN_LOOKS: u64 = 16 << 10;

impl<'a, K: Key, S: Element> Filling<'a, K, S> {
    fn new(table: &'a VersionedTable<K, S>, version: Version) -> Self {
        let inner = Inner::new(version, table.memory.grant(Pool::State));
        Filling { table, inner, reader: BlobReader::new(), unseen: 0, bytes: 0 }
    }

    /// Gives a key its state.
    fn put(&mut self, key: K, state: S, changed: Version) -> Result<(), Cause> {
        if self.unseen >= BETWEEN_LOOKS {
            self.table.make_room_in(&mut self.inner, &mut self.bytes);
            self.unseen = 0;
        }
        let hash = self.table.seed.hash(&key);
        let weigh = |owned: u64| u32::try_from(owned).unwrap_or(u32::MAX);
        let (key_weight, state_weight) = (weigh(owned(&key)), weigh(owned(&state)));
        self.unseen += size_of::<Entry<K, S>>() as u64 + u64::from(key_weight) + u64::from(state_weight);
        let inner = &mut self.inner;
        let (place, tombstone) = match inner.find(hash, &key, &mut self.reader)? {
            Found::Entry(place, _) => (Some(place as usize), None),
            Found::Tombstone(place) => (None, Some(place)),
            Found::Nothing => (None, None),
        };
        let Some(place) = place else {
            inner.add(Added { hash, key, state, key_weight, state_weight, tombstone }, changed);
            return Ok(());
        };
        inner.owned += u64::from(state_weight);
        match inner.entries.get_mut(place) {
            Some(ViewMut::Here(entry)) => {
                inner.owned -= u64::from(entry.state_weight);
                (entry.state, entry.changed, entry.state_weight) = (Some(state), changed, state_weight);
            }
            _ => {
                inner.owned += u64::from(key_weight);
                let entry = Entry { key, state: Some(state), changed, key_weight, state_weight };
                inner.entries.replace(place, Slot::Here(Box::new(entry)));
            }
        }
        Ok(())
    }

    /// Takes a step's operation again.
    fn redo(&mut self, op: Op<K, S>, to: Version) -> Result<(), Cause> {
        let (key, is_removed) = match op {
            Op::State(key, state) => return self.put(key, state, to),
            Op::Removed(key) => (key, true),
            Op::Touched(key) => (key, false),
        };
        let inner = &mut self.inner;
        let found = inner.find(self.table.seed.hash(&key), &key, &mut self.reader)?;
        let Found::Entry(place, _) = found else { return Ok(()) };
        let Some(mut view) = inner.entries.get_mut(place as usize) else { return Ok(()) };
        if !is_removed {
            *view.changed() = to;
            return Ok(());
        }
        match view {
            ViewMut::Here(entry) => {
                inner.owned -= u64::from(entry.state_weight);
                (entry.state, entry.state_weight) = (None, 0);
            }
            ViewMut::Away(away) => away.is_live = false,
        }
        (inner.live, inner.dead) = (inner.live - 1, inner.dead + 1);
        Ok(())
    }
}

impl<K, S> Inner<K, S> {
    /// Finds out from the entries which were touched when.
    fn find_touches(&mut self) {
        let mut touches = BTreeMap::<Version, Vec<u32>>::new();
        for (place, entry) in self.entries.iter().enumerate().filter(|(_, entry)| entry.is_live()) {
            touches.entry(entry.changed()).or_default().push(place as u32);
        }
        self.touches = touches.into_iter().map(|(at, places)| Touches { at, places }).collect();
    }
}

//! Tables made of what was kept of them.
//!
//! A piece of a snapshot is its version and then entries, a change is a sequence of [`Op`]s; both in postcard, to the end of
//! the bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entries::{Entry, Slot, ViewMut};
use super::{Inner, Touches, Version, VersionedTable};
use crate::memory::Pool;
use crate::shard::draft::{Added, detach};
use crate::shard::table::Found;
use crate::shard::{Delta, Kept, decode, next_change, of_one_version};
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
    /// Puts what was kept in place of all there is. No pieces stand for an empty table.
    ///
    /// # Errors
    /// Those of reading it; the bytes are no such table, or a change is missing.
    pub fn load(&self, kept: &dyn Kept) -> Result<(), Stop> {
        let mut loading = self.loading();
        kept.pieces().try_for_each(|piece| loading.piece(&piece?))?;
        kept.deltas().try_for_each(|delta| loading.delta(&delta?))?;
        loading.finish();
        Ok(())
    }

    /// Begins to load what was kept piece by piece: it takes the place of all there is when it is finished.
    pub fn loading(&self) -> Loading<'_, K, S> {
        Loading { filling: Filling::new(self, Version::START), of_pieces: None }
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

/// A table that is loaded piece by piece.
pub struct Loading<'a, K, S> {
    filling: Filling<'a, K, S>,
    /// The version of the pieces so far.
    of_pieces: Option<Version>,
}

impl<K: Key, S: Element> Loading<'_, K, S> {
    /// Adds the next piece of its snapshot. One without any bytes has nothing of it.
    ///
    /// # Errors
    /// The bytes are none of such a table, or of another version than those before.
    pub fn piece(&mut self, piece: &[u8]) -> Result<(), Stop> {
        if piece.is_empty() {
            return Ok(());
        }
        let (version, mut bytes) = decode::<Version>(piece)?;
        of_one_version(&mut self.of_pieces, version)?;
        self.filling.inner.version = version;
        while !bytes.is_empty() {
            let ((key, state, changed), rest) = decode::<(K, S, Version)>(bytes)?;
            self.filling.put(key, state, changed)?;
            bytes = rest;
        }
        Ok(())
    }

    /// Adds what changed next.
    ///
    /// # Errors
    /// It does not follow, or is no change of such a table.
    pub fn delta(&mut self, delta: &Delta) -> Result<(), Stop> {
        let mut bytes = next_change(self.filling.inner.version, delta)?;
        while !bytes.is_empty() {
            let (op, rest) = decode::<Op<K, S>>(bytes)?;
            self.filling.redo(op, delta.to)?;
            bytes = rest;
        }
        self.filling.inner.version = delta.to;
        Ok(())
    }

    /// Puts it in place of all there is in the table.
    pub fn finish(self) {
        self.filling.table.put_in_place(self.filling.inner);
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

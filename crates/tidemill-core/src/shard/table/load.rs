//! Snapshots and changes as bytes, and tables made of them.
//!
//! A snapshot is its version and then its entries, a change is a sequence of [`Op`]s; both in postcard, to the end of the
//! bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Inner, Touches, Version, VersionedTable};
use crate::memory::Pool;
use crate::shard::draft::{Added, detach};
use crate::shard::migrate::Dealt;
use crate::shard::table::Found;
use crate::shard::{Delta, Kept, decode, encode, next_change};
use crate::weight::owned;
use crate::{BoxRuns, Element, Key, Runs, Stop};

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
        while runs.visit_run(|key, state, changed| run.push((key.clone(), state.clone(), changed)))? {
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
        let mut table = Inner::new(version, self.memory.grant(Pool::State));
        while !bytes.is_empty() {
            let ((key, state, changed), rest) = decode::<(K, S, Version)>(bytes)?;
            table.put(self.seed.hash(&key), key, state, changed);
            bytes = rest;
        }
        for delta in deltas {
            let mut bytes = next_change(table.version, delta)?;
            while !bytes.is_empty() {
                let (op, rest) = decode::<Op<K, S>>(bytes)?;
                self.redo(&mut table, op, delta.to);
                bytes = rest;
            }
            table.version = delta.to;
        }
        self.put_in_place(table);
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
        while runs.visit_run(|key, state, changed| run.push((key.clone(), state.clone(), changed)))? {
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
        while all && runs.visit_run(|key, _, _| all &= is(key))? {}
        Ok(all)
    }

    /// Puts these entries in place of all there is, as `version`; of those with one key the last counts.
    ///
    /// # Errors
    /// Those of drawing the entries.
    pub fn seed(&self, version: Version, mut entries: BoxRuns<(K, S)>) -> Result<(), Stop> {
        let mut table = Inner::new(version, self.memory.grant(Pool::State));
        let mut run = Vec::new();
        while entries.next(&mut run)? {
            for (key, state) in run.drain(..) {
                table.put(self.seed.hash(&key), detach(key), detach(state), version);
            }
        }
        self.put_in_place(table);
        Ok(())
    }

    fn redo(&self, table: &mut Inner<K, S>, op: Op<K, S>, to: Version) {
        match op {
            Op::State(key, state) => table.put(self.seed.hash(&key), key, state, to),
            Op::Removed(key) => table.remove(self.seed.hash(&key), &key),
            Op::Touched(key) => {
                if let Found::Entry(place, _) = table.find(self.seed.hash(&key), &key)
                    && let Some(entry) = table.entries.get_mut(place as usize)
                {
                    entry.changed = to;
                }
            }
        }
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

impl<K: Key, S: Element> Inner<K, S> {
    /// Gives a key its state; for a table that nobody else sees.
    fn put(&mut self, hash: u64, key: K, state: S, changed: Version) {
        let weigh = |owned: u64| u32::try_from(owned).unwrap_or(u32::MAX);
        let (key_weight, state_weight) = (weigh(owned(&key)), weigh(owned(&state)));
        let tombstone = match self.find(hash, &key) {
            Found::Entry(place, _) => {
                if let Some(entry) = self.entries.get_mut(place as usize) {
                    self.owned = self.owned + u64::from(state_weight) - u64::from(entry.state_weight);
                    (entry.state, entry.changed, entry.state_weight) = (Some(state), changed, state_weight);
                }
                return;
            }
            Found::Tombstone(place) => Some(place),
            Found::Nothing => None,
        };
        self.add(Added { hash, key, state, key_weight, state_weight, tombstone }, changed);
    }

    fn remove(&mut self, hash: u64, key: &K) {
        if let Found::Entry(place, _) = self.find(hash, key)
            && let Some(entry) = self.entries.get_mut(place as usize)
        {
            self.owned -= u64::from(entry.state_weight);
            (entry.state, entry.state_weight) = (None, 0);
            self.live -= 1;
            self.dead += 1;
        }
    }

    /// Finds out from the entries which were touched when.
    fn find_touches(&mut self) {
        let mut touches = BTreeMap::<Version, Vec<u32>>::new();
        for (place, entry) in self.entries.iter().enumerate().filter(|(_, entry)| entry.state.is_some()) {
            touches.entry(entry.changed).or_default().push(place as u32);
        }
        self.touches = touches.into_iter().map(|(at, places)| Touches { at, places }).collect();
    }
}

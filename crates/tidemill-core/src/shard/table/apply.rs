//! Committing: what a step has prepared takes its place, the old values go to the log.

use super::{Before, Entry, Inner, Log, Touches};
use crate::Cause;
use crate::Stop;
use crate::shard::draft::{Added, Changed, To};
use crate::shard::slots::MOST_PLACES;
use crate::shard::{Change, Version};

impl<K, S> Inner<K, S> {
    /// Makes the version of `change`, of which nothing is dropped here, under the lock.
    pub(super) fn apply(&mut self, change: &mut Change<K, S>, tracks: bool) -> Result<(), Stop> {
        if self.version != change.from || self.turns_back != change.turns_back {
            return Err(Stop::Cancelled);
        }
        if self.entries.len() + change.added.len() >= MOST_PLACES {
            let text = "a shard of state has more than 2^31 keys: use more partitions";
            return Err(Cause::Invalid(text.into()).into());
        }
        let (to, entries_before) = (change.to, self.entries.len());
        let (from, removed, owned, touches_used) = (self.version, 0, 0, Vec::new());
        let before = Vec::with_capacity(change.changed.len());
        let mut log = Log { from, to, entries_before, before, removed, owned, touches_used };
        let mut touched = Vec::with_capacity(if tracks { change.changed.len() + change.added.len() } else { 0 });
        self.version = to;
        for changed in change.changed.drain(..) {
            if tracks && !matches!(changed.to, To::Removed) {
                touched.push(changed.place);
            }
            self.change(changed, &mut log);
        }
        log.before.sort_unstable_by_key(|(place, _)| *place);
        for added in change.added.drain(..) {
            if tracks {
                touched.push(self.entries.len() as u32);
            }
            self.add(added, to);
        }
        if let Some(before) = change.touches_used_before {
            let used = self.touches.iter().take_while(|touches| touches.at < before).count();
            log.touches_used = self.touches.drain(..used).collect();
        }
        if !touched.is_empty() {
            touched.sort_unstable();
            self.touches.push_back(Touches { at: to, places: touched });
        }
        self.logs.push_back(log);
        self.settle();
        Ok(())
    }

    fn change(&mut self, changed: Changed<S>, log: &mut Log<S>) {
        let Some(entry) = self.entries.get_mut(changed.place as usize) else { return };
        let mut before = Before { changed: entry.changed, state_weight: entry.state_weight, state: None };
        entry.changed = log.to;
        match changed.to {
            To::Touched => {}
            To::State(state, weight) => {
                before.state = entry.state.replace(state);
                self.owned += u64::from(weight);
                entry.state_weight = weight;
            }
            To::Removed => {
                before.state = entry.state.take();
                entry.state_weight = 0;
                log.removed += 1;
                self.live -= 1;
            }
        }
        if before.state.is_some() {
            self.owned -= u64::from(before.state_weight);
            log.owned += u64::from(before.state_weight);
        }
        log.before.push((changed.place, before));
    }

    /// Appends an entry. The tombstone of its key loses its slot to it.
    pub(super) fn add(&mut self, added: Added<K, S>, changed: Version) {
        let Added { hash, key, state, key_weight, state_weight, tombstone } = added;
        let place = self.entries.len();
        self.owned += u64::from(key_weight) + u64::from(state_weight);
        self.live += 1;
        self.hashes.push(hash);
        self.entries.push(Entry { key, state: Some(state), changed, key_weight, state_weight });
        // A tombstone has none if slots were made anew since.
        if tombstone.is_some_and(|old| self.slots.replace(hash, old as usize, place)) {
            return;
        }
        if place < self.slots.capacity() {
            self.slots.insert(hash, place);
        } else {
            self.rebuild_slots();
        }
    }

    /// Makes slots for all entries that have a state, and room for as many again.
    pub(super) fn rebuild_slots(&mut self) {
        let live = self.entries.iter().zip(&self.hashes).enumerate();
        let places = live.filter_map(|(place, (entry, hash))| entry.state.is_some().then_some((*hash, place)));
        self.slots.rebuild(self.entries.len() * 2, places);
    }
}

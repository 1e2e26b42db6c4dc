//! Committing: what a step has prepared takes its place, the old values go to the log.

use std::sync::Arc;

use super::entries::{Slot, ViewMut};
use super::{Before, Entry, Inner, Log, Touches, Was};
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
        if self.moves != change.moves {
            // It does not happen: no round is run beside a draft. Its places of what was here would not be right.
            return Err(Cause::Invalid("state went to disk while a step was under way".into()).into());
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
        (self.version, self.drafts) = (to, 0); // drafts of the old version are void
        for changed in change.changed.drain(..) {
            if tracks && !matches!(changed.to, To::Removed) {
                touched.push(changed.place);
            }
            if let Some(gone) = self.change(changed, &mut log) {
                change.gone.push(gone);
            }
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

    /// Changes an entry; returns what is left over of it.
    fn change(&mut self, changed: Changed<K, S>, log: &mut Log<S>) -> Option<Box<Entry<K, S>>> {
        let Changed { place, to } = changed;
        let mut view = self.entries.get_mut(place as usize)?;
        let mut before =
            Before { changed: std::mem::replace(view.changed(), log.to), state_weight: 0, state: Was::Same };
        let mut gone = None;
        match (view, to) {
            (_, To::Touched) => {}
            (ViewMut::Here(entry), To::State(state, weight)) => {
                before.put(entry.state.replace(state), std::mem::replace(&mut entry.state_weight, weight));
                self.owned += u64::from(weight);
            }
            (ViewMut::Here(entry), To::Removed) => {
                before.put(entry.state.take(), std::mem::take(&mut entry.state_weight));
                (log.removed, self.live) = (log.removed + 1, self.live - 1);
            }
            (ViewMut::Here(entry), To::Entry(mut new)) => {
                std::mem::swap(entry, &mut new);
                before.put(new.state.take(), std::mem::take(&mut new.state_weight));
                self.owned += entry.weight();
                self.owned -= new.weight();
                gone = Some(new);
            }
            (ViewMut::Away(away), To::Removed) => {
                (before.state, away.is_live) = (Was::Away(Arc::clone(&away.file), away.at), false);
                (log.removed, self.live) = (log.removed + 1, self.live - 1);
            }
            (ViewMut::Away(away), To::Entry(new)) => {
                before.state = Was::Away(Arc::clone(&away.file), away.at);
                self.owned += new.weight();
                self.entries.replace(place as usize, Slot::Here(new));
            }
            (ViewMut::Away(_), To::State(..)) => debug_assert!(false, "an entry that is away needs its key"),
        }
        self.owned -= u64::from(before.state_weight);
        log.owned += u64::from(before.state_weight);
        log.before.push((place, before));
        gone
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

    /// Makes slots for all entries that have a state, with room to grow.
    pub(super) fn rebuild_slots(&mut self) {
        let live = self.entries.iter().zip(&self.hashes).enumerate();
        let places = live.filter_map(|(place, (entry, hash))| entry.is_live().then_some((*hash, place)));
        self.slots.rebuild(self.entries.len(), places);
    }
}

impl<S> Before<S> {
    fn put(&mut self, state: Option<S>, weight: u32) {
        if let Some(state) = state {
            (self.state, self.state_weight) = (Was::Here(state), weight);
        }
    }
}

//! Going back, forgetting, and finding what an entry was.

use std::ops::Range;
use std::sync::Arc;

use super::entries::{Away, Item, Slot, View, ViewMut};
use super::{Before, Inner, Log, Version, Was};
use crate::spill::BlobFile;

/// What is left of a step that was undone; to be dropped without the lock.
pub(super) struct Undone<K, S> {
    _added: Vec<Item<K, S>>,
    _changed: Vec<Slot<K, S>>,
    _states: Vec<S>,
}

/// Where a state is.
pub(super) enum At<'a, S> {
    Here(&'a S),
    /// In this file, from here on, with its key.
    Away(&'a Arc<BlobFile>, u32),
}

impl<K, S> Inner<K, S> {
    /// Goes back by one step, but for the slots; `None` where no log is left.
    pub(super) fn undo_one(&mut self) -> Option<Undone<K, S>> {
        let log = self.logs.pop_back()?;
        let added = self.entries.split_off(log.entries_before);
        self.hashes.truncate(log.entries_before);
        self.owned -= added.iter().map(Item::weight).sum::<u64>();
        self.live -= added.iter().filter(|item| item.view().is_live()).count();
        let (mut undone, mut states) = (Vec::new(), Vec::new());
        for (place, Before { changed, state_weight, state }) in log.before {
            let Some(mut view) = self.entries.get_mut(place as usize) else { continue };
            *view.changed() = changed;
            match (state, view) {
                (Was::Same, _) => {}
                (Was::Here(state), ViewMut::Here(entry)) => {
                    self.owned += u64::from(state_weight);
                    self.owned -= u64::from(entry.state_weight);
                    entry.state_weight = state_weight;
                    match entry.state.replace(state) {
                        Some(undone) => states.push(undone),
                        None => self.live += 1,
                    }
                }
                (Was::Here(_), ViewMut::Away(_)) => debug_assert!(false, "an entry takes its older states along"),
                (Was::Away(file, at), _) => {
                    self.live += usize::from(self.entries.get(place as usize).is_some_and(|view| !view.is_live()));
                    let away = Slot::Away(Away { changed, file, at, is_live: true });
                    if let Some(Slot::Here(entry)) = self.entries.replace(place as usize, away) {
                        self.owned -= entry.weight();
                        undone.push(Slot::Here(entry));
                    }
                }
            }
        }
        self.touches.retain(|touches| touches.at <= log.from);
        for used in log.touches_used.into_iter().rev() {
            self.touches.push_front(used);
        }
        self.version = log.from;
        Some(Undone { _added: added, _changed: undone, _states: states })
    }

    /// Takes out the logs that no version from `before` on needs.
    pub(super) fn forget(&mut self, before: Version) -> Vec<Log<S>> {
        let count = self.logs.iter().take_while(|log| log.to <= before).count();
        let gone: Vec<Log<S>> = self.logs.drain(..count).collect();
        self.dead += gone.iter().map(|log| log.removed).sum::<usize>();
        gone
    }

    /// How many entries there were at `version`, tombstones included.
    pub(super) fn entries_at(&self, version: Version) -> usize {
        self.logs.iter().find(|log| log.to > version).map_or(self.entries.len(), |log| log.entries_before)
    }

    /// The state of an entry at `version`, and when it was changed last until then.
    pub(super) fn state_at(&self, place: usize, version: Version) -> Option<(At<'_, S>, Version)> {
        let entry = self.entries.get(place)?;
        if entry.changed() <= version {
            return Some((entry.state()?, entry.changed()));
        }
        let mut changed = None;
        for log in self.logs.iter().filter(|log| log.to > version) {
            let Some(before) = log.find(place) else { continue };
            let changed = *changed.get_or_insert(before.changed);
            match &before.state {
                Was::Same => {}
                Was::Here(state) => return Some((At::Here(state), changed)),
                Was::Away(file, at) => return Some((At::Away(file, *at), changed)),
            }
        }
        Some((entry.state()?, changed?))
    }
}

impl<S> Log<S> {
    fn find(&self, place: usize) -> Option<&Before<S>> {
        let at = self.before.binary_search_by_key(&place, |(place, _)| *place as usize).ok()?;
        self.before.get(at).map(|(_, before)| before)
    }

    pub(super) fn find_mut(&mut self, place: usize) -> Option<&mut Before<S>> {
        let at = self.before.binary_search_by_key(&place, |(place, _)| *place as usize).ok()?;
        self.before.get_mut(at).map(|(_, before)| before)
    }

    /// What was changed at these places.
    pub(super) fn within(&self, places: Range<usize>) -> &[(u32, Before<S>)] {
        let [start, end] =
            [places.start, places.end].map(|end| self.before.partition_point(|(place, _)| (*place as usize) < end));
        self.before.get(start..end).unwrap_or_default()
    }
}

impl<'a, K, S> View<'a, K, S> {
    /// Its newest state, if it has one.
    pub(super) fn state(&self) -> Option<At<'a, S>> {
        match *self {
            View::Here(entry) => entry.state.as_ref().map(At::Here),
            View::Away(away) => away.is_live.then_some(At::Away(&away.file, away.at)),
        }
    }
}

//! Going back, forgetting, and finding what an entry was.

use super::{Before, Entry, Inner, Log, Version};

/// What is left of a step that was undone; to be dropped without the lock.
pub(super) struct Undone<K, S> {
    _added: Vec<Entry<K, S>>,
    _states: Vec<S>,
}

impl<K, S> Inner<K, S> {
    /// Goes back by one step, but for the slots; `None` where no log is left.
    pub(super) fn undo_one(&mut self) -> Option<Undone<K, S>> {
        let log = self.logs.pop_back()?;
        let added = self.entries.split_off(log.entries_before.min(self.entries.len()));
        self.hashes.truncate(log.entries_before);
        for entry in &added {
            self.owned -= u64::from(entry.key_weight) + u64::from(entry.state_weight);
        }
        self.live -= added.iter().filter(|entry| entry.state.is_some()).count();
        let mut states = Vec::new();
        for (place, before) in log.before {
            let Some(entry) = self.entries.get_mut(place as usize) else { continue };
            entry.changed = before.changed;
            if let Some(state) = before.state {
                self.owned += u64::from(before.state_weight);
                self.owned -= u64::from(entry.state_weight);
                entry.state_weight = before.state_weight;
                match entry.state.replace(state) {
                    Some(undone) => states.push(undone),
                    None => self.live += 1,
                }
            }
        }
        self.touches.retain(|touches| touches.at <= log.from);
        for used in log.touches_used.into_iter().rev() {
            self.touches.push_front(used);
        }
        self.version = log.from;
        Some(Undone { _added: added, _states: states })
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
    pub(super) fn state_at(&self, place: usize, version: Version) -> Option<(&S, Version)> {
        let entry = self.entries.get(place)?;
        if entry.changed <= version {
            return Some((entry.state.as_ref()?, entry.changed));
        }
        let mut changed = None;
        for log in self.logs.iter().filter(|log| log.to > version) {
            let Some(before) = log.find(place) else { continue };
            let changed = *changed.get_or_insert(before.changed);
            if let Some(state) = &before.state {
                return Some((state, changed));
            }
        }
        Some((entry.state.as_ref()?, changed?))
    }
}

impl<S> Log<S> {
    fn find(&self, place: usize) -> Option<&Before<S>> {
        let at = self.before.binary_search_by_key(&place, |(place, _)| *place as usize).ok()?;
        self.before.get(at).map(|(_, before)| before)
    }
}

//! Reading: look-ups for a step, and the runs of a version.

use std::sync::{Arc, RwLockReadGuard};

use super::{Inner, Version, VersionedTable};
use crate::runs::Runs;
use crate::{Cause, Element, Key, Stop, run_len};

/// A hold on a table, during which entries stay where they are.
pub(in crate::shard) struct Pin<K, S> {
    table: Arc<VersionedTable<K, S>>,
    turns_back: u64,
    /// The version that a draft starts from.
    draft_of: Option<Version>,
}

impl<K, S> Pin<K, S> {
    /// The hold of a reader.
    fn for_reader(table: &Arc<VersionedTable<K, S>>) -> Pin<K, S> {
        let mut inner = table.inner_mut();
        inner.readers += 1;
        Pin { table: Arc::clone(table), turns_back: inner.turns_back, draft_of: None }
    }

    /// The hold of a step that starts from `from`, if the table is there. It ends when the table leaves that version, so
    /// that a step which never ends holds nothing.
    pub(super) fn for_draft(table: &Arc<VersionedTable<K, S>>, from: Version) -> Result<Pin<K, S>, Stop> {
        let mut inner = table.inner_mut();
        if inner.version != from {
            return Err(Stop::Cancelled);
        }
        inner.drafts += 1;
        Ok(Pin { table: Arc::clone(table), turns_back: inner.turns_back, draft_of: Some(from) })
    }

    pub(in crate::shard) fn table(&self) -> &VersionedTable<K, S> {
        &self.table
    }

    pub(in crate::shard) fn turns_back(&self) -> u64 {
        self.turns_back
    }

    /// The table as long as it is at `version`; a step that finds it elsewhere is not wanted any more.
    pub(in crate::shard) fn at(&self, version: Version) -> Result<RwLockReadGuard<'_, Inner<K, S>>, Stop> {
        let inner = self.table.inner();
        let is_there = inner.version == version && inner.turns_back == self.turns_back;
        if is_there { Ok(inner) } else { Err(Stop::Cancelled) }
    }

    /// The table as long as `version` can be read as before.
    fn keeping(&self, version: Version) -> Result<RwLockReadGuard<'_, Inner<K, S>>, Cause> {
        let inner = self.table.inner();
        if inner.turns_back != self.turns_back {
            let text = format!("version {version} of the state was read while the state went back to an older one");
            return Err(Cause::Invalid(text));
        }
        inner.kept(version)?;
        Ok(inner)
    }
}

impl<K, S> Drop for Pin<K, S> {
    fn drop(&mut self) {
        let mut inner = self.table.inner_mut();
        match self.draft_of {
            None => inner.readers -= 1,
            Some(from) if inner.version == from && inner.turns_back == self.turns_back => inner.drafts -= 1,
            Some(_) => {}
        }
    }
}

/// What there is of a key.
pub(in crate::shard) enum Found<'a, S> {
    /// Its state, in the entry at this place.
    Entry(u32, &'a S),
    /// Its tombstone.
    Tombstone(u32),
    Nothing,
}

impl<K, S> Inner<K, S> {
    /// What there is of `key` at the version that the table is at.
    pub(in crate::shard) fn find(&self, hash: u64, key: &K) -> Found<'_, S>
    where
        K: Eq,
    {
        let is = |place: usize| self.entries.get(place).is_some_and(|entry| entry.key == *key);
        let Some(place) = self.slots.find(hash, is) else { return Found::Nothing };
        match self.entries.get(place).and_then(|entry| entry.state.as_ref()) {
            Some(state) => Found::Entry(place as u32, state),
            None => Found::Tombstone(place as u32),
        }
    }

    /// The newest state of the entry at a place.
    pub(in crate::shard) fn state(&self, place: u32) -> Option<&S> {
        self.entries.get(place as usize)?.state.as_ref()
    }

    /// Shows up to `most` entries from `place` on to `visit`, as (place, hash, key, state); returns the place behind the
    /// last, `None` at the end.
    pub(in crate::shard) fn visit(
        &self,
        place: usize,
        most: usize,
        mut visit: impl FnMut(u32, u64, &K, &S),
    ) -> Option<usize> {
        let end = (place + most).min(self.entries.len());
        for at in place..end {
            if let (Some(entry), Some(hash)) = (self.entries.get(at), self.hashes.get(at))
                && let Some(state) = &entry.state
            {
                visit(at as u32, *hash, &entry.key, state);
            }
        }
        (end < self.entries.len()).then_some(end)
    }

    /// The places of all keys that were not touched since `before`; those touched longest ago first, of one version in
    /// the order of the table.
    pub(in crate::shard) fn untouched_since(&self, before: Version) -> Vec<u32> {
        let mut untouched = Vec::new();
        for touches in self.touches.iter().take_while(|touches| touches.at < before) {
            untouched.extend(touches.places.iter().copied().filter(|place| {
                let entry = self.entries.get(*place as usize);
                entry.is_some_and(|entry| entry.state.is_some() && entry.changed == touches.at)
            }));
        }
        untouched
    }
}

impl<K: Key, S: Element> VersionedTable<K, S> {
    /// The entries of a version that is kept, in the order in which their keys came. They are drawn run by run, each under
    /// a short lock, and stay those of the version while steps are made.
    ///
    /// # Errors
    /// The version is not kept.
    pub fn read(self: &Arc<Self>, version: Version) -> Result<TableRuns<K, S>, Stop> {
        let pin = Pin::for_reader(self);
        let end = pin.keeping(version)?.entries_at(version);
        Ok(TableRuns { pin, version, next: 0, end })
    }

    /// The state of a key at a version that is kept.
    ///
    /// # Errors
    /// The version is not kept.
    pub fn get(&self, key: &K, version: Version) -> Result<Option<S>, Stop> {
        let inner = self.inner();
        inner.kept(version)?;
        let (hash, end) = (self.seed.hash(key), inner.entries_at(version));
        if let Found::Entry(place, _) = inner.find(hash, key)
            && (place as usize) < end
        {
            return Ok(inner.state_at(place as usize, version).map(|(state, _)| state.clone()));
        }
        // The key may have left since, and even come back: then its slot leads elsewhere.
        let is = |place: &usize| inner.hashes.get(*place) == Some(&hash) && inner.entries[*place].key == *key;
        let states = (0..end).filter(is).filter_map(|place| inner.state_at(place, version));
        Ok(states.map(|(state, _)| state.clone()).next())
    }
}

/// The entries of one version.
pub struct TableRuns<K, S> {
    pin: Pin<K, S>,
    version: Version,
    next: usize,
    end: usize,
}

impl<K, S> TableRuns<K, S> {
    /// Shows about a run of entries to `visit`, with the version in which each was changed last; `false` at the end.
    pub(super) fn visit_run(&mut self, mut visit: impl FnMut(&K, &S, Version)) -> Result<bool, Stop> {
        while self.next < self.end {
            let inner = self.pin.keeping(self.version)?;
            let (mut seen, until) = (0, (self.next + run_len::<(K, S)>()).min(self.end));
            for place in self.next..until {
                if let Some((state, changed)) = inner.state_at(place, self.version)
                    && let Some(entry) = inner.entries.get(place)
                {
                    visit(&entry.key, state, changed);
                    seen += 1;
                }
            }
            self.next = until;
            if seen > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl<K: Key, S: Element> Runs<(K, S)> for TableRuns<K, S> {
    fn next(&mut self, into: &mut Vec<(K, S)>) -> Result<bool, Stop> {
        self.visit_run(|key, state, _| into.push((key.clone(), state.clone())))
    }
}

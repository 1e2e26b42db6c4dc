//! Reading: look-ups for a step, and the runs of a version.

use std::borrow::Cow;
use std::sync::{Arc, RwLockReadGuard};

use super::entries::View;
use super::logs::At;
use super::room::{decode_entry, decode_state};
use super::{Inner, Version, VersionedTable};
use crate::runs::Runs;
use crate::spill::BlobReader;
use crate::{Cause, Element, Key, Stop, run_len};

/// A hold on a table, during which entries stay where they are.
pub(in crate::shard) struct Pin<K, S> {
    table: Arc<VersionedTable<K, S>>,
    turns_back: u64,
    moves: u64,
    /// The version that a draft starts from.
    draft_of: Option<Version>,
}

impl<K, S> Pin<K, S> {
    /// The hold of a reader.
    pub(super) fn for_reader(table: &Arc<VersionedTable<K, S>>) -> Pin<K, S> {
        let mut inner = table.inner_mut();
        inner.readers += 1;
        Pin { table: Arc::clone(table), turns_back: inner.turns_back, moves: inner.moves, draft_of: None }
    }

    /// The hold of a step that starts from `from`, if the table is there. It ends when the table leaves that version, so
    /// that a step which never ends holds nothing.
    pub(super) fn for_draft(table: &Arc<VersionedTable<K, S>>, from: Version) -> Result<Pin<K, S>, Stop> {
        let mut inner = table.inner_mut();
        if inner.version != from {
            return Err(Stop::Cancelled);
        }
        inner.drafts += 1;
        Ok(Pin { table: Arc::clone(table), turns_back: inner.turns_back, moves: inner.moves, draft_of: Some(from) })
    }

    pub(in crate::shard) fn table(&self) -> &VersionedTable<K, S> {
        &self.table
    }

    pub(in crate::shard) fn turns_back(&self) -> u64 {
        self.turns_back
    }

    /// How often entries had gone to disk when the hold began.
    pub(in crate::shard) fn moves(&self) -> u64 {
        self.moves
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
pub(in crate::shard) enum Found<'a, S: Clone> {
    /// Its state, in the entry at this place; owned if it was read from disk.
    Entry(u32, Cow<'a, S>),
    /// Its tombstone.
    Tombstone(u32),
    Nothing,
}

impl<K: Element, S: Element> Inner<K, S> {
    /// What there is of `key` at the version that the table is at.
    ///
    /// # Errors
    /// Those of reading what is on disk.
    pub(in crate::shard) fn find(&self, hash: u64, key: &K, reader: &mut BlobReader) -> Result<Found<'_, S>, Cause>
    where
        K: Eq,
    {
        let mut read = Ok(None);
        let is = |place: usize| match self.entries.get(place) {
            Some(View::Here(entry)) => entry.key == *key,
            Some(View::Away(away)) if self.hashes.get(place) == Some(&hash) => {
                read = reader.read_at(&away.file, away.at).and_then(decode_entry::<K, S>).map(Some);
                // A failure ends the search.
                read.as_ref().map_or(true, |read| read.as_ref().is_some_and(|(held, _)| held == key))
            }
            _ => false,
        };
        let Some(place) = self.slots.find(hash, is) else { return Ok(Found::Nothing) };
        let read = read?;
        Ok(match (self.entries.get(place), read) {
            (Some(View::Here(entry)), _) => match &entry.state {
                Some(state) => Found::Entry(place as u32, Cow::Borrowed(state)),
                None => Found::Tombstone(place as u32),
            },
            (Some(View::Away(away)), Some((_, state))) if away.is_live => Found::Entry(place as u32, Cow::Owned(state)),
            _ => Found::Tombstone(place as u32),
        })
    }

    /// The newest state of the entry at a place.
    ///
    /// # Errors
    /// Those of reading what is on disk.
    pub(in crate::shard) fn state(&self, place: u32, reader: &mut BlobReader) -> Result<Option<Cow<'_, S>>, Cause> {
        let at = self.entries.get(place as usize).and_then(|view| view.state());
        at.map(|at| read_state(at, reader)).transpose()
    }

    /// Shows up to `most` entries from `place` on to `visit`, as (place, hash, key, state); returns the place behind the
    /// last, `None` at the end.
    ///
    /// # Errors
    /// Those of reading what is on disk.
    pub(in crate::shard) fn visit(
        &self,
        place: usize,
        most: usize,
        reader: &mut BlobReader,
        mut visit: impl FnMut(u32, u64, Cow<'_, K>, Cow<'_, S>),
    ) -> Result<Option<usize>, Cause> {
        let end = (place + most).min(self.entries.len());
        for at in place..end {
            let (Some(view), Some(hash)) = (self.entries.get(at), self.hashes.get(at)) else { continue };
            if let Some(state) = view.state() {
                let (key, state) = read_entry(view, state, reader)?;
                visit(at as u32, *hash, key, state);
            }
        }
        Ok((end < self.entries.len()).then_some(end))
    }

    /// The state at a place at `version`.
    fn value_at(&self, place: usize, version: Version, reader: &mut BlobReader) -> Result<Option<S>, Cause> {
        let at = self.state_at(place, version);
        at.map(|(at, _)| read_state(at, reader).map(Cow::into_owned)).transpose()
    }

    /// Whether the entry at a place has this key.
    fn has_key(&self, place: usize, key: &K, reader: &mut BlobReader) -> Result<bool, Cause>
    where
        K: Eq,
    {
        Ok(match self.entries.get(place) {
            Some(View::Here(entry)) => entry.key == *key,
            Some(View::Away(away)) => decode_entry::<K, S>(reader.read_at(&away.file, away.at)?)?.0 == *key,
            None => false,
        })
    }
}

/// A state, read if it is on disk.
fn read_state<'a, S: Element>(at: At<'a, S>, reader: &mut BlobReader) -> Result<Cow<'a, S>, Cause> {
    match at {
        At::Here(state) => Ok(Cow::Borrowed(state)),
        At::Away(file, at) => Ok(Cow::Owned(decode_state(reader.read_at(file, at)?)?)),
    }
}

/// The key of an entry and a state of it, read as far as they are on disk.
#[inline]
fn read_entry<'a, K: Element, S: Element>(
    view: View<'a, K, S>,
    state: At<'a, S>,
    reader: &mut BlobReader,
) -> Result<(Cow<'a, K>, Cow<'a, S>), Cause> {
    match (view, state) {
        (View::Here(entry), state) => Ok((Cow::Borrowed(&entry.key), read_state(state, reader)?)),
        (View::Away(_), At::Away(file, at)) => {
            let (key, state) = decode_entry(reader.read_at(file, at)?)?;
            Ok((Cow::Owned(key), Cow::Owned(state)))
        }
        (View::Away(away), At::Here(state)) => {
            let (key, _) = decode_entry::<K, S>(reader.read_at(&away.file, away.at)?)?;
            Ok((Cow::Owned(key), Cow::Borrowed(state)))
        }
    }
}

impl<K, S> Inner<K, S> {
    /// The places of all keys that were not touched since `before`; those touched longest ago first, of one version in
    /// the order of the table.
    pub(in crate::shard) fn untouched_since(&self, before: Version) -> Vec<u32> {
        let mut untouched = Vec::new();
        for touches in self.touches.iter().take_while(|touches| touches.at < before) {
            untouched.extend(touches.places.iter().copied().filter(|place| {
                let entry = self.entries.get(*place as usize);
                entry.is_some_and(|entry| entry.is_live() && entry.changed() == touches.at)
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
        Ok(TableRuns { pin, version, next: 0, end, reader: BlobReader::new() })
    }

    /// The state of a key at a version that is kept.
    ///
    /// # Errors
    /// The version is not kept; those of reading what is on disk.
    pub fn get(&self, key: &K, version: Version) -> Result<Option<S>, Stop> {
        let inner = self.inner();
        inner.kept(version)?;
        let (hash, end, mut reader) = (self.seed.hash(key), inner.entries_at(version), BlobReader::new());
        if let Found::Entry(place, _) = inner.find(hash, key, &mut reader)?
            && (place as usize) < end
        {
            return Ok(inner.value_at(place as usize, version, &mut reader)?);
        }
        // The key may have left since, and even come back: then its slot leads elsewhere.
        for place in (0..end).filter(|place| inner.hashes.get(*place) == Some(&hash)) {
            if inner.has_key(place, key, &mut reader)?
                && let Some(state) = inner.value_at(place, version, &mut reader)?
            {
                return Ok(Some(state));
            }
        }
        Ok(None)
    }
}

/// The entries of one version.
pub struct TableRuns<K, S> {
    pin: Pin<K, S>,
    version: Version,
    next: usize,
    end: usize,
    reader: BlobReader,
}

impl<K: Element, S: Element> TableRuns<K, S> {
    /// Shows about a run of entries to `visit`, with the version in which each was changed last; `false` at the end.
    ///
    /// # Errors
    /// The version is not kept any more; those of reading what is on disk.
    pub(super) fn visit_run(&mut self, mut visit: impl FnMut(Cow<'_, K>, Cow<'_, S>, Version)) -> Result<bool, Stop> {
        self.visit_while(|key, state, changed| {
            visit(key, state, changed);
            true
        })
    }

    /// The same up to the entry for which `visit` answers `false`; that was the last one then, and the next call goes on
    /// behind it.
    pub(super) fn visit_while(
        &mut self,
        mut visit: impl FnMut(Cow<'_, K>, Cow<'_, S>, Version) -> bool,
    ) -> Result<bool, Stop> {
        while self.next < self.end {
            let inner = self.pin.keeping(self.version)?;
            let (mut seen, mut until) = (0, (self.next + run_len::<(K, S)>()).min(self.end));
            for place in self.next..until {
                if let Some((state, changed)) = inner.state_at(place, self.version)
                    && let Some(view) = inner.entries.get(place)
                {
                    let (key, state) = read_entry(view, state, &mut self.reader)?;
                    seen += 1;
                    if !visit(key, state, changed) {
                        until = place + 1;
                        break;
                    }
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
        self.visit_run(|key, state, _| into.push((key.into_owned(), state.into_owned())))
    }
}

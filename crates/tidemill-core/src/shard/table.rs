//! `VersionedTable`: keyed state at a version, with what older versions need to be read or gone back to.
//!
//! Entries stand densely in the order in which their keys came, [`Slots`] lead to them. A removed key leaves its entry
//! behind, without a state, as a tombstone; one that returns stands at the end. Each step leaves a log of the old values
//! of what it changed: reading an older version looks there for entries that have changed since. When more than half are
//! tombstones that no log needs, and nobody reads, the table is compacted. So a step costs what the keys it touches cost.
//!
//! What memory has no room for goes to disk, entry by entry: see `room`. Disks are read under the read lock, and nothing is
//! read or written under the write lock.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::environment::Environment;
use crate::hash::HashSeed;
use crate::memory::{Grant, Memory, Pool};
use crate::shard::slots::Slots;
use crate::shard::{Change, Draft, Version};
use crate::spill::{BlobFile, Blobs};
use crate::{Cause, Element, Key, Stop};

mod apply;
mod compact;
mod entries;
mod load;
mod logs;
mod pieces;
mod read;
mod room;

use entries::Entries;
pub(super) use entries::{BOX, Entry};
pub use load::Loading;
pub(super) use load::Op;
pub use pieces::{AllEntries, TablePieces};
pub use read::TableRuns;
pub(super) use read::{Found, Pin};

/// Keyed state of one shard, in versions: what shards are built from. Always in an `Arc`: drafts and readers hold it.
pub struct VersionedTable<K, S> {
    pub(super) seed: HashSeed,
    pub(super) memory: Memory,
    /// Whether it knows in which order keys were touched last.
    pub(super) tracks_touches: bool,
    blobs: Blobs,
    /// Why the last attempt to make room failed, if it did. Locked by who makes room.
    failure: Mutex<Option<Cause>>,
    inner: RwLock<Inner<K, S>>,
}

/// The table itself. No code of the user runs under its write lock.
pub(super) struct Inner<K, S> {
    pub(super) version: Version,
    slots: Slots,
    /// The hash of each entry; apart because a look-up seldom needs it.
    hashes: Vec<u64>,
    entries: Entries<K, S>,
    /// How many entries have a state.
    live: usize,
    /// How many are tombstones that no log needs.
    dead: usize,
    /// What each step since the oldest version that is kept has changed, oldest first.
    logs: VecDeque<Log<S>>,
    /// Which entries were touched last at which version, oldest first, where touches are tracked; those that were touched
    /// again later are left in.
    touches: VecDeque<Touches>,
    /// How many readers know entries by their places.
    readers: usize,
    /// How many drafts of the version that it is at do. Those of other versions are void, whoever may still hold them.
    drafts: usize,
    /// How often it went back, or was filled anew: what was read before means nothing then.
    pub(super) turns_back: u64,
    /// How often entries went to disk.
    pub(super) moves: u64,
    /// What keys and states that are here own outside their places.
    owned: u64,
    grant: Grant,
}

/// What one step has changed: how to go back, and how to read the version before.
struct Log<S> {
    from: Version,
    to: Version,
    /// How many entries there were: those behind are the step's own.
    entries_before: usize,
    /// The older ones that it changed, by place.
    before: Vec<(u32, Before<S>)>,
    removed: usize,
    /// What the old states that are here own outside their places.
    owned: u64,
    /// The touches that the step had no more use for.
    touches_used: Vec<Touches>,
}

/// An entry as it was.
struct Before<S> {
    changed: Version,
    state_weight: u32,
    state: Was<S>,
}

/// An old state.
enum Was<S> {
    /// It is the same since.
    Same,
    Here(S),
    /// It is on disk, with its key: in this file, from here on. Not a blob, so that an old state takes no more than it must.
    Away(Arc<BlobFile>, u32),
}

/// The entries that one step touched, by place.
struct Touches {
    at: Version,
    places: Vec<u32>,
}

impl<K: Key, S: Element> VersionedTable<K, S> {
    /// An empty table, at [`Version::START`].
    pub fn new(environment: &Environment) -> Arc<VersionedTable<K, S>> {
        VersionedTable::with(environment, false)
    }

    /// An empty table that knows when each key was touched last: for time-outs.
    pub fn tracking_touches(environment: &Environment) -> Arc<VersionedTable<K, S>> {
        VersionedTable::with(environment, true)
    }

    fn with(environment: &Environment, tracks_touches: bool) -> Arc<VersionedTable<K, S>> {
        VersionedTable::make(environment.seed, &environment.memory, tracks_touches, Blobs::new(&environment.spill))
    }

    /// An empty table like this one, for other states.
    pub fn empty<T>(&self) -> Arc<VersionedTable<K, T>> {
        VersionedTable::make(self.seed, &self.memory, self.tracks_touches, self.blobs.beside())
    }

    /// The version that it is at.
    pub fn version(&self) -> Version {
        self.inner().version
    }

    /// The oldest version that is kept.
    pub fn oldest(&self) -> Version {
        self.inner().oldest()
    }

    /// How many keys have a state.
    pub fn len(&self) -> usize {
        self.inner().live
    }

    /// Whether no key has a state.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that it takes up, by its own account.
    pub fn bytes(&self) -> u64 {
        self.inner().bytes()
    }

    /// Starts a step from `from` to `to`. Nothing changes before [`commit`](Self::commit).
    ///
    /// # Errors
    /// [`Stop::Cancelled`] if the table is not at `from`; [`Cause::Invalid`] if `to` is not later.
    pub fn draft(self: &Arc<Self>, from: Version, to: Version) -> Result<Draft<K, S>, Stop> {
        if to <= from {
            return Err(Cause::Invalid(format!("a step goes to a later version, not from {from} to {to}")).into());
        }
        if self.failure().is_some() {
            self.make_room(); // the disk may have room again
        }
        Ok(Draft::new(Pin::for_draft(self, from)?, from, to))
    }

    /// Makes a new version of what a step has prepared.
    ///
    /// # Errors
    /// [`Stop::Cancelled`] if the table is not any more where the step has found it: then nothing changes.
    pub fn commit(&self, mut change: Change<K, S>) -> Result<(), Stop> {
        let applied = self.inner_mut().apply(&mut change, self.tracks_touches);
        drop(change); // after the lock: it unpins the table
        applied
    }

    /// Goes back to a version that is kept.
    ///
    /// # Errors
    /// It is not kept.
    pub fn undo(&self, to: Version) -> Result<(), Cause> {
        let mut inner = self.inner_mut();
        inner.kept(to)?;
        let mut undone = Vec::new();
        while inner.version > to {
            let Some(step) = inner.undo_one() else { break };
            undone.push(step);
        }
        if !undone.is_empty() {
            inner.turns_back += 1;
            inner.drafts = 0;
            inner.rebuild_slots();
            inner.settle();
        }
        drop(inner);
        drop(undone); // after the lock: values of the user's
        Ok(())
    }

    /// Drops what only versions before `before` need.
    pub fn forget(&self, before: Version) {
        let mut inner = self.inner_mut();
        let gone = inner.forget(before);
        let tombstones = inner.compact();
        inner.settle();
        drop(inner);
        drop((gone, tombstones)); // after the lock: values of the user's
    }
}

impl<K, S> VersionedTable<K, S> {
    fn make(seed: HashSeed, memory: &Memory, tracks_touches: bool, blobs: Blobs) -> Arc<VersionedTable<K, S>> {
        let inner = RwLock::new(Inner::new(Version::START, memory.grant(Pool::State)));
        let (memory, failure) = (memory.clone(), Mutex::default());
        Arc::new(VersionedTable { seed, memory, tracks_touches, blobs, failure, inner })
    }

    pub(super) fn inner(&self) -> RwLockReadGuard<'_, Inner<K, S>> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn inner_mut(&self) -> RwLockWriteGuard<'_, Inner<K, S>> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, S> Inner<K, S> {
    fn new(version: Version, grant: Grant) -> Inner<K, S> {
        Inner {
            version,
            slots: Slots::default(),
            hashes: Vec::new(),
            entries: Entries::default(),
            live: 0,
            dead: 0,
            logs: VecDeque::new(),
            touches: VecDeque::new(),
            readers: 0,
            drafts: 0,
            turns_back: 0,
            moves: 0,
            owned: 0,
            grant,
        }
    }

    fn oldest(&self) -> Version {
        self.logs.front().map_or(self.version, |log| log.from)
    }

    /// Checks that a version is kept.
    fn kept(&self, version: Version) -> Result<(), Cause> {
        if version == self.version || self.logs.iter().any(|log| log.from == version) {
            return Ok(());
        }
        let (oldest, newest) = (self.oldest(), self.version);
        Err(Cause::Invalid(format!(
            "version {version} of the state is not there; kept are versions {oldest} to {newest}. Remember more batches \
             to read older ones"
        )))
    }

    fn bytes(&self) -> u64 {
        let logged = |log: &Log<S>| (log.before.capacity() * size_of::<(u32, Before<S>)>()) as u64 + log.owned;
        let touched = |touches: &Touches| (touches.places.capacity() * size_of::<u32>()) as u64;
        let logs = self.logs.iter().map(|log| logged(log) + log.touches_used.iter().map(touched).sum::<u64>());
        self.slots.bytes()
            + self.entries.bytes()
            + (self.hashes.capacity() * size_of::<u64>()) as u64
            + self.owned
            + logs.sum::<u64>()
            + self.touches.iter().map(touched).sum::<u64>()
    }

    /// Brings the account to what there is.
    fn settle(&mut self) {
        let (bytes, granted) = (self.bytes(), self.grant.bytes());
        if bytes > granted {
            // Past the limit, if need be: it is there. `make_room` takes it back.
            self.grant.grow_past(bytes - granted);
        }
        self.grant.shrink_to(bytes);
    }
}

#[cfg(test)]
mod tests;

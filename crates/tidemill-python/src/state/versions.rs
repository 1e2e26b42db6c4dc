//! The versions of a shard's state, as the driver keeps them.
//!
//! Where state takes more memory than it may, what was used longest ago goes to disk, several small ones to one file, and
//! is read from there when it is asked for. Reading and writing is for the callers: they have a lock on the versions.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use tidemill_core::memory::{Grant, Memory, Pool};
use tidemill_core::shard::Version;
use tidemill_core::{Cause, Stop};

use crate::state::body::{Body, LEAST_LEAVING_BYTES, is_past};

/// Changes since a whole version may come to this much before the next version is kept whole, even where that had little.
const CHANGES_MOST_BYTES: u64 = 64 << 10;
/// Versions go into one file until they come to this much: of what changes a little in each of a thousand batches there are
/// a few files, and to read one version is to read little of others.
const FILE_BYTES: u64 = 256 << 10;

/// A table in a worker is taken to have so many times the bytes that its keys and states have when written, ...
const TABLE_FACTOR: u64 = 2;
/// ... and so many for each key: its place in the table, and what Python has for every object.
const TABLE_KEY_BYTES: u64 = 200;

/// The versions that are kept, and what the worker has of them.
pub(super) struct Versions {
    points: BTreeMap<Version, Point>,
    /// The worker that has the table, and the stamp of the state in it.
    loaded: Option<(u64, u64)>,
    grant: Grant,
    /// Counts the uses of versions.
    uses: u64,
}

/// One version.
struct Point {
    /// Names this state among all that there ever were: a version that was taken back may be made again.
    stamp: u64,
    /// All of it, or what changed since the version before.
    body: Body,
    /// The worker that has it as a draft, and the stamp of the state that the draft starts from.
    draft: Option<(u64, u64)>,
    /// Who reads it, however old it is.
    pins: Vec<Weak<()>>,
    /// The count of uses when it was last used.
    last_use: u64,
}

/// What the worker is told of its table: which draft becomes the state first, and the stamp that the state has then.
#[derive(Clone, Copy, Default)]
pub(super) struct Held {
    pub(super) commit: u64,
    pub(super) stamp: u64,
}

/// How a version is made again.
pub(super) struct Replay {
    pub(super) whole: Body,
    pub(super) stamp: u64,
    /// What changed since, each with the stamp of the state that it makes.
    pub(super) changes: Vec<(u64, Body)>,
}

/// How large a version is that is made of others.
#[derive(Clone, Copy, Default)]
pub(super) struct Size {
    whole: Part,
    changes: Part,
}

/// Bytes and records.
#[derive(Clone, Copy, Default)]
struct Part(u64, u64);

/// A version that is on its way to disk, and the stamp that it had.
pub(super) struct Leaving {
    version: Version,
    stamp: u64,
    pub(super) body: Body,
}

impl Versions {
    /// An empty state, at [`Version::START`].
    pub(super) fn new(memory: &Memory, stamp: u64) -> Versions {
        let grant = memory.grant(Pool::State);
        let mut versions = Versions { points: BTreeMap::new(), loaded: None, grant, uses: 0 };
        versions.begin(Version::START, stamp, Body::whole(Vec::new()));
        versions
    }

    pub(super) fn newest(&self) -> Version {
        self.points.keys().next_back().copied().unwrap_or_default()
    }

    pub(super) fn stamp(&self, version: Version) -> Option<u64> {
        self.points.get(&version).map(|point| point.stamp)
    }

    /// Puts a state in place of all there is.
    pub(super) fn begin(&mut self, version: Version, stamp: u64, whole: Body) {
        self.points.clear();
        self.put(version, Point { stamp, body: whole, draft: None, pins: Vec::new(), last_use: 0 });
    }

    /// Adds a newer version.
    pub(super) fn add(&mut self, version: Version, stamp: u64, body: Body, draft: Option<(u64, u64)>) {
        self.put(version, Point { stamp, body, draft, pins: Vec::new(), last_use: 0 });
    }

    fn put(&mut self, version: Version, point: Point) {
        self.points.insert(version, point);
        self.count_use(version);
        self.settle();
    }

    /// What to tell `worker` so that its table is `version`; `None` if it must be loaded.
    pub(super) fn held(&self, version: Version, worker: u64) -> Result<Option<Held>, Stop> {
        let point = self.point(version)?;
        Ok(match self.loaded {
            Some(loaded) if loaded == (worker, point.stamp) => Some(Held { commit: 0, stamp: point.stamp }),
            Some(loaded) if loaded.0 == worker && point.draft == Some(loaded) => {
                Some(Held { commit: point.stamp, stamp: point.stamp })
            }
            _ => None,
        })
    }

    /// The worker has the state of that stamp.
    pub(super) fn loaded(&mut self, worker: u64, stamp: u64) {
        self.loaded = Some((worker, stamp));
    }

    /// All of a version, if that is here.
    pub(super) fn whole(&mut self, version: Version) -> Result<Option<Body>, Stop> {
        self.count_use(version);
        let point = self.point(version)?;
        Ok(point.body.is_whole().then(|| point.body.clone()))
    }

    /// Keeps all of a version, if it still is the one of that stamp.
    pub(super) fn keep_whole(&mut self, version: Version, stamp: u64, whole: &Body) {
        if let Some(point) = self.points.get_mut(&version).filter(|point| point.stamp == stamp) {
            point.body = whole.clone();
            self.count_use(version);
            self.settle();
        }
    }

    /// How `version` is made again.
    pub(super) fn replay(&mut self, version: Version) -> Result<Replay, Stop> {
        self.point(version)?;
        let mut changes = Vec::new();
        self.uses += 1;
        for (_, point) in self.points.range_mut(..=version).rev() {
            point.last_use = self.uses;
            if point.body.is_whole() {
                changes.reverse();
                return Ok(Replay { whole: point.body.clone(), stamp: point.stamp, changes });
            }
            changes.push((point.stamp, point.body.clone()));
        }
        Err(Cause::Invalid(format!("what version {version} of the state starts from is not there")).into())
    }

    /// How large the newest version is.
    pub(super) fn size(&self) -> Size {
        let mut size = Size::default();
        for point in self.points.values().rev() {
            let part = Part(point.body.bytes(), point.body.records());
            if point.body.is_whole() {
                return Size { whole: part, ..size };
            }
            size.changes = size.changes.and(part);
        }
        size
    }

    /// Goes back to a version.
    pub(super) fn undo(&mut self, to: Version) -> Result<(), Cause> {
        if !self.points.contains_key(&to) {
            return Err(self.missing(to));
        }
        self.points.retain(|version, _| *version <= to);
        self.settle();
        Ok(())
    }

    /// Keeps a version, if it is there, as long as `pin` has other holders.
    pub(super) fn pin(&mut self, version: Version, pin: &Arc<()>) {
        if let Some(point) = self.points.get_mut(&version) {
            point.pins.push(Arc::downgrade(pin));
        }
    }

    /// Drops versions before `before` that nobody reads, but for those that a later one is made of.
    pub(super) fn forget(&mut self, before: Version) {
        let oldest = self.points.range(..=before).next_back().map_or(before, |(version, _)| *version);
        let mut is_base = false;
        let mut gone = Vec::new();
        for (version, point) in self.points.iter_mut().rev() {
            point.pins.retain(|pin| pin.strong_count() > 0);
            if *version < oldest && !is_base && point.pins.is_empty() {
                gone.push(*version);
            } else {
                is_base = !point.body.is_whole();
            }
        }
        gone.iter().for_each(|version| drop(self.points.remove(version)));
        self.settle();
    }

    /// What has to go to disk next: of what is in memory what was used longest ago, about a file of it. Nothing while state
    /// takes no more memory than it may, or where this one has too little to be worth a file.
    pub(super) fn leaving(&self) -> Vec<Leaving> {
        if !is_past(self.grant.memory()) || self.grant.bytes() < LEAST_LEAVING_BYTES {
            return Vec::new();
        }
        let goes = |point: &Point| point.body.is_in_memory() && point.body.bytes() > 0;
        let mut here: Vec<_> = self.points.iter().filter(|(_, point)| goes(point)).collect();
        here.sort_by_key(|(_, point)| point.last_use);
        let (mut leaving, mut bytes) = (Vec::new(), 0);
        for (version, point) in here {
            if bytes >= FILE_BYTES {
                break;
            }
            bytes += point.body.bytes();
            leaving.push(Leaving { version: *version, stamp: point.stamp, body: point.body.clone() });
        }
        leaving
    }

    /// What was to leave is on disk.
    pub(super) fn left(&mut self, leaving: Vec<Leaving>, written: Vec<Body>) {
        for (Leaving { version, stamp, body }, written) in leaving.into_iter().zip(written) {
            let point = self.points.get_mut(&version).filter(|point| point.stamp == stamp);
            // It may have been made whole meanwhile.
            if let Some(point) = point.filter(|point| point.body.is(&body)) {
                point.body = written;
            }
        }
        self.settle();
    }

    fn point(&self, version: Version) -> Result<&Point, Stop> {
        self.points.get(&version).ok_or_else(|| self.missing(version).into())
    }

    fn count_use(&mut self, version: Version) {
        self.uses += 1;
        if let Some(point) = self.points.get_mut(&version) {
            point.last_use = self.uses;
        }
    }

    fn missing(&self, version: Version) -> Cause {
        let (oldest, newest) = (self.points.keys().next().copied().unwrap_or_default(), self.newest());
        Cause::Invalid(format!(
            "version {version} of the state is not there; kept are versions {oldest} to {newest}. Remember more batches \
             to read older ones"
        ))
    }

    /// Brings the account to what there is in memory: past the limit, if need be.
    fn settle(&mut self) {
        let here = self.points.values().filter(|point| point.body.is_in_memory());
        let (bytes, granted) = (here.map(|point| point.body.bytes()).sum::<u64>(), self.grant.bytes());
        self.grant.grow_past(bytes.saturating_sub(granted));
        self.grant.shrink_to(bytes);
    }
}

impl Size {
    /// Whether the next version had better be kept whole: what changed since the last that is has come to as much.
    pub(super) fn wants_whole(self) -> bool {
        self.changes.0 > CHANGES_MOST_BYTES.max(self.whole.0)
    }

    /// About what a table of it takes up in a worker; rather more than less.
    pub(super) fn table_bytes(self) -> u64 {
        self.whole.and(self.changes).in_table()
    }

    /// The same for the table after a step that makes these changes.
    pub(super) fn table_bytes_with(self, more: &Body) -> u64 {
        let more = Part(more.bytes(), more.records());
        self.whole.and(self.changes).and(more).in_table()
    }

    /// About what a worker needs in memory through which it passes, so that it is not kept there.
    pub(super) fn passing_bytes(self) -> u64 {
        self.changes.in_table()
    }
}

impl Part {
    fn and(self, other: Part) -> Part {
        Part(self.0 + other.0, self.1 + other.1)
    }

    fn in_table(self) -> u64 {
        TABLE_FACTOR * self.0 + TABLE_KEY_BYTES * self.1
    }
}

impl Replay {
    /// The stamp of the version that it makes.
    pub(super) fn stamp(&self) -> u64 {
        self.changes.last().map_or(self.stamp, |(stamp, _)| *stamp)
    }

    /// As [`Size::table_bytes`].
    pub(super) fn table_bytes(&self) -> u64 {
        let bodies = self.changes.iter().map(|(_, body)| body).chain([&self.whole]);
        bodies.map(|body| Part(body.bytes(), body.records()).in_table()).sum()
    }
}

#[cfg(test)]
mod tests;

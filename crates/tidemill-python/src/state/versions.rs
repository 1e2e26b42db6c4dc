//! The versions of a shard's state, as the driver keeps them.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use tidemill_core::environment::Environment;
use tidemill_core::memory::{Grant, Pool};
use tidemill_core::shard::Version;
use tidemill_core::{Cause, Stop};

use crate::batch::PyBatch;
use crate::state::asked::Changes;

/// Changes since a whole version may come to this much before the next version is kept whole, even where that had little.
const CHANGES_MOST_BYTES: u64 = 64 << 10;

/// The versions that are kept, and what the worker has of them.
pub(super) struct Versions {
    points: BTreeMap<Version, Point>,
    /// The worker that has the table, and the stamp of the state in it.
    loaded: Option<(u64, u64)>,
    grant: Grant,
}

/// One version.
struct Point {
    /// Names this state among all that there ever were: a version that was taken back may be made again.
    stamp: u64,
    kept: Kept,
    /// The worker that has it as a draft, and the stamp of the state that the draft starts from.
    draft: Option<(u64, u64)>,
    /// Who reads it, however old it is.
    pins: Vec<Weak<()>>,
}

enum Kept {
    Whole(Vec<PyBatch>),
    /// What changed since the version before.
    Changes(Changes),
}

/// What the worker is told of its table: which draft becomes the state first, and the stamp that the state has then.
#[derive(Clone, Copy, Default)]
pub(super) struct Held {
    pub(super) commit: u64,
    pub(super) stamp: u64,
}

/// How a version is made again.
pub(super) struct Replay {
    pub(super) whole: Vec<PyBatch>,
    pub(super) stamp: u64,
    /// What changed since, each with the stamp of the state that it makes.
    pub(super) changes: Vec<(u64, Changes)>,
}

impl Versions {
    /// An empty state, at [`Version::START`].
    pub(super) fn new(environment: &Environment, stamp: u64) -> Versions {
        let grant = environment.memory.grant(Pool::State);
        let mut versions = Versions { points: BTreeMap::new(), loaded: None, grant };
        versions.begin(Version::START, stamp, Vec::new());
        versions
    }

    pub(super) fn newest(&self) -> Version {
        self.points.keys().next_back().copied().unwrap_or_default()
    }

    pub(super) fn stamp(&self, version: Version) -> Option<u64> {
        self.points.get(&version).map(|point| point.stamp)
    }

    /// Puts a state in place of all there is.
    pub(super) fn begin(&mut self, version: Version, stamp: u64, whole: Vec<PyBatch>) {
        self.points =
            BTreeMap::from([(version, Point { stamp, kept: Kept::Whole(whole), draft: None, pins: Vec::new() })]);
        self.settle();
    }

    /// Adds a newer version.
    pub(super) fn add(&mut self, version: Version, stamp: u64, changes: Changes, draft: Option<(u64, u64)>) {
        let kept = changes.into_whole().map_or_else(Kept::Changes, Kept::Whole);
        self.points.insert(version, Point { stamp, kept, draft, pins: Vec::new() });
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
    pub(super) fn whole(&self, version: Version) -> Result<Option<Vec<PyBatch>>, Stop> {
        Ok(match &self.point(version)?.kept {
            Kept::Whole(whole) => Some(whole.clone()),
            Kept::Changes(_) => None,
        })
    }

    /// Keeps all of a version, if it still is the one of that stamp.
    pub(super) fn keep_whole(&mut self, version: Version, stamp: u64, whole: &[PyBatch]) {
        if let Some(point) = self.points.get_mut(&version).filter(|point| point.stamp == stamp) {
            point.kept = Kept::Whole(whole.to_vec());
            self.settle();
        }
    }

    /// How `version` is made again.
    pub(super) fn replay(&self, version: Version) -> Result<Replay, Stop> {
        self.point(version)?;
        let mut changes = Vec::new();
        for (_, point) in self.points.range(..=version).rev() {
            match &point.kept {
                Kept::Changes(since) => changes.push((point.stamp, since.clone())),
                Kept::Whole(whole) => {
                    changes.reverse();
                    return Ok(Replay { whole: whole.clone(), stamp: point.stamp, changes });
                }
            }
        }
        Err(Cause::Invalid(format!("what version {version} of the state starts from is not there")).into())
    }

    /// Whether the next version had better be kept whole: what changed since the last that is has come to as much.
    pub(super) fn wants_whole(&self) -> bool {
        let mut since = 0;
        for point in self.points.values().rev() {
            match &point.kept {
                Kept::Changes(changes) => since += changes.bytes(),
                Kept::Whole(whole) => return since > CHANGES_MOST_BYTES.max(bytes(whole)),
            }
        }
        true
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
                is_base = matches!(point.kept, Kept::Changes(_));
            }
        }
        gone.iter().for_each(|version| drop(self.points.remove(version)));
        self.settle();
    }

    fn point(&self, version: Version) -> Result<&Point, Stop> {
        self.points.get(&version).ok_or_else(|| self.missing(version).into())
    }

    fn missing(&self, version: Version) -> Cause {
        let (oldest, newest) = (self.points.keys().next().copied().unwrap_or_default(), self.newest());
        Cause::Invalid(format!(
            "version {version} of the state is not there; kept are versions {oldest} to {newest}. Remember more batches \
             to read older ones"
        ))
    }

    /// Brings the account to what there is: past the limit, if need be.
    fn settle(&mut self) {
        let kept = self.points.values().map(|point| match &point.kept {
            Kept::Whole(whole) => bytes(whole),
            Kept::Changes(changes) => changes.bytes(),
        });
        let (bytes, granted) = (kept.sum::<u64>(), self.grant.bytes());
        self.grant.grow_past(bytes.saturating_sub(granted));
        self.grant.shrink_to(bytes);
    }
}

fn bytes(batches: &[PyBatch]) -> u64 {
    batches.iter().map(|batch| batch.payload.len() as u64).sum()
}

//! Which files a batch takes: a function of what lies in the folders, the time, and what was taken before.
//!
//! Nothing here looks at a disk or a clock. Times are compared in whole milliseconds, as Spark's are.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tidemill_core::Timestamp;

/// A file or folder that was found, and when it was last modified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) modified: Timestamp,
}

/// What a stream of files knows of the files that it has taken (behaviour 1.14).
#[derive(Debug)]
pub(super) struct Selection {
    /// Files that were modified at this time or before are never taken.
    threshold: Timestamp,
    /// How far back a batch looks, and for how long it is known what was taken: a whole number of batches.
    window: Duration,
    /// What was taken within the window, by batch.
    taken: BTreeMap<Timestamp, Vec<PathBuf>>,
    /// All of `taken`.
    known: HashSet<PathBuf>,
}

impl Selection {
    /// Nothing is taken that was modified up to `threshold`. What was taken is remembered for `at_least`, rounded up to
    /// whole batches (behaviour 4.30).
    pub(super) fn new(threshold: Timestamp, at_least: Duration, interval: Duration) -> Selection {
        let interval = interval.as_millis().max(1);
        let window = at_least.as_millis().div_ceil(interval).saturating_mul(interval);
        let window = Duration::from_millis(u64::try_from(window).unwrap_or(u64::MAX));
        Selection { threshold, window, taken: BTreeMap::new(), known: HashSet::new() }
    }

    /// Files that are there at `now` count as taken, if they were modified after the threshold.
    pub(super) fn leave_out(&mut self, found: Vec<Found>, now: Timestamp) {
        let recent = found.into_iter().filter(|it| it.modified.millis() > self.threshold.millis());
        let paths: Vec<PathBuf> = recent.map(|it| it.path).collect();
        self.known.extend(paths.iter().cloned());
        self.taken.insert(now, paths);
    }

    /// For how long it is known what was taken.
    pub(super) fn window(&self) -> Duration {
        self.window
    }

    /// Files that were modified at this time or before are never taken.
    pub(super) fn threshold(&self) -> Timestamp {
        self.threshold
    }

    /// What counts as taken at `time`.
    pub(super) fn taken_at(&self, time: Timestamp) -> &[PathBuf] {
        self.taken.get(&time).map_or(&[], Vec::as_slice)
    }

    /// Goes on from what an earlier run took: nothing that this run has seen so far counts.
    pub(super) fn go_on_from(&mut self, threshold: Timestamp) {
        self.threshold = threshold;
        self.taken.clear();
        self.known.clear();
    }

    /// These files were taken at `time`.
    pub(super) fn took(&mut self, time: Timestamp, paths: &[PathBuf]) {
        self.known.extend(paths.iter().cloned());
        self.taken.entry(time).or_default().extend_from_slice(paths);
    }

    /// What the batch of `time` takes of `found`, the oldest first, and those of one time by name. Times only grow from
    /// call to call.
    pub(super) fn take(&mut self, found: Vec<Found>, time: Timestamp, accepts: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        self.let_go(time);
        let mut chosen: Vec<Found> =
            found.into_iter().filter(|it| self.is_new(it, time) && accepts(&it.path)).collect();
        chosen.sort_by(|a, b| (a.modified, &a.path).cmp(&(b.modified, &b.path)));
        let paths: Vec<PathBuf> = chosen.into_iter().map(|it| it.path).collect();
        self.known.extend(paths.iter().cloned());
        self.taken.insert(time, paths.clone());
        paths
    }

    fn is_new(&self, found: &Found, time: Timestamp) -> bool {
        let modified = found.modified.millis();
        let after = self.threshold.millis().max((time - self.window).millis());
        after < modified && modified <= time.millis() && !self.known.contains(&found.path)
    }

    /// Forgets what was taken before the window of `time`: such a file is too old to be taken again, unless it is changed.
    fn let_go(&mut self, time: Timestamp) {
        let kept = self.taken.split_off(&(time - self.window));
        for path in std::mem::replace(&mut self.taken, kept).into_values().flatten() {
            self.known.remove(&path);
        }
    }
}

#[cfg(test)]
mod tests;

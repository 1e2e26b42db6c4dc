//! `Progress`: how far a state is told of, logged and snapshotted, and what is to be done next.

use std::collections::VecDeque;

use tidemill_core::Version;

use super::record::Line;
use crate::checkpoint::storage::StorageError;

/// It did not go back.
const NEVER: Version = Version(u64::MAX);

/// Where the keeping of one state is.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) line: Line,
    /// The newest version that was told of.
    pub(super) told: Version,
    /// The newest version whose delta is in the log, or that a line begins with.
    pub(super) logged: Version,
    /// The version whose snapshot the line rests on, until that is written: nothing is durable before.
    pub(super) founding: Option<Version>,
    /// From here on every version is kept. Some before it are lost, because they could not be written.
    pub(super) unbroken: Version,
    /// The version that is being snapshotted: it must stay readable.
    pub(super) snapshotting: Option<(Line, Version)>,
    /// The oldest version that the state went back to since that snapshot was asked for.
    back_to: Version,
    /// The bytes of deltas since the last snapshot.
    since: u64,
    /// Fewer bytes of deltas call for no snapshot.
    least: u64,
    /// The bytes of the last snapshot.
    last: u64,
    /// The root of which nothing can be made durable any more, and why.
    pub(super) failure: Option<(u64, StorageError)>,
    /// The newest version in each segment of the log, oldest first.
    pub(super) segments: VecDeque<(u64, Version)>,
}

impl Progress {
    pub(super) fn new(line: Line, least: u64) -> Progress {
        Progress {
            line,
            told: Version::START,
            logged: Version::START,
            founding: None,
            unbroken: Version::START,
            snapshotting: None,
            back_to: NEVER,
            since: 0,
            least,
            last: 0,
            failure: None,
            segments: VecDeque::new(),
        }
    }

    /// The state goes on where `line` begins, which was loaded from `last` bytes of a snapshot and `since` bytes of deltas.
    pub(super) fn loaded(&mut self, line: Line, segments: VecDeque<(u64, Version)>, last: u64, since: u64) {
        let (told, logged) = (line.began, line.began);
        *self = Progress { told, logged, last, since, segments, ..Progress::new(line, self.least) };
    }

    /// The state at `version` is made of nothing that was kept: all rests on a snapshot of it.
    pub(super) fn found(&mut self, version: Version) {
        self.line = self.line.next_fresh(version);
        if self.told > Version::START {
            self.unbroken = version;
        }
        (self.told, self.logged) = (version, version);
        self.founding = Some(version);
        self.snapshot(version);
    }

    /// Notes that a snapshot of the newest version is to be written.
    fn snapshot(&mut self, version: Version) {
        (self.snapshotting, self.back_to, self.since) = (Some((self.line, version)), NEVER, 0);
    }

    /// A step was made whose delta has so many bytes. Whether its delta is to be logged; it is not where a snapshot takes
    /// the place of all that came before.
    pub(super) fn stepped(&mut self, from: Version, to: Version, bytes: u64) -> bool {
        if from > self.told || self.is_failed(self.line) {
            self.found(to);
            return false;
        }
        if from < self.told {
            if self.founding.is_some_and(|founding| founding > from) {
                self.found(to);
                return false;
            }
            self.line = self.line.next(from);
            (self.logged, self.back_to) = (self.logged.min(from), self.back_to.min(from));
        }
        self.told = to;
        self.since += bytes;
        true
    }

    /// Whether a snapshot of the newest version is due; if so it has been noted.
    pub(super) fn wants_snapshot(&mut self) -> bool {
        let wants = self.snapshotting.is_none() && self.since > self.last.max(self.least);
        if wants {
            self.snapshot(self.told);
        }
        wants
    }

    /// The delta up to `to` is in the log.
    pub(super) fn logged(&mut self, line: Line, to: Version, segment: u64) {
        match self.segments.back_mut() {
            Some((last, newest)) if *last == segment => *newest = to.max(*newest),
            _ => self.segments.push_back((segment, to)),
        }
        if line == self.line {
            self.logged = to;
        }
    }

    /// A snapshot is written. Whether it holds: the state may have gone back meanwhile.
    pub(super) fn snapshotted(&mut self, line: Line, version: Version, bytes: u64) -> bool {
        self.gave_up(line, version);
        if !self.holds(line, version) {
            return false;
        }
        self.last = bytes;
        if self.founding == Some(version) {
            (self.founding, self.failure) = (None, None);
        }
        true
    }

    /// Whether the snapshot that was asked for, of a version of a line, is still to be kept: however often the state went back
    /// since, it was never behind that version.
    pub(super) fn holds(&self, line: Line, version: Version) -> bool {
        line.root == self.line.root && version <= self.back_to
    }

    /// Nobody writes that snapshot any more.
    pub(super) fn gave_up(&mut self, line: Line, version: Version) {
        self.snapshotting.take_if(|snapshotting| *snapshotting == (line, version));
    }

    /// Whether nothing of a line can be made durable any more.
    pub(super) fn is_failed(&self, line: Line) -> bool {
        self.failure.as_ref().is_some_and(|(root, _)| *root == line.root)
    }

    /// A version is not written, and will not be: the next step founds a new line.
    pub(super) fn failed(&mut self, line: Line, error: StorageError) {
        if line.root == self.line.root && !self.is_failed(line) {
            self.failure = Some((line.root, error));
        }
    }

    /// The newest version up to which all is durable.
    pub(super) fn durable(&self) -> Option<Version> {
        self.founding.is_none().then_some(self.logged)
    }

    /// Whether all that was told of up to `to` is durable; the error if it will not be.
    pub(super) fn is_durable(&self, to: Version) -> Result<bool, StorageError> {
        let wanted = to.min(self.told);
        if self.durable().is_some_and(|durable| durable >= wanted) {
            return Ok(true);
        }
        match &self.failure {
            Some((root, error)) if *root == self.line.root => Err(error.clone()),
            _ => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A state that rests on a snapshot of version 10, which is being written.
    fn founded() -> (Progress, Line) {
        let mut progress = Progress::new(Line::NONE, 0);
        progress.found(Version(10));
        let line = progress.line;
        (progress, line)
    }

    #[test]
    fn a_snapshot_holds_however_often_a_state_goes_back_to_its_version() {
        let (mut progress, line) = founded();
        for _ in 0..3 {
            assert!(progress.stepped(Version(10), Version(20), 1));
            progress.logged(progress.line, Version(20), 0);
            assert_eq!((progress.holds(line, Version(10)), progress.is_durable(Version(20))), (true, Ok(false)));
        }
        assert!(progress.snapshotted(line, Version(10), 1));
        assert_eq!(progress.is_durable(Version(20)), Ok(true));
    }

    #[test]
    fn a_snapshot_behind_which_a_state_went_back_does_not_hold() {
        let (mut progress, line) = founded();
        assert!(progress.stepped(Version(10), Version(20), 5));
        assert!(progress.snapshotted(line, Version(10), 1));
        assert!(progress.wants_snapshot());
        let (line, version) = progress.snapshotting.unwrap();
        assert_eq!(version, Version(20));
        // Back to 10, and beyond 20 again by two steps of which the second goes back to 25.
        for (from, to) in [(10, 25), (25, 30), (25, 35)] {
            assert!(progress.stepped(Version(from), Version(to), 1));
        }
        assert!(!progress.holds(line, version) && !progress.snapshotted(line, version, 1));
        assert!(
            progress.stepped(Version(35), Version(40), 2) && progress.wants_snapshot(),
            "another one takes its place"
        );
        assert!(progress.holds(progress.line, Version(40)));
    }
}

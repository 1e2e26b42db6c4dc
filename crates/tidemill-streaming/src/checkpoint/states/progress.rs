//! `Progress`: how far a state is told of, logged and snapshotted, and what is to be done next.

use std::collections::VecDeque;

use tidemill_core::Version;

use super::record::Line;
use crate::checkpoint::storage::StorageError;

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
        (self.founding, self.snapshotting, self.since) = (Some(version), Some((self.line, version)), 0);
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
            self.logged = self.logged.min(from);
        }
        self.told = to;
        self.since += bytes;
        true
    }

    /// Whether a snapshot of the newest version is due; if so it has been noted.
    pub(super) fn wants_snapshot(&mut self) -> bool {
        let wants = self.snapshotting.is_none() && self.since > self.last.max(self.least);
        if wants {
            (self.snapshotting, self.since) = (Some((self.line, self.told)), 0);
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

    /// Whether what a line has of a version is still to be kept.
    pub(super) fn holds(&self, line: Line, version: Version) -> bool {
        let goes_on = self.line.number == line.number + 1 && self.line.root == line.root;
        line == self.line || (goes_on && version <= self.line.began)
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

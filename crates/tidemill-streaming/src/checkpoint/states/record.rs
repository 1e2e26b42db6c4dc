//! The records in the log of a state: what it holds, and what each step changed.

use serde::{Deserialize, Serialize};
use tidemill_core::shape::Shape;
use tidemill_core::shard::Delta;
use tidemill_core::{Version, shard};

/// What a record begins with. Behind a step stand the deltas of all partitions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Entry {
    /// What the segment's steps are of.
    Head {
        /// The shape of the state's entries.
        shape: Shape,
        /// How many partitions it has.
        partitions: u32,
    },
    /// A step was made.
    Step { line: Line, from: Version, to: Version },
}

/// Versions that follow from each other. Another line begins when the state goes back to an older version, or is not made of
/// what was kept before: at every start, and when a step is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// Counts the lines of a state. Of the versions after `began` those of earlier lines hold no longer.
    pub(super) number: u64,
    /// The version that it goes on from.
    pub(super) began: Version,
    /// The line on whose first snapshot it rests: itself if it takes nothing from earlier ones. 0 stands for the empty
    /// state that every operator begins with.
    pub(super) root: u64,
}

impl Line {
    /// The line before the first: nothing was kept.
    pub(super) const NONE: Line = Line { number: 0, began: Version::START, root: 0 };

    /// The next line, which goes on with what this one has kept up to `began`.
    pub(super) fn next(self, began: Version) -> Line {
        Line { number: self.number + 1, began, root: self.root }
    }

    /// The next line, which begins with a snapshot of `began`.
    pub(super) fn next_fresh(self, began: Version) -> Line {
        Line { number: self.number + 1, began, root: self.number + 1 }
    }

    /// The next line, which begins with nothing.
    pub(super) fn next_empty(self) -> Line {
        Line { number: self.number + 1, ..Line::NONE }
    }
}

/// The record of a step.
pub(super) fn of_step(
    line: Line,
    from: Version,
    to: Version,
    deltas: &[Delta],
) -> Result<Vec<u8>, tidemill_core::Cause> {
    let bytes: usize = deltas.iter().map(bytes_of).sum();
    let record = shard::encode(&Entry::Step { line, from, to }, Vec::with_capacity(bytes + 64 * (deltas.len() + 1)))?;
    shard::encode(&deltas, record)
}

/// What a record begins with, and the rest.
pub(super) fn parse(record: &[u8]) -> Result<(Entry, &[u8]), tidemill_core::Cause> {
    shard::decode(record)
}

/// The deltas of a step, from what is behind its entry.
pub(super) fn deltas(rest: &[u8]) -> Result<Vec<Delta>, tidemill_core::Cause> {
    shard::decode(rest).map(|(deltas, _)| deltas)
}

/// The bytes of the change in a delta.
pub(super) fn bytes_of(delta: &Delta) -> usize {
    delta.change.as_ref().map_or(0, |change| change.0.len())
}

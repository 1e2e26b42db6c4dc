//! Why a program cannot go on from a checkpoint.

use std::time::Duration;

use tidemill_core::Timestamp;

use crate::checkpoint::states::StateError;
use crate::checkpoint::storage::StorageError;

/// Why a program cannot go on from a checkpoint. Nothing is begun anew in its place, and the checkpoint is as it was.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// There is a checkpoint, and none of its entries can be read (behaviour 1.2).
    #[error(
        "Failed to read checkpoint from directory {location}: {reason}; nothing is begun anew there: restore the directory, \
         or give another one to begin anew"
    )]
    Unreadable {
        /// The checkpoint.
        location: String,
        /// What is wrong.
        reason: String,
    },
    /// The directory holds the checkpoint of another program.
    #[error("{location} holds {what}, which Tidemill cannot go on from; give another directory to begin anew")]
    Foreign {
        /// The directory.
        location: String,
        /// What it holds.
        what: String,
    },
    /// The batch interval is another one.
    #[error(
        "the checkpoint in {location} is of batches every {before:?}, and the program makes one every {now:?}: use the \
         interval of the checkpoint, or another directory to begin anew"
    )]
    Interval {
        /// The checkpoint.
        location: String,
        /// The interval of the checkpoint.
        before: Duration,
        /// That of the program.
        now: Duration,
    },
    /// Two operators have one id.
    #[error("{other} has the id `{id}`, which is that of {one}: give each an id of its own by `uid`")]
    SameId {
        /// The id.
        id: String,
        /// The first operator.
        one: String,
        /// The second.
        other: String,
    },
    /// Operators that are told apart by a number only are fewer or more than they were.
    #[error(
        "there were {before} operators like `{id}` in the checkpoint in {location} and there are {now} now, so which is which \
         is not known: give each of them an id by `uid` (those that were there: {})", ids(id, *before)
    )]
    Ambiguous {
        /// The checkpoint.
        location: String,
        /// What they have in common.
        id: String,
        /// How many there were.
        before: u32,
        /// How many there are.
        now: u32,
    },
    /// The checkpoint has something of an operator that the program does not have.
    #[error(
        "the checkpoint in {location} has {what} of `{id}` ({operator}), and the program has no such operator{near}: declare \
         it again, give the one that took its place `.uid(\"{id}\")`, or list the id in tidemill.checkpoint.drop to lose it"
    )]
    WithoutOwner {
        /// The checkpoint.
        location: String,
        /// "the state", "unfinished input" or "received blocks that no batch had".
        what: &'static str,
        /// The id.
        id: String,
        /// The operator that had it, with its source line.
        operator: String,
        /// The operators of the program that have nothing in the checkpoint, in words.
        near: String,
    },
    /// An input cannot give a batch again what it held.
    #[error("the input of batch {time} cannot be had again from `{id}`: {reason}")]
    Input {
        /// The batch.
        time: Timestamp,
        /// The input.
        id: String,
        /// Why.
        reason: String,
    },
    /// The clock is before the last batch of the checkpoint.
    #[error(
        "the clock says {now} and the checkpoint in {location} has a batch of {last}: set the clock right, or use another \
         directory to begin anew"
    )]
    ClockBehind {
        /// The checkpoint.
        location: String,
        /// What the clock says.
        now: Timestamp,
        /// The last batch.
        last: Timestamp,
    },
    /// More batches were missed than anybody wants to run.
    #[error(
        "{missed} batches were missed since {last}, more than tidemill.recovery.missed.max ({most}) allows: look at the \
         clock, raise the setting, or use another directory to begin anew"
    )]
    TooManyMissed {
        /// How many.
        missed: u64,
        /// The last batch before.
        last: Timestamp,
        /// The limit.
        most: u64,
    },
    /// A state cannot be loaded.
    #[error(transparent)]
    State(#[from] StateError),
    /// The storage of the checkpoint failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

fn ids(id: &str, count: u32) -> String {
    let ids = (1..=count).map(|number| if number == 1 { format!("`{id}`") } else { format!("`{id}#{number}`") });
    ids.collect::<Vec<_>>().join(", ")
}

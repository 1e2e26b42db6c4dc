//! Who may commit: what a task of a sink with transactions of its own asks the driver, and what it is told.

use crate::task::Task;

/// The driver's answer to a task that asks whether it may commit.
///
/// A partition has one attempt that may, from when it is told so until it is known to have failed or to be gone; one that
/// ended well keeps it. What failed attempts left undecided is the sink's: numbered by the driver's epoch and by what the
/// job is about (a batch time and a partition), a second commit of the same can be told from a first one. Spark's
/// `OutputCommitCoordinator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// This attempt may commit, and no other. It is told so again when it asks again.
    Granted,
    /// An earlier attempt committed and ended well: there is nothing left to do, and no reason to fail.
    Committed {
        /// That attempt.
        attempt: u32,
    },
    /// An earlier attempt may commit and has not ended, though it was asked to. Fail, and the next attempt asks again.
    Held {
        /// That attempt.
        attempt: u32,
    },
    /// Nobody waits for this attempt any more, or there is no driver to ask: what it wrote must not be seen.
    Over,
}

/// The driver as far as tasks ask it. Called from their threads, perhaps for a long time after the job is over.
pub trait Coordinator: Send + Sync {
    /// Whether `task` may commit.
    fn may_commit(&self, task: Task) -> Permission;
}

//! Who may commit: of the attempts at a partition one, until it is known to have failed.

use super::Scheduler;
use super::state::Commit;
use crate::task::{Permission, Task};

impl Scheduler {
    /// Whether a running task may commit what it wrote outside.
    pub fn may_commit(&mut self, task: Task) -> Permission {
        if !self.awaits(task) {
            return Permission::Over;
        }
        let Some(part) = self.part(task) else { return Permission::Over };
        match part.commit {
            Commit::By(attempt) if attempt != task.attempt => Permission::Held { attempt },
            Commit::Of(attempt) => Permission::Committed { attempt },
            Commit::Open | Commit::By(_) => {
                part.commit = Commit::By(task.attempt);
                Permission::Granted
            }
        }
    }

    /// A task ended: if it was the one that might commit, it has, or another one may.
    pub(super) fn settle_commit(&mut self, task: Task, ended_well: bool) {
        let Some(part) = self.part(task).filter(|part| part.commit == Commit::By(task.attempt)) else { return };
        part.commit = if ended_well { Commit::Of(task.attempt) } else { Commit::Open };
    }
}

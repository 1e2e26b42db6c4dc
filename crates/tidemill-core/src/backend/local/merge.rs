//! Merging what tasks add to accumulators: code of users, which runs without the lock and without a slot.
//!
//! A task whose report adds to accumulators gives its slot back, but its partition is done only once all is merged: so a
//! value is complete when the action returns. Merges into one accumulator come one at a time. A thread that would have to
//! wait for another's leaves the report to it and works on; while threads merge, there are others for all slots. So a
//! merge may run jobs of its own, on a context of one thread too.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, MutexGuard};

use super::{Running, Shared, State};
use crate::scheduler::Event;
use crate::task::{Task, TaskReport};

/// What is being merged, and what waits for that.
#[derive(Default)]
pub(super) struct Merges {
    /// The accumulators that a thread merges into now.
    busy: HashSet<u64>,
    /// In the order in which they came: at most one a task of the jobs that are not over.
    waiting: VecDeque<Unmerged>,
}

/// A report that the scheduler waits for, and that adds to accumulators.
pub(super) struct Unmerged {
    pub(super) task: Task,
    pub(super) report: TaskReport,
    pub(super) running: Running,
}

impl Unmerged {
    fn accumulators(&self) -> impl Iterator<Item = u64> {
        self.report.updates.iter().map(|(id, _)| *id)
    }
}

impl Merges {
    pub(super) fn add(&mut self, unmerged: Unmerged) {
        self.waiting.push_back(unmerged);
    }

    /// The first report that can be merged now; none overtakes another that adds to the same accumulator.
    pub(super) fn next(&mut self) -> Option<Unmerged> {
        if self.waiting.is_empty() {
            return None;
        }
        let mut taken = self.busy.clone();
        let place = self.waiting.iter().position(|unmerged| {
            let free = !unmerged.accumulators().any(|id| taken.contains(&id));
            taken.extend(unmerged.accumulators());
            free
        });
        self.waiting.remove(place?)
    }

    /// What waits, when nobody wants it any more.
    pub(super) fn take_waiting(&mut self) -> impl Iterator<Item = TaskReport> + use<> {
        std::mem::take(&mut self.waiting).into_iter().map(|unmerged| unmerged.report)
    }
}

impl Shared {
    /// Merges what a report adds and takes in the rest of it. `None` where this thread was given up meanwhile.
    pub(super) fn merge<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        unmerged: Unmerged,
        thread: &Arc<str>,
    ) -> Option<MutexGuard<'a, State>> {
        let accumulators: Vec<u64> = unmerged.accumulators().collect();
        let Unmerged { task, mut report, running } = unmerged;
        if !state.scheduler.awaits(task) {
            state.aftermath.refused.push(report);
            self.tell(&mut state, Event::Gone(task));
            return Some(state);
        }
        state.merges.busy.extend(&accumulators);
        state.running.insert(task, Running { thread: Arc::clone(thread), merges: true, ..running });
        self.staff_all_slots(&mut state);
        self.wake_workers(state);
        let merged = self.environment.accumulators.merge(std::mem::take(&mut report.updates));
        let mut state = self.lock();
        state.merges.busy.retain(|id| !accumulators.contains(id));
        if state.running.remove(&task).is_none() {
            // This thread was given up, and another works in its place; that or the next one merges what has waited.
            state.given_up.remove(&task);
            state.aftermath.refused.push(report);
            self.work.notify_one();
            self.release(state);
            return None;
        }
        match merged {
            Ok(()) => self.report(&mut state, task, Ok(report), None),
            Err(failure) => {
                state.aftermath.refused.push(report);
                self.tell(&mut state, Event::Failed(task, failure));
            }
        }
        Some(state)
    }

    /// Sees to it that there is a thread for each slot beside those that merge. A thread that this starts stays for the
    /// next merges.
    fn staff_all_slots(&self, state: &mut State) {
        let merging = state.running.values().filter(|running| running.merges).count();
        if state.alive < state.scheduler.slots() + merging {
            self.start_worker(state);
        }
    }
}

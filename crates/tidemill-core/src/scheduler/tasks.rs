//! Tasks end: with a result, with a failure, or without a report.

use super::state::{Part, State};
use super::{Action, Failure, Outcome, Scheduler, StageEnd};
use crate::ShuffleId;
use crate::task::{StageId, Task};

impl Scheduler {
    /// Frees the slot of a task that ended, if it still has one. Says when it was launched if its partition still waits for it; it is nobody's
    /// task then, and the caller decides what becomes of its partition.
    pub(super) fn take_back(&mut self, task: Task) -> Option<u64> {
        if !self.running.remove(&task) {
            return None;
        }
        if !self.returned.remove(&task) {
            self.slots.free(task);
        }
        self.settle_commit(task, false);
        let part = self.part(task)?;
        match part.state {
            State::Running { since, .. } if part.attempt == task.attempt => {
                part.attempt += 1;
                Some(since)
            }
            _ => None,
        }
    }

    pub(super) fn part(&mut self, task: Task) -> Option<&mut Part> {
        self.stages.get_mut(&task.stage)?.parts.get_mut(task.partition as usize)
    }

    pub(super) fn done(&mut self, task: Task, actions: &mut Vec<Action>) {
        self.settle_commit(task, true);
        if self.take_back(task).is_none() {
            return;
        }
        actions.push(Action::Accept(task));
        self.moment += 1;
        let at = self.moment;
        if let Some(part) = self.part(task) {
            (part.state, part.failures) = (State::Done { at }, 0);
        }
        let Some(stage) = self.stages.get_mut(&task.stage) else { return };
        stage.missing -= 1;
        if stage.missing == 0 {
            self.complete(task.stage, actions);
        }
    }

    fn complete(&mut self, id: StageId, actions: &mut Vec<Action>) {
        let Some(stage) = self.stages.get_mut(&id) else { return };
        stage.started = false;
        stage.missed.clear();
        actions.push(Action::StageEnded { stage: id, end: StageEnd::Done });
        if stage.writes.is_none() {
            for job in stage.jobs.clone() {
                self.finish(job, Outcome::Done, actions);
            }
            return;
        }
        for child in stage.children.clone() {
            if let Some(child) = self.stages.get_mut(&child) {
                child.waits_for -= 1;
            }
            self.note_ready(child);
        }
    }

    pub(super) fn returned(&mut self, task: Task) {
        if self.running.contains(&task) && self.returned.insert(task) {
            self.slots.free(task);
        }
    }

    pub(super) fn gone(&mut self, task: Task, actions: &mut Vec<Action>) {
        if self.take_back(task).is_some() {
            self.retry(task, actions);
        }
    }

    pub(super) fn failed(&mut self, task: Task, failure: Failure, actions: &mut Vec<Action>) {
        if self.take_back(task).is_none() {
            return;
        }
        self.retry(task, actions);
        let limit = self.limits.task_failures_max;
        let Some(part) = self.part(task) else { return };
        part.failures += 1;
        let failures = part.failures;
        if failures >= limit {
            self.fail_stage(task, failures, failure, actions);
        }
    }

    /// The partition of a task that was taken back waits again, before others; with it all the stage if it is a barrier.
    pub(super) fn retry(&mut self, task: Task, actions: &mut Vec<Action>) {
        if let Some(part) = self.part(task) {
            part.state = State::Waiting;
        }
        let Some(stage) = self.stages.get_mut(&task.stage) else { return };
        stage.waiting.push_front(task.partition);
        if stage.barrier {
            self.start_anew(task.stage, actions);
        }
        self.note_ready(task.stage);
    }

    /// The tasks of a barrier stage wait for each other: what one of them did without the others is done again.
    pub(super) fn start_anew(&mut self, id: StageId, actions: &mut Vec<Action>) {
        self.recall(id, actions);
        let Some(stage) = self.stages.get_mut(&id) else { return };
        stage.parts.iter_mut().for_each(|part| part.state = State::Waiting);
        stage.missing = stage.parts.len() as u32;
        stage.waiting = (0..stage.missing).collect();
    }

    /// The shuffles of which a task that is about to run takes what it reads, instead of leaving it to others: those that
    /// its job alone holds and that only its stage reads, if one more failure of it would fail the job. The argument stands
    /// in `exchange/stored.rs`. A barrier's tasks start anew together, so none of their attempts is known to be the last.
    pub fn takes(&mut self, task: Task) -> Vec<ShuffleId> {
        let limit = self.limits.task_failures_max;
        let Some(stage) = self.stages.get(&task.stage).filter(|stage| !stage.barrier) else { return Vec::new() };
        let is_last = |part: &Part| part.attempt == task.attempt && part.failures + 1 >= limit;
        if !stage.parts.get(task.partition as usize).is_some_and(is_last) {
            return Vec::new();
        }
        let mut taken = Vec::new();
        for parent in stage.parents.clone() {
            let Some(parent) = self.stages.get_mut(&parent).filter(|parent| parent.sole) else { continue };
            let of_one_job = parent.jobs.len() == 1 && parent.jobs.contains(&task.job);
            if of_one_job && parent.children.len() == 1 && parent.missing == 0 {
                parent.taken = true;
                taken.extend(parent.writes);
            }
        }
        taken
    }

    /// Fails a stage, and so every job that waits for it.
    pub(super) fn fail_stage(&mut self, task: Task, failures: u32, failure: Failure, actions: &mut Vec<Action>) {
        let Some(stage) = self.stages.get_mut(&task.stage) else { return };
        stage.started = false;
        let jobs = stage.jobs.clone();
        actions.push(Action::StageEnded { stage: task.stage, end: StageEnd::Failed });
        for job in jobs {
            self.finish(job, Outcome::Failed { task, failures, failure: failure.clone() }, actions);
        }
    }
}

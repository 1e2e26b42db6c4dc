//! Jobs come and go: which stages they bring, hold and leave.

use std::collections::BTreeSet;

use super::state::{Job, Stage, State};
use super::{Action, Failure, Outcome, Scheduler, StageEnd, Submission};
use crate::task::{JobId, StageId, Task};
use crate::{Cause, ShuffleId};

impl Scheduler {
    pub(super) fn submitted(&mut self, submission: Submission, actions: &mut Vec<Action>) {
        let job = submission.job;
        let mut stages = Vec::with_capacity(submission.plan.map_stages.len() + 1);
        for planned in &submission.plan.map_stages {
            let known = self.shuffles.get(&planned.shuffle).copied();
            let added = || Stage::new(planned.tasks, Some(planned.shuffle), planned.barrier.is_some());
            let stage = known.unwrap_or_else(|| self.add(added(), &planned.parents));
            if let Some(stage) = self.stages.get_mut(&stage) {
                stage.forgotten = false;
                stage.sole = planned.sole;
            }
            stages.push(stage);
        }
        let barrier = submission.plan.result_barrier;
        let result = self.add(Stage::new(submission.results, None, barrier.is_some()), &submission.plan.result_parents);
        stages.push(result);
        let torn = self.torn_barrier(&submission, &stages);
        let planned = stages.iter().filter_map(|id| self.stages.get(id).map(|stage| stage.planned(*id)));
        actions.push(Action::Planned { job, stages: planned.collect() });
        self.jobs.insert(job, Job { stages: BTreeSet::new(), result, pool: submission.pool });
        for stage in stages {
            self.want(job, stage);
        }
        if submission.results == 0 {
            self.finish(job, Outcome::Done, actions);
        } else if let Some((stage, text)) = torn {
            let failure = Failure { cause: Cause::Invalid(text), operator: None };
            let task = Task { job, stage, partition: 0, attempt: 0 };
            self.finish(job, Outcome::Failed { task, failures: 1, failure }, actions);
        }
    }

    /// The first stage of a job whose barrier can never have all its tasks run at once, and why not. `stages` are the
    /// submission's, in its order.
    fn torn_barrier(&self, submission: &Submission, stages: &[StageId]) -> Option<(StageId, String)> {
        let maps = submission.plan.map_stages.iter().map(|stage| (stage.tasks, stage.barrier));
        let all = maps.chain([(submission.results, submission.plan.result_barrier)]).zip(stages);
        let mut barriers = all.filter_map(|((tasks, barrier), stage)| Some((tasks, barrier?, *stage)));
        barriers.find_map(|(tasks, wanted, stage)| {
            let slots = self.slots.total();
            if tasks != wanted {
                let text = format!(
                    "a barrier wants all its {wanted} partitions computed together, each in a task of its own, but the \
                     stage has {tasks} tasks; use only all partitions after it, so not `take` or `first`, and no \
                     `union` or `coalesce` before the next shuffle or `checkpoint`"
                );
                return Some((stage, text));
            }
            let text = format!(
                "{tasks} tasks must start together, but only {slots} can run at a time; use fewer partitions or more \
                 threads"
            );
            (tasks as usize > slots).then_some((stage, text))
        })
    }

    /// Adds a stage whose parents are known already.
    fn add(&mut self, stage: Stage, parents: &[ShuffleId]) -> StageId {
        let id = StageId(self.next_stage);
        self.next_stage += 1;
        let writes = stage.writes;
        self.stages.insert(id, stage);
        for shuffle in parents {
            if let Some(parent) = self.shuffles.get(shuffle).copied() {
                self.link(parent, id);
            }
        }
        if let Some(shuffle) = writes {
            self.shuffles.insert(shuffle, id);
        }
        id
    }

    /// `child` reads what `parent` writes. Nothing changes where that is known.
    pub(super) fn link(&mut self, parent: StageId, child: StageId) {
        let Some(held) = self.stages.get_mut(&parent) else { return };
        if !held.children.insert(child) {
            return;
        }
        let waits = u32::from(held.missing > 0);
        if let Some(child) = self.stages.get_mut(&child) {
            child.parents.push(parent);
            child.waits_for += waits;
        }
        self.note_ready(child);
    }

    /// `job` waits for `stage`, and so for all that the stage still lacks.
    pub(super) fn want(&mut self, job: JobId, stage: StageId) {
        let mut open = vec![stage];
        while let Some(id) = open.pop() {
            let (Some(stage), Some(held)) = (self.stages.get_mut(&id), self.jobs.get_mut(&job)) else { continue };
            if !stage.jobs.insert(job) {
                continue;
            }
            held.stages.insert(id);
            if stage.missing > 0 {
                open.extend(&stage.parents);
            }
            self.note_ready(id);
        }
    }

    pub(super) fn finish(&mut self, id: JobId, outcome: Outcome, actions: &mut Vec<Action>) {
        let Some(job) = self.jobs.remove(&id) else { return };
        for stage_id in job.stages {
            let Some(stage) = self.stages.get_mut(&stage_id) else { continue };
            stage.jobs.remove(&id);
            self.note_ready(stage_id);
            self.leave(stage_id, actions);
        }
        self.remove(job.result);
        actions.push(Action::Finished { job: id, outcome });
    }

    /// Sees to a stage that may have lost the last job that held it.
    fn leave(&mut self, id: StageId, actions: &mut Vec<Action>) {
        let Some(stage) = self.stages.get(&id).filter(|stage| stage.jobs.is_empty()) else { return };
        let forgotten = stage.forgotten;
        self.abandon(id, actions);
        if forgotten {
            self.remove(id);
        }
    }

    /// Nobody waits for a stage: its running tasks are asked to end, and start anew should someone want it later.
    fn abandon(&mut self, id: StageId, actions: &mut Vec<Action>) {
        self.recall(id, actions);
        let Some(stage) = self.stages.get_mut(&id) else { return };
        if std::mem::take(&mut stage.started) {
            actions.push(Action::StageEnded { stage: id, end: StageEnd::Abandoned });
        }
        stage.missed.clear();
        if stage.missing > 0 {
            stage.parts.iter_mut().for_each(|part| part.failures = 0);
            if stage.barrier {
                self.start_anew(id, actions);
            }
        }
    }

    /// Asks the running tasks of a stage to end; their partitions wait for new attempts.
    pub(super) fn recall(&mut self, id: StageId, actions: &mut Vec<Action>) {
        let Some(stage) = self.stages.get_mut(&id).filter(|stage| stage.missing > 0) else { return };
        for (partition, part) in stage.parts.iter_mut().enumerate() {
            let State::Running { job, .. } = part.state else { continue };
            let partition = partition as u32;
            actions.push(Action::Abandon(Task { job, stage: id, partition, attempt: part.attempt }));
            part.state = State::Waiting;
            part.attempt += 1;
            stage.waiting.push_back(partition);
        }
        self.note_ready(id);
    }

    pub(super) fn forgotten(&mut self, shuffle: ShuffleId) {
        let Some(id) = self.shuffles.get(&shuffle).copied() else { return };
        match self.stages.get_mut(&id) {
            Some(stage) if !stage.jobs.is_empty() => stage.forgotten = true,
            _ => self.remove(id),
        }
    }

    pub(super) fn remove(&mut self, id: StageId) {
        let Some(stage) = self.stages.remove(&id) else { return };
        self.unlist(id, stage.listed);
        if let Some(shuffle) = stage.writes {
            self.shuffles.remove(&shuffle);
        }
        for parent in stage.parents {
            if let Some(parent) = self.stages.get_mut(&parent) {
                parent.children.remove(&id);
            }
        }
        for child_id in stage.children {
            let Some(child) = self.stages.get_mut(&child_id) else { continue };
            child.parents.retain(|parent| *parent != id);
            child.waits_for -= u32::from(stage.missing > 0);
            self.note_ready(child_id);
        }
    }
}

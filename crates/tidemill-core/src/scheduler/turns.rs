//! Whose turn it is: which stages have a task to start, and which of them gets a free slot.

use super::state::State;
use super::{Action, Scheduler};
use crate::task::{JobId, StageId, Task};

impl Scheduler {
    /// Lists a stage as ready, or not any more. To be called after each change of what readiness depends on.
    pub(super) fn note_ready(&mut self, id: StageId) {
        let Some(stage) = self.stages.get_mut(&id) else { return };
        let ready_for = stage.ready_for();
        if stage.listed == ready_for {
            return;
        }
        let listed = std::mem::replace(&mut stage.listed, ready_for);
        self.unlist(id, listed);
        if let Some(job) = ready_for {
            self.ready.entry(job).or_default().insert(id);
        }
    }

    pub(super) fn unlist(&mut self, id: StageId, listed: Option<JobId>) {
        let Some((job, stages)) = listed.and_then(|job| Some((job, self.ready.get_mut(&job)?))) else { return };
        stages.remove(&id);
        if stages.is_empty() {
            self.ready.remove(&job);
        }
    }

    /// Gives free slots to tasks: the one place where that is decided.
    pub(super) fn launch(&mut self, actions: &mut Vec<Action>) {
        while let Some((job, stage)) = self.choose() {
            self.start(job, stage, actions);
        }
    }

    /// The stage whose task starts next. Slots that a barrier stage waits for stay free when it has its turn: others would
    /// take them one by one as they come, and it might wait for ever.
    fn choose(&self) -> Option<(JobId, StageId)> {
        if self.slots.available() == 0 {
            return None;
        }
        let (job, stages) = self.ready.iter().min_by_key(|(job, _)| self.slots.rank(self.pool(**job), **job))?;
        let id = *stages.first()?;
        let stage = self.stages.get(&id)?;
        (!stage.barrier || stage.waiting.len() <= self.slots.available()).then_some((*job, id))
    }

    fn pool(&self, job: JobId) -> &str {
        self.jobs.get(&job).map_or("", |job| &job.pool)
    }

    fn start(&mut self, job: JobId, id: StageId, actions: &mut Vec<Action>) {
        let pool = self.jobs.get(&job).map_or("", |job| &job.pool);
        let Some(stage) = self.stages.get_mut(&id) else { return };
        if !stage.started {
            stage.started = true;
            let tasks = stage.waiting.len() as u32;
            actions.push(Action::StageStarted { stage: id, job, shuffle: stage.writes, tasks });
        }
        let at_once = if stage.barrier { stage.waiting.len() } else { 1 };
        for partition in stage.waiting.drain(..at_once) {
            let Some(part) = stage.parts.get_mut(partition as usize) else { continue };
            self.moment += 1;
            part.state = State::Running { job, since: self.moment };
            let task = Task { job, stage: id, partition, attempt: part.attempt };
            self.slots.take(task, pool);
            self.running.insert(task);
            actions.push(Action::Launch(task));
        }
        self.note_ready(id);
    }
}

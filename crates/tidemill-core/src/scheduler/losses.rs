//! Blocks get lost: the stage that wrote one writes it again before the stage that reads it goes on.

use std::collections::BTreeSet;

use super::state::State;
use super::{Action, Failure, Scheduler};
use crate::task::{JobId, StageId, Task};
use crate::{BlockId, Cause};

impl Scheduler {
    pub(super) fn lost(&mut self, task: Task, block: BlockId, actions: &mut Vec<Action>) {
        let Some(since) = self.take_back(task) else { return };
        self.retry(task, actions);
        let Some((writer, map, state)) = self.written_by(block) else {
            return self.fail_lost(task, 1, format!("block {block} is lost, and nothing can make it again"), actions);
        };
        self.link(writer, task.stage);
        // A block that is being made again, or was since the task started, is a loss that is known already.
        if matches!(state, State::Done { at } if at < since) {
            let Some(stage) = self.stages.get_mut(&task.stage) else { return };
            let losses = stage.missed.entry(block).or_default();
            *losses += 1;
            let losses = *losses;
            if losses >= self.limits.stage_losses_max {
                let text = format!(
                    "block {block} was lost {losses} times in a row; is there a disk or a machine that keeps nothing? \
                     spark.stage.maxConsecutiveAttempts allows more tries"
                );
                return self.fail_lost(task, losses, text, actions);
            }
            self.lose(writer, map);
        }
        for job in self.stages.get(&task.stage).map(|stage| stage.jobs.clone()).unwrap_or_default() {
            self.want(job, writer);
        }
    }

    fn fail_lost(&mut self, task: Task, losses: u32, text: String, actions: &mut Vec<Action>) {
        let failure = Failure { cause: Cause::Invalid(text), operator: None };
        self.fail_stage(task, losses, failure, actions);
    }

    /// Which partition of which stage writes a block, and how far it is.
    fn written_by(&self, block: BlockId) -> Option<(StageId, u32, State)> {
        let BlockId::MapOutput { shuffle, map } = block else { return None };
        let stage = *self.shuffles.get(&shuffle)?;
        let part = self.stages.get(&stage)?.parts.get(map as usize)?;
        Some((stage, map, part.state))
    }

    /// A result that was there is not there any more. It is made again for the jobs that still need it: those that only
    /// hold it must neither wait for it nor fail with it.
    fn lose(&mut self, id: StageId, map: u32) {
        let Some(stage) = self.stages.get_mut(&id) else { return };
        let before = stage.missing;
        stage.sole = false;
        // The tasks of a barrier are run together or not at all; and who took from one output took from the others.
        let all = std::mem::take(&mut stage.taken) || stage.barrier;
        for (place, part) in stage.parts.iter_mut().enumerate() {
            if (place == map as usize || all) && matches!(part.state, State::Done { .. }) {
                part.state = State::Waiting;
                stage.waiting.push_back(place as u32);
                stage.missing += 1;
            }
        }
        if before > 0 {
            return self.note_ready(id);
        }
        stage.jobs.clear();
        let children = stage.children.clone();
        let mut needed_by: BTreeSet<JobId> = BTreeSet::new();
        for child_id in children {
            let Some(child) = self.stages.get_mut(&child_id) else { continue };
            child.waits_for += 1;
            if child.missing > 0 {
                needed_by.extend(&child.jobs);
            }
            self.note_ready(child_id);
        }
        for job in needed_by {
            self.want(job, id);
        }
        self.note_ready(id);
    }
}

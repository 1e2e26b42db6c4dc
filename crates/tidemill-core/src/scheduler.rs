//! The scheduler of jobs, stages and tasks: events in, actions out. No threads, no I/O, no clock.
//!
//! A stage that writes a shuffle exists once, whatever number of jobs wait for it, and stays known until its shuffle is
//! forgotten: so finished shuffles are not written again, and two jobs share one that is not finished yet. What a stage
//! still waits for is counted, never searched, so that a lineage of thousands of stages costs time in its length.
//!
//! A job waits for its result stage and for every stage that its plan names; it holds them until it is over, so that
//! what is lost meanwhile can be made again. A stage that nobody waits for does not run.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::lineage::Operator;
use crate::stage::Plan;
use crate::task::{JobId, StageId, Task};
use crate::{BlockId, Cause, ShuffleId};

mod commits;
mod jobs;
mod losses;
mod slots;
mod state;
mod tasks;
mod turns;

#[cfg(test)]
mod invariants;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod tests;

pub use slots::SchedulingMode;

/// News for the scheduler.
#[derive(Debug)]
pub enum Event {
    /// A job was submitted.
    Submitted(Submission),
    /// A task handed in its report, wanted or not.
    Done(Task),
    /// A task failed.
    Failed(Task, Failure),
    /// A task ended because a block that it reads is missing.
    Lost(Task, BlockId),
    /// A task ended without a report: it was asked to end, or whoever ran it was given up.
    Gone(Task),
    /// A task's work is done, but its report cannot be handed in yet: its slot is free.
    Returned(Task),
    /// Nobody waits for a job any more.
    Cancelled(JobId),
    /// No lineage reads a shuffle any more. Jobs that wait for its stage keep it until they are over.
    Forgotten(ShuffleId),
}

/// A job as the scheduler sees it.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Its id; jobs that were submitted earlier have smaller ones.
    pub job: JobId,
    /// Its stages.
    pub plan: Plan,
    /// How many partitions its result stage computes.
    pub results: u32,
    /// The pool that its tasks count for under fair scheduling.
    pub pool: String,
}

/// Why a task failed, and in which operator.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cause}")]
pub struct Failure {
    /// What went wrong.
    pub cause: Cause,
    /// The operator whose code ran, if the task had come to one.
    pub operator: Option<Operator>,
}

/// What the scheduler wants done.
#[derive(Debug)]
pub enum Action {
    /// Start a task; a slot is taken for it.
    Launch(Task),
    /// Take what the finished task made: it is the first of its partition, or the first since what there was got lost or
    /// a barrier stage started anew.
    Accept(Task),
    /// Ask a task that was launched to end; nobody needs it. Its slot is taken until it is `Gone`.
    Abandon(Task),
    /// A stage started its first task.
    StageStarted {
        /// The stage.
        stage: StageId,
        /// The first of the jobs that wait for it.
        job: JobId,
        /// What it writes; the result stage of a job writes nothing.
        shuffle: Option<ShuffleId>,
        /// How many of its tasks are to be run.
        tasks: u32,
    },
    /// A stage that had started does not go on.
    StageEnded {
        /// The stage.
        stage: StageId,
        /// Why not.
        end: StageEnd,
    },
    /// A job was cut into these stages, the result stage last.
    Planned {
        /// The job.
        job: JobId,
        /// Its stages.
        stages: Vec<PlannedStage>,
    },
    /// A job is over.
    Finished {
        /// The job.
        job: JobId,
        /// How it ended.
        outcome: Outcome,
    },
}

/// A stage of a job that was just submitted.
#[derive(Clone, Copy, Debug)]
pub struct PlannedStage {
    /// Its id.
    pub stage: StageId,
    /// What it writes; the result stage writes nothing.
    pub shuffle: Option<ShuffleId>,
    /// How many tasks it has.
    pub tasks: u32,
    /// Whether all that it would write is there already.
    pub skipped: bool,
}

/// Why a stage does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageEnd {
    /// It has all its results.
    Done,
    /// A task of it failed too often.
    Failed,
    /// Nobody waits for it any more.
    Abandoned,
}

/// How a job ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// All partitions have results.
    Done,
    /// It was cancelled.
    Cancelled,
    /// A task failed as often as is allowed, or cannot be run at all.
    Failed {
        /// The task's last try.
        task: Task,
        /// How often it failed.
        failures: u32,
        /// Why, the last time.
        failure: Failure,
    },
}

/// The state of all jobs, stages and slots.
pub struct Scheduler {
    limits: Limits,
    slots: slots::Slots,
    jobs: BTreeMap<JobId, state::Job>,
    stages: HashMap<StageId, state::Stage>,
    shuffles: HashMap<ShuffleId, StageId>,
    /// Stages that have a task to start, under the first of the jobs that wait for them.
    ready: BTreeMap<JobId, BTreeSet<StageId>>,
    /// All tasks that hold a slot, those included that nobody needs any more.
    running: HashSet<Task>,
    /// Those of them that have given back their slots.
    returned: HashSet<Task>,
    next_stage: u64,
    /// Counts launches and results, to tell which of two was first.
    moment: u64,
}

/// How often things may go wrong.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// So many failures of one task fail its job (`spark.task.maxFailures`, behaviour 4.57).
    pub task_failures_max: u32,
    /// A stage that misses the same block so many times in a row fails (`spark.stage.maxConsecutiveAttempts`,
    /// behaviour 4.58). Tasks that miss it at the same time count once.
    pub stage_losses_max: u32,
}

impl Scheduler {
    /// A scheduler of `slots` tasks at a time.
    pub fn new(slots: usize, mode: SchedulingMode, limits: Limits) -> Scheduler {
        Scheduler {
            limits,
            slots: slots::Slots::new(slots, mode),
            jobs: BTreeMap::new(),
            stages: HashMap::new(),
            shuffles: HashMap::new(),
            ready: BTreeMap::new(),
            running: HashSet::new(),
            returned: HashSet::new(),
            next_stage: 0,
            moment: 0,
        }
    }

    /// Takes in one piece of news and appends what is to be done.
    pub fn on(&mut self, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Submitted(submission) => self.submitted(submission, actions),
            Event::Done(task) => self.done(task, actions),
            Event::Failed(task, failure) => self.failed(task, failure, actions),
            Event::Lost(task, block) => self.lost(task, block, actions),
            Event::Gone(task) => self.gone(task, actions),
            Event::Returned(task) => self.returned(task),
            Event::Cancelled(job) => self.finish(job, Outcome::Cancelled, actions),
            Event::Forgotten(shuffle) => self.forgotten(shuffle),
        }
        self.launch(actions);
    }

    /// Whether all that a shuffle's stage writes is there.
    pub fn is_written(&self, shuffle: ShuffleId) -> bool {
        let stage = self.shuffles.get(&shuffle).and_then(|stage| self.stages.get(stage));
        stage.is_some_and(|stage| stage.missing == 0)
    }

    /// Whether the report of a running task would be accepted.
    pub fn awaits(&self, task: Task) -> bool {
        let part = self.stages.get(&task.stage).and_then(|stage| stage.parts.get(task.partition as usize));
        self.running.contains(&task) && part.is_some_and(|part| part.attempt == task.attempt && part.is_running())
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.slots.total()
    }
}

//! The scheduler of jobs, stages and tasks: events in, actions out. No threads, no I/O, no clock.
//!
//! A stage that writes a shuffle exists once, whatever number of jobs wait for it, and stays known until its shuffle is
//! forgotten: so finished shuffles are not written again, and two jobs share one that is not finished yet. What a stage
//! still waits for is counted, never searched, so that a lineage of thousands of stages costs time in its length.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use crate::lineage::Operator;
use crate::stage::Plan;
use crate::task::{JobId, StageId, Task};
use crate::{BlockId, Cause, ShuffleId};

mod slots;

pub use slots::SchedulingMode;

/// News for the scheduler.
#[derive(Debug)]
pub enum Event {
    /// A job was submitted.
    Submitted(Submission),
    /// A task handed in its report.
    Done(Task),
    /// A task failed.
    Failed(Task, Failure),
    /// A task ended because a block that it reads is missing.
    Lost(Task, BlockId),
    /// A task ended because it was asked to, or its thread was given up.
    Gone(Task),
    /// Nobody waits for a job any more.
    Cancelled(JobId),
    /// No lineage reads a shuffle any more.
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
    /// Whether the tasks of its result stage must all start together.
    pub barrier: bool,
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
    /// Take what the finished task made: it is the first of its partition.
    Accept(Task),
    /// Ask a running task to end; nobody needs it.
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
    /// A stage has all its results, or failed.
    StageEnded {
        /// The stage.
        stage: StageId,
        /// Whether a task of it failed too often.
        failed: bool,
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

/// How a job ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// All partitions have results.
    Done,
    /// It was cancelled.
    Cancelled,
    /// A task failed as often as is allowed.
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
    jobs: BTreeMap<JobId, Job>,
    stages: HashMap<StageId, Stage>,
    shuffles: HashMap<ShuffleId, StageId>,
    /// Stages that have a task to start.
    ready: BTreeSet<StageId>,
    running: HashSet<Task>,
    next_stage: u64,
}

/// How often things may go wrong.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// So many failures of one task fail its job (`spark.task.maxFailures`, behaviour 4.57).
    pub task_failures_max: u32,
    /// So many times a stage may miss blocks in a row (`spark.stage.maxConsecutiveAttempts`, behaviour 4.58).
    pub stage_losses_max: u32,
}

struct Job {
    stages: Vec<StageId>,
    result: StageId,
    pool: String,
}

struct Stage {
    writes: Option<ShuffleId>,
    parents: Vec<StageId>,
    /// Stages that read this one's output.
    children: HashSet<StageId>,
    /// How many parents have partitions missing.
    waits_for: u32,
    parts: Vec<Part>,
    missing: u32,
    waiting: VecDeque<u32>,
    jobs: BTreeSet<JobId>,
    losses: u32,
    started: bool,
    barrier: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Waiting,
    Running,
    Done,
}

#[derive(Clone, Copy)]
struct Part {
    state: State,
    attempt: u32,
    failures: u32,
}

impl Stage {
    fn new(tasks: u32, writes: Option<ShuffleId>) -> Stage {
        Stage {
            writes,
            parents: Vec::new(),
            children: HashSet::new(),
            waits_for: 0,
            parts: vec![Part { state: State::Waiting, attempt: 0, failures: 0 }; tasks as usize],
            missing: tasks,
            waiting: (0..tasks).collect(),
            jobs: BTreeSet::new(),
            losses: 0,
            started: false,
            barrier: false,
        }
    }

    fn planned(&self, stage: StageId) -> PlannedStage {
        let tasks = self.parts.len() as u32;
        PlannedStage { stage, shuffle: self.writes, tasks, skipped: self.missing == 0 && tasks > 0 }
    }

    fn is_ready(&self) -> bool {
        self.waits_for == 0 && !self.waiting.is_empty() && !self.jobs.is_empty()
    }
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
            ready: BTreeSet::new(),
            running: HashSet::new(),
            next_stage: 0,
        }
    }

    /// Takes in one piece of news and appends what is to be done.
    pub fn on(&mut self, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Submitted(submission) => self.submitted(submission, actions),
            Event::Done(task) => self.done(task, actions),
            Event::Failed(task, failure) => self.failed(task, failure, actions),
            Event::Lost(task, block) => self.lost(task, block, actions),
            Event::Gone(task) => {
                self.give_back(task);
            }
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

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.slots.total()
    }

    fn submitted(&mut self, submission: Submission, actions: &mut Vec<Action>) {
        let job = submission.job;
        let mut stages = Vec::with_capacity(submission.plan.map_stages.len() + 1);
        for planned in &submission.plan.map_stages {
            let known = self.shuffles.get(&planned.shuffle).copied();
            let stage = known.unwrap_or_else(|| self.add(planned.tasks, Some(planned.shuffle), &planned.parents));
            stages.push(stage);
        }
        let result = self.add(submission.results, None, &submission.plan.result_parents);
        stages.push(result);
        if let Some(stage) = self.stages.get_mut(&result) {
            stage.barrier = submission.barrier;
        }
        let planned = stages.iter().filter_map(|id| self.stages.get(id).map(|stage| stage.planned(*id)));
        actions.push(Action::Planned { job, stages: planned.collect() });
        self.jobs.insert(job, Job { stages: Vec::new(), result, pool: submission.pool });
        for stage in stages {
            self.want(job, stage);
        }
        if submission.results == 0 {
            self.finish(job, Outcome::Done, actions);
        }
    }

    /// Adds a stage whose parents are known already.
    fn add(&mut self, tasks: u32, writes: Option<ShuffleId>, parents: &[ShuffleId]) -> StageId {
        let id = StageId(self.next_stage);
        self.next_stage += 1;
        let mut stage = Stage::new(tasks, writes);
        for parent in parents.iter().filter_map(|shuffle| self.shuffles.get(shuffle).copied()) {
            if let Some(held) = self.stages.get_mut(&parent) {
                held.children.insert(id);
                stage.parents.push(parent);
                stage.waits_for += u32::from(held.missing > 0);
            }
        }
        self.stages.insert(id, stage);
        if let Some(shuffle) = writes {
            self.shuffles.insert(shuffle, id);
        }
        id
    }

    /// `job` waits for `stage`, and so for all that the stage still lacks.
    fn want(&mut self, job: JobId, stage: StageId) {
        let mut open = vec![stage];
        while let Some(id) = open.pop() {
            let (Some(stage), Some(held)) = (self.stages.get_mut(&id), self.jobs.get_mut(&job)) else { continue };
            if !stage.jobs.insert(job) {
                continue;
            }
            held.stages.push(id);
            if stage.missing > 0 {
                open.extend(&stage.parents);
            }
            self.note_ready(id);
        }
    }

    fn note_ready(&mut self, id: StageId) {
        if self.stages.get(&id).is_some_and(Stage::is_ready) {
            self.ready.insert(id);
        } else {
            self.ready.remove(&id);
        }
    }

    /// Frees the slot of a task that ended. `false` where the task is not running, or no longer wanted.
    fn give_back(&mut self, task: Task) -> bool {
        if !self.running.remove(&task) {
            return false;
        }
        self.slots.free(task);
        let Some(part) = self.part(task) else { return false };
        if (part.state, part.attempt) != (State::Running, task.attempt) {
            return false;
        }
        part.state = State::Waiting;
        part.attempt += 1;
        if let Some(stage) = self.stages.get_mut(&task.stage) {
            stage.waiting.push_front(task.partition);
        }
        self.note_ready(task.stage);
        true
    }

    fn part(&mut self, task: Task) -> Option<&mut Part> {
        self.stages.get_mut(&task.stage)?.parts.get_mut(task.partition as usize)
    }

    fn done(&mut self, task: Task, actions: &mut Vec<Action>) {
        if !self.give_back(task) {
            return;
        }
        actions.push(Action::Accept(task));
        let Some(stage) = self.stages.get_mut(&task.stage) else { return };
        stage.waiting.pop_front(); // where `give_back` just put it
        if let Some(part) = stage.parts.get_mut(task.partition as usize) {
            part.state = State::Done;
        }
        stage.missing -= 1;
        if stage.missing == 0 {
            self.complete(task.stage, actions);
        }
        self.note_ready(task.stage);
    }

    fn complete(&mut self, id: StageId, actions: &mut Vec<Action>) {
        let Some(stage) = self.stages.get_mut(&id) else { return };
        (stage.losses, stage.started) = (0, false);
        actions.push(Action::StageEnded { stage: id, failed: false });
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

    fn failed(&mut self, task: Task, failure: Failure, actions: &mut Vec<Action>) {
        if !self.give_back(task) {
            return;
        }
        let limit = self.limits.task_failures_max;
        let Some(part) = self.part(task) else { return };
        part.failures += 1;
        let failures = part.failures;
        if failures >= limit {
            self.fail_stage(task, failures, failure, actions);
        }
    }

    fn fail_stage(&mut self, task: Task, failures: u32, failure: Failure, actions: &mut Vec<Action>) {
        let jobs = self.stages.get(&task.stage).map(|stage| stage.jobs.clone()).unwrap_or_default();
        actions.push(Action::StageEnded { stage: task.stage, failed: true });
        for job in jobs {
            self.finish(job, Outcome::Failed { task, failures, failure: failure.clone() }, actions);
        }
    }

    /// A block that `task` reads is gone: its stage writes it again before the task's stage goes on.
    fn lost(&mut self, task: Task, block: BlockId, actions: &mut Vec<Action>) {
        if !self.give_back(task) {
            return;
        }
        let limit = self.limits.stage_losses_max;
        let Some(stage) = self.stages.get_mut(&task.stage) else { return };
        stage.losses += 1;
        let losses = stage.losses;
        let writer = match block {
            BlockId::MapOutput { shuffle, map } => self.shuffles.get(&shuffle).map(|stage| (*stage, map)),
            _ => None,
        };
        let (Some((writer, map)), true) = (writer, losses <= limit) else {
            let text = format!("block {block} was lost {losses} times and cannot be made again");
            let failure = Failure { cause: Cause::Invalid(text), operator: None };
            return self.fail_stage(task, losses, failure, actions);
        };
        self.lose(writer, map);
        if !self.stages.get(&task.stage).is_some_and(|stage| stage.parents.contains(&writer)) {
            return; // an attempt that read what is being written again already
        }
        for job in self.stages.get(&task.stage).map(|stage| stage.jobs.clone()).unwrap_or_default() {
            self.want(job, writer);
        }
    }

    fn lose(&mut self, id: StageId, map: u32) {
        let Some(stage) = self.stages.get_mut(&id) else { return };
        let Some(part) = stage.parts.get_mut(map as usize) else { return };
        if part.state != State::Done {
            return;
        }
        part.state = State::Waiting;
        stage.waiting.push_back(map);
        stage.missing += 1;
        if stage.missing == 1 {
            let jobs: Vec<JobId> = stage.jobs.iter().copied().collect();
            let parents = stage.parents.clone();
            for child in stage.children.clone() {
                if let Some(child) = self.stages.get_mut(&child) {
                    child.waits_for += 1;
                }
                self.note_ready(child);
            }
            for job in jobs {
                parents.iter().for_each(|parent| self.want(job, *parent));
            }
        }
        self.note_ready(id);
    }

    fn finish(&mut self, id: JobId, outcome: Outcome, actions: &mut Vec<Action>) {
        let Some(job) = self.jobs.remove(&id) else { return };
        for stage_id in job.stages {
            let Some(stage) = self.stages.get_mut(&stage_id) else { continue };
            stage.jobs.remove(&id);
            if stage.jobs.is_empty() && stage.missing > 0 {
                self.abandon(stage_id, actions);
            }
            self.note_ready(stage_id);
        }
        self.remove(job.result);
        actions.push(Action::Finished { job: id, outcome });
    }

    /// Nobody waits for a stage: its running tasks are asked to end, and start anew should someone want it later.
    fn abandon(&mut self, id: StageId, actions: &mut Vec<Action>) {
        let Some(stage) = self.stages.get_mut(&id) else { return };
        for (partition, part) in stage.parts.iter_mut().enumerate().filter(|(_, part)| part.state == State::Running) {
            if let Some(task) = self
                .running
                .iter()
                .find(|task| (task.stage, task.partition as usize, task.attempt) == (id, partition, part.attempt))
            {
                actions.push(Action::Abandon(*task));
            }
            part.state = State::Waiting;
            part.attempt += 1;
            stage.waiting.push_back(partition as u32);
        }
        (stage.started, stage.losses) = (false, 0);
        stage.parts.iter_mut().for_each(|part| part.failures = 0);
    }

    fn forgotten(&mut self, shuffle: ShuffleId) {
        if let Some(stage) = self.shuffles.remove(&shuffle) {
            self.remove(stage);
        }
    }

    fn remove(&mut self, id: StageId) {
        self.ready.remove(&id);
        let Some(stage) = self.stages.remove(&id) else { return };
        for parent in stage.parents {
            if let Some(parent) = self.stages.get_mut(&parent) {
                parent.children.remove(&id);
            }
        }
        for child in stage.children.iter().filter(|_| stage.missing > 0) {
            if let Some(child) = self.stages.get_mut(child) {
                child.waits_for -= 1;
            }
            self.note_ready(*child);
        }
    }

    /// Gives free slots to tasks: the one place where that is decided.
    fn launch(&mut self, actions: &mut Vec<Action>) {
        while let Some(id) = self.choose() {
            let Some(stage) = self.stages.get_mut(&id) else { return };
            let Some(job) = stage.jobs.first().copied() else { return };
            if !stage.started {
                stage.started = true;
                let tasks = stage.waiting.len() as u32;
                actions.push(Action::StageStarted { stage: id, job, shuffle: stage.writes, tasks });
            }
            let at_once = if stage.barrier { stage.waiting.len() } else { 1 };
            let pool = self.jobs.get(&job).map_or("", |job| job.pool.as_str());
            for partition in stage.waiting.drain(..at_once) {
                let Some(part) = stage.parts.get_mut(partition as usize) else { continue };
                part.state = State::Running;
                let task = Task { job, stage: id, partition, attempt: part.attempt };
                self.slots.take(task, pool);
                self.running.insert(task);
                actions.push(Action::Launch(task));
            }
            self.note_ready(id);
        }
    }

    /// The stage whose task starts next.
    fn choose(&self) -> Option<StageId> {
        if self.slots.available() == 0 {
            return None;
        }
        let fits = |stage: &Stage| !stage.barrier || stage.waiting.len() <= self.slots.available();
        let candidates = self.ready.iter().filter_map(|id| {
            let stage = self.stages.get(id).filter(|stage| fits(stage))?;
            let job = stage.jobs.first()?;
            Some((self.slots.rank(self.jobs.get(job).map_or("", |job| &job.pool), *job), *id))
        });
        candidates.min().map(|(_, id)| id)
    }
}

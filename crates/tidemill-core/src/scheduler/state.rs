//! What the scheduler keeps of jobs, stages and the partitions of stages.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use super::PlannedStage;
use crate::task::{JobId, StageId};
use crate::{BlockId, ShuffleId};

/// A job that is not over.
pub(super) struct Job {
    /// The stages that it waits for, or waited for.
    pub(super) stages: BTreeSet<StageId>,
    pub(super) result: StageId,
    pub(super) pool: String,
}

/// A stage, from its first job until its shuffle is forgotten; a result stage until its job is over.
pub(super) struct Stage {
    pub(super) writes: Option<ShuffleId>,
    pub(super) parents: Vec<StageId>,
    /// Stages that read this one's output.
    pub(super) children: HashSet<StageId>,
    /// How many parents have partitions missing.
    pub(super) waits_for: u32,
    pub(super) parts: Vec<Part>,
    /// How many parts are not done.
    pub(super) missing: u32,
    /// The parts that wait to be started, the next one first.
    pub(super) waiting: VecDeque<u32>,
    /// The jobs that hold it: those that wait for it, and those for which it was done.
    pub(super) jobs: BTreeSet<JobId>,
    /// The job under which it is listed as ready.
    pub(super) listed: Option<JobId>,
    /// How often its tasks missed a block, since it last had all results.
    pub(super) missed: HashMap<BlockId, u32>,
    pub(super) started: bool,
    /// Whether its tasks must all start together. Then they also start anew together when one of them does not come
    /// through, or what one of them wrote is lost.
    pub(super) barrier: bool,
    /// Whether its only job alone holds its shuffle, and reads each bucket once. Not once something of it was lost.
    pub(super) sole: bool,
    /// Whether tasks were told to take what they read of it.
    pub(super) taken: bool,
    /// No lineage reads its shuffle: it goes as soon as no job holds it.
    pub(super) forgotten: bool,
}

/// One partition of a stage.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) state: State,
    /// The number of its running or next attempt.
    pub(super) attempt: u32,
    /// Failures since it was last done, or abandoned.
    pub(super) failures: u32,
    pub(super) commit: Commit,
}

/// Which attempt at a partition commits what it writes outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Commit {
    /// The first that asks will.
    Open,
    /// This one may, and has not ended. It need not be the one that is waited for any more.
    By(u32),
    /// This one did.
    Of(u32),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Waiting,
    /// Its attempt runs, launched for this job at this moment.
    Running {
        job: JobId,
        since: u64,
    },
    /// Its result was accepted at this moment.
    Done {
        at: u64,
    },
}

impl Part {
    pub(super) fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }
}

impl Stage {
    pub(super) fn new(tasks: u32, writes: Option<ShuffleId>, barrier: bool) -> Stage {
        Stage {
            writes,
            parents: Vec::new(),
            children: HashSet::new(),
            waits_for: 0,
            parts: vec![Part { state: State::Waiting, attempt: 0, failures: 0, commit: Commit::Open }; tasks as usize],
            missing: tasks,
            waiting: (0..tasks).collect(),
            jobs: BTreeSet::new(),
            listed: None,
            missed: HashMap::new(),
            started: false,
            barrier,
            sole: false,
            taken: false,
            forgotten: false,
        }
    }

    pub(super) fn planned(&self, stage: StageId) -> PlannedStage {
        let tasks = self.parts.len() as u32;
        PlannedStage { stage, shuffle: self.writes, tasks, skipped: self.missing == 0 && tasks > 0 }
    }

    /// The job for which its next task would start now, if one could.
    pub(super) fn ready_for(&self) -> Option<JobId> {
        let ready = self.waits_for == 0 && !self.waiting.is_empty();
        self.jobs.first().copied().filter(|_| ready)
    }
}

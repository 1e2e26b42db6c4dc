//! What holds of the scheduler's state after every event, whatever happened.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Scheduler;
use super::state::{Stage, State};
use crate::task::{JobId, StageId, Task};

/// Fails with a text unless the condition holds.
macro_rules! hold {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+));
        }
    };
}

impl Scheduler {
    /// Compares all that is counted or listed with what it is derived from; names the first thing that does not fit.
    pub(super) fn check_invariants(&self) -> Result<(), String> {
        self.check_slots()?;
        for (id, stage) in &self.stages {
            self.check_counts(*id, stage)?;
            self.check_parts(*id, stage)?;
            self.check_links(*id, stage)?;
        }
        self.check_ready()?;
        for job in self.jobs.keys() {
            self.check_progress(*job)?;
        }
        Ok(())
    }

    fn check_slots(&self) -> Result<(), String> {
        hold!(self.returned.is_subset(&self.running), "{:?} have returned, but do not run", self.returned);
        let (total, running) = (self.slots.total(), self.running.len() - self.returned.len());
        hold!(running <= total, "{running} tasks run in {total} slots");
        hold!(self.slots.available() + running == total, "{} slots are free", self.slots.available());
        for (shuffle, stage) in &self.shuffles {
            let writes = self.stages.get(stage).and_then(|stage| stage.writes);
            hold!(writes == Some(*shuffle), "{shuffle:?} is written by {stage:?}, which writes {writes:?}");
        }
        Ok(())
    }

    fn check_counts(&self, id: StageId, stage: &Stage) -> Result<(), String> {
        let missing = stage.parts.iter().filter(|part| !matches!(part.state, State::Done { .. })).count();
        hold!(stage.missing as usize == missing, "{id:?} counts {} missing of {missing}", stage.missing);
        let waits_for = stage.parents.iter().filter(|parent| self.stages[parent].missing > 0).count();
        hold!(stage.waits_for as usize == waits_for, "{id:?} waits for {} of {waits_for}", stage.waits_for);
        let waiting: BTreeSet<usize> = stage.waiting.iter().map(|part| *part as usize).collect();
        let states = stage.parts.iter().enumerate();
        let expected = states.filter(|(_, part)| part.state == State::Waiting).map(|(place, _)| place).collect();
        hold!(waiting == expected, "{id:?} lists {waiting:?} as waiting instead of {expected:?}");
        hold!(waiting.len() == stage.waiting.len(), "{id:?} lists a partition twice: {:?}", stage.waiting);
        Ok(())
    }

    /// A partition runs once, and only for somebody.
    fn check_parts(&self, id: StageId, stage: &Stage) -> Result<(), String> {
        for (place, part) in stage.parts.iter().enumerate() {
            let State::Running { job, .. } = part.state else { continue };
            let task = Task { job, stage: id, partition: place as u32, attempt: part.attempt };
            hold!(self.running.contains(&task), "{task:?} is not known to run");
            hold!(!stage.jobs.is_empty(), "{task:?} runs for nobody");
        }
        for task in self.running.iter().filter(|task| task.stage == id) {
            let attempt = stage.parts[task.partition as usize].attempt;
            hold!(task.attempt <= attempt, "{task:?} is ahead of its partition, which is at {attempt}");
        }
        hold!(!stage.forgotten || !stage.jobs.is_empty(), "{id:?} is forgotten and nobody's, but still here");
        Ok(())
    }

    fn check_links(&self, id: StageId, stage: &Stage) -> Result<(), String> {
        for parent in &stage.parents {
            hold!(self.stages[parent].children.contains(&id), "{parent:?} does not know its child {id:?}");
        }
        for child in &stage.children {
            let parents = &self.stages[child].parents;
            hold!(parents.iter().filter(|parent| **parent == id).count() == 1, "{child:?} has parents {parents:?}");
        }
        for job in &stage.jobs {
            let held = self.jobs.get(job).is_some_and(|job| job.stages.contains(&id));
            hold!(held, "{id:?} is held by {job:?}, which does not know it");
        }
        hold!(stage.writes.is_some() || stage.jobs.len() == 1, "a result stage has the jobs {:?}", stage.jobs);
        Ok(())
    }

    fn check_ready(&self) -> Result<(), String> {
        let mut expected: BTreeMap<JobId, BTreeSet<StageId>> = BTreeMap::new();
        for (id, stage) in &self.stages {
            hold!(stage.listed == stage.ready_for(), "{id:?} is listed for {:?}", stage.listed);
            if let Some(job) = stage.listed {
                expected.entry(job).or_default().insert(*id);
            }
        }
        hold!(self.ready == expected, "{:?} are listed as ready instead of {expected:?}", self.ready);
        let barrier = self.ready.values().filter_map(|stages| self.stages.get(stages.first()?));
        let may_hold_back = barrier.into_iter().any(|stage| stage.barrier);
        let idle = self.slots.available() > 0 && !self.ready.is_empty();
        hold!(!idle || may_hold_back, "slots are free while {:?} are ready", self.ready);
        Ok(())
    }

    /// A job that is not over lacks something, and what it lacks runs, can run, or waits for what does.
    fn check_progress(&self, job: JobId) -> Result<(), String> {
        let result = self.jobs[&job].result;
        hold!(self.stages.get(&result).is_some_and(|stage| stage.missing > 0), "{job:?} is not over but lacks nothing");
        let (mut seen, mut open, mut moves) = (HashSet::from([result]), vec![result], false);
        while let Some(id) = open.pop() {
            let stage = &self.stages[&id];
            hold!(stage.jobs.contains(&job), "{job:?} lacks {id:?}, which does not know it");
            let runs = stage.parts.iter().any(|part| matches!(part.state, State::Running { .. }));
            moves |= runs || stage.listed.is_some();
            let missing = stage.parents.iter().filter(|parent| self.stages[parent].missing > 0);
            open.extend(missing.filter(|parent| seen.insert(**parent)));
        }
        hold!(moves, "{job:?} waits for stages of which none runs or is ready");
        Ok(())
    }
}

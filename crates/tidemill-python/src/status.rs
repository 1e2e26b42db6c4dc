//! The class `Status`: what jobs and stages do, kept from the engine's events.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use tidemill_core::event::{Outcome, StageInfo};
use tidemill_core::{Context, Event, Listener};

/// So many jobs, and stages, are remembered: Spark's `spark.ui.retainedJobs`.
const KEPT: usize = 1000;

/// Listeners of the program's may hold events up; then what is known is told.
const CATCH_UP_MOST: Duration = Duration::from_secs(1);

/// What a job is: its number, its stages, and its status in Spark's words.
type Job = (u64, Vec<u64>, &'static str);

/// What a stage is: number, attempt, name, tasks; how many of them run, are done, have failed.
type Stage = (u64, u32, String, u32, u32, u32, u32);

/// What jobs and stages do: Spark's `StatusTracker`.
#[pyclass(name = "Status", module = "tidemill._engine", frozen, skip_from_py_object)]
#[derive(Clone)]
pub struct PyStatus {
    context: Context,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    jobs: BTreeMap<u64, KnownJob>,
    stages: BTreeMap<u64, KnownStage>,
    /// Numbers in the order in which they came.
    job_order: VecDeque<u64>,
    stage_order: VecDeque<u64>,
}

struct KnownJob {
    group: Option<String>,
    stages: Vec<u64>,
    status: &'static str,
}

struct KnownStage {
    info: StageInfo,
    attempt: u32,
    runs: bool,
    active: u32,
    completed: u32,
    failed: u32,
}

impl PyStatus {
    /// The status of a context's jobs from now on.
    pub(crate) fn of(context: &Context) -> PyStatus {
        let known = Arc::new(Mutex::new(Known::default()));
        if let Err(error) = context.events().add_patient("status", Watch(Arc::clone(&known))) {
            tracing::warn!(%error, "The status of jobs will not be known.");
        }
        PyStatus { context: context.clone(), known }
    }

    /// Waits until events up to now have come: a job that a caller has seen the end of has ended here too.
    fn catch_up(&self, py: Python<'_>) {
        py.detach(|| self.context.events().flush(CATCH_UP_MOST));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl PyStatus {
    #[pyo3(signature = (group = None))]
    fn job_ids_for_group(&self, py: Python<'_>, group: Option<&str>) -> Vec<u64> {
        self.catch_up(py);
        let known = self.known();
        let mut ids: Vec<u64> =
            known.jobs.iter().filter(|(_, job)| job.group.as_deref() == group).map(|(id, _)| *id).collect();
        drop(known);
        if let Some(group) = group {
            ids.extend(self.context.active_jobs_of_group(group)); // of which no event may have come yet
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn active_jobs(&self) -> Vec<u64> {
        self.context.active_jobs()
    }

    fn active_stages(&self, py: Python<'_>) -> Vec<u64> {
        self.catch_up(py);
        self.known().stages.iter().filter(|(_, stage)| stage.runs).map(|(id, _)| *id).collect()
    }

    fn job(&self, py: Python<'_>, job: u64) -> Option<Job> {
        self.catch_up(py);
        self.known().jobs.get(&job).map(|known| (job, known.stages.clone(), known.status))
    }

    fn stage(&self, py: Python<'_>, stage: u64) -> Option<Stage> {
        self.catch_up(py);
        let known = self.known();
        let KnownStage { info, attempt, active, completed, failed, .. } = known.stages.get(&stage)?;
        Some((stage, *attempt, info.name.clone(), info.tasks, *active, *completed, *failed))
    }
}

/// Keeps what events say.
struct Watch(Arc<Mutex<Known>>);

impl Listener for Watch {
    fn on_event(&mut self, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take_in(event);
    }
}

impl Known {
    fn take_in(&mut self, event: &Event) {
        match event {
            Event::JobStarted { job, stages, group, .. } => self.job_started(*job, stages, group.clone()),
            Event::JobEnded { job, outcome, .. } => {
                if let Some(job) = self.jobs.get_mut(job) {
                    job.status = if *outcome == Outcome::Succeeded { "SUCCEEDED" } else { "FAILED" };
                }
            }
            Event::StageSubmitted { stage, attempt, .. } => {
                if let Some(known) = self.stages.get_mut(&stage.id) {
                    (known.attempt, known.runs) = (*attempt, true);
                }
            }
            Event::StageCompleted { stage, .. } => {
                if let Some(known) = self.stages.get_mut(stage) {
                    known.runs = false;
                }
            }
            Event::TaskStarted { task, .. } => {
                if let Some(stage) = self.stages.get_mut(&task.stage) {
                    stage.active += 1;
                }
            }
            Event::TaskEnded { task, outcome, .. } => {
                if let Some(stage) = self.stages.get_mut(&task.stage) {
                    stage.active = stage.active.saturating_sub(1);
                    match outcome {
                        Outcome::Succeeded => stage.completed += 1,
                        Outcome::Failed(_) => stage.failed += 1,
                        Outcome::Cancelled => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn job_started(&mut self, job: u64, stages: &[StageInfo], group: Option<String>) {
        let ids = stages.iter().map(|stage| stage.id).collect();
        self.jobs.insert(job, KnownJob { group, stages: ids, status: "RUNNING" });
        self.job_order.push_back(job);
        for info in stages {
            let fresh = KnownStage { info: info.clone(), attempt: 0, runs: false, active: 0, completed: 0, failed: 0 };
            if self.stages.insert(info.id, fresh).is_none() {
                self.stage_order.push_back(info.id);
            }
        }
        while self.job_order.len() > KEPT {
            self.job_order.pop_front().map(|oldest| self.jobs.remove(&oldest));
        }
        while self.stage_order.len() > KEPT {
            self.stage_order.pop_front().map(|oldest| self.stages.remove(&oldest));
        }
    }
}

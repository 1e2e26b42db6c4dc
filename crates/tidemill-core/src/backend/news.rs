//! `News`: what a backend tells listeners, put into events with the time.

use std::sync::Arc;

use crate::clock::Clock;
use crate::event::{Event, EventBus, Outcome, StageInfo, TaskId, TaskMetrics};
use crate::lineage::Operator;
use crate::scheduler::StageEnd;
use crate::task::{JobId, Properties, StageId, Task};
use crate::{Stop, scheduler};

/// Makes events of what happens and posts them. Where nobody listens, nothing is made.
pub struct News {
    bus: Arc<EventBus>,
    clock: Arc<dyn Clock>,
}

impl News {
    /// News for the listeners of `bus`, dated by `clock`.
    pub fn new(bus: Arc<EventBus>, clock: Arc<dyn Clock>) -> News {
        News { bus, clock }
    }

    /// The time for measuring tasks.
    pub fn monotonic(&self) -> std::time::Duration {
        self.clock.monotonic()
    }

    fn at(&self) -> u64 {
        self.clock.now().millis()
    }

    /// A job was cut into stages. `name` names a stage by its place.
    pub fn job_started(
        &self,
        job: JobId,
        action: &Operator,
        properties: &Properties,
        stages: &[scheduler::PlannedStage],
        name: impl Fn(&scheduler::PlannedStage) -> String,
    ) {
        self.bus.post(|| Event::JobStarted {
            job: job.0,
            stages: stages.iter().map(|s| StageInfo { id: s.stage.0, name: name(s), tasks: s.tasks }).collect(),
            description: properties.get(crate::context::DESCRIPTION_PROPERTY).cloned(),
            group: properties.get(crate::context::GROUP_PROPERTY).cloned(),
            call_site: action.to_string(),
            at_millis: self.at(),
        });
        for stage in stages.iter().filter(|stage| stage.skipped) {
            self.bus.post(|| Event::StageSkipped { job: job.0, stage: stage.stage.0 });
        }
    }

    /// A job is over.
    pub fn job_ended(&self, job: JobId, outcome: &scheduler::Outcome) {
        self.bus.post(|| {
            let outcome = match outcome {
                scheduler::Outcome::Done => Outcome::Succeeded,
                scheduler::Outcome::Cancelled => Outcome::Cancelled,
                scheduler::Outcome::Failed { failure, .. } => Outcome::Failed(failure.to_string()),
            };
            Event::JobEnded { job: job.0, outcome, at_millis: self.at() }
        });
    }

    /// A stage starts its first task.
    pub fn stage_submitted(&self, job: JobId, stage: StageId, tasks: u32, name: impl FnOnce() -> String) {
        self.bus.post(|| Event::StageSubmitted {
            job: job.0,
            stage: StageInfo { id: stage.0, name: name(), tasks },
            attempt: 0,
            at_millis: self.at(),
        });
    }

    /// A stage is over.
    pub fn stage_completed(&self, job: JobId, stage: StageId, end: StageEnd) {
        let failure = match end {
            StageEnd::Done => None,
            StageEnd::Failed => Some("a task of it failed too often"),
            StageEnd::Abandoned => Some("no job waits for it any more"),
        };
        self.bus.post(|| Event::StageCompleted {
            job: job.0,
            stage: stage.0,
            attempt: 0,
            failure: failure.map(str::to_string),
            at_millis: self.at(),
        });
    }

    /// A task begins.
    pub fn task_started(&self, task: Task) {
        self.bus.post(|| Event::TaskStarted { task: id_of(task), at_millis: self.at() });
    }

    /// A task that ran since `started` ended.
    pub fn task_ended(&self, task: Task, started: std::time::Duration, stop: Option<&Stop>) {
        self.bus.post(|| {
            let outcome = match stop {
                None => Outcome::Succeeded,
                Some(Stop::Cancelled) => Outcome::Cancelled,
                Some(stop) => Outcome::Failed(stop.to_string()),
            };
            let duration_micros = self.clock.monotonic().saturating_sub(started).as_micros() as u64;
            let metrics = TaskMetrics { duration_micros, ..TaskMetrics::default() };
            Event::TaskEnded { task: id_of(task), outcome, metrics, at_millis: self.at() }
        });
    }

    /// A thread whose user code does not return was given up.
    pub fn thread_replaced(&self, name: &str) {
        self.bus.post(|| Event::ThreadReplaced { name: name.to_string() });
    }
}

fn id_of(task: Task) -> TaskId {
    TaskId { job: task.job.0, stage: task.stage.0, partition: task.partition, attempt: task.attempt }
}

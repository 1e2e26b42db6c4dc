//! What listeners are told of jobs, stages and tasks, by jobs that really run.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidemill_core::event::Outcome;
use tidemill_core::{Context, Event, Listener};

/// Writes down what it is told, one word an event.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Listener for Notes {
    fn on_event(&mut self, event: &Event) {
        let note = match event {
            Event::JobStarted { stages, group, .. } => {
                format!("job of {} stages{}", stages.len(), group.as_deref().unwrap_or_default())
            }
            Event::JobEnded { outcome, .. } => format!("job {}", word(outcome)),
            Event::StageSubmitted { stage, .. } => {
                format!("{} of {} tasks", stage.name.split(' ').next().unwrap_or_default(), stage.tasks)
            }
            Event::StageCompleted { failure, .. } => {
                format!("stage {}", if failure.is_some() { "failed" } else { "done" })
            }
            Event::StageSkipped { .. } => "stage skipped".into(),
            Event::TaskEnded { outcome, .. } => format!("task {}", word(outcome)),
            _ => return,
        };
        self.0.lock().unwrap().push(note);
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Cancelled => "cancelled",
        Outcome::Failed(_) => "failed",
    }
}

/// What is noted while `work` runs on one thread.
#[track_caller]
fn check(work: impl FnOnce(&Context), expected: &[&str]) {
    let context = Context::local(1).unwrap();
    let notes = Notes::default();
    let handle = context.events().add("notes", notes.clone()).unwrap();
    work(&context);
    assert!(context.events().flush(Duration::from_secs(30)), "the listener did not keep up");
    assert_eq!(*notes.0.lock().unwrap(), expected);
    assert_eq!(handle.dropped(), 0);
}

#[test]
fn every_job_stage_and_task_is_told() {
    check(
        |context| {
            context.set_job_group(" in a group", "");
            let sums = context.parallelize([(1, 1), (1, 2)], 2).reduce_by_key_into(|a, b| a + b, 1);
            sums.collect().unwrap();
            sums.count().unwrap();
        },
        &[
            "job of 2 stages in a group",
            "reduce_by_key of 2 tasks",
            "task succeeded",
            "task succeeded",
            "stage done",
            "collect of 1 tasks",
            "task succeeded",
            "stage done",
            "job succeeded",
            "job of 2 stages in a group",
            "stage skipped",
            "count of 1 tasks",
            "task succeeded",
            "stage done",
            "job succeeded",
        ],
    );
}

#[test]
fn failures_are_told() {
    check(
        |context| drop(context.parallelize(0..2, 1).map(|x| 1 / x).count().unwrap_err()),
        &["job of 1 stages", "count of 1 tasks", "task failed", "stage failed", "job failed"],
    );
}

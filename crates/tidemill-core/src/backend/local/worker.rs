//! A worker: takes a task, runs it and hands in its report, over and over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};

use super::merge::Unmerged;
use super::{Running, Shared, State};
use crate::exchange::MapSide;
use crate::job::ResultSide;
use crate::lineage::Operator;
use crate::scheduler::{Event, Failure};
use crate::task::{Coordinator, Task, TaskContext, TaskOutput, TaskReport};
use crate::{Cause, Stop};

/// What one task runs.
enum Work {
    Map(Arc<dyn MapSide>),
    Result(Arc<dyn ResultSide>),
}

impl Shared {
    pub(super) fn start_worker(&self, state: &mut State) {
        let number = self.threads.fetch_add(1, Ordering::Relaxed);
        let Some(shared) = self.me.upgrade() else { return };
        let started =
            std::thread::Builder::new().name(format!("tidemill-worker-{number}")).spawn(move || shared.work());
        match started {
            Ok(_) => state.alive += 1,
            Err(error) => {
                tracing::error!(%error, "A worker thread could not be started; tasks will have to wait for the others.")
            }
        }
    }

    fn work(self: Arc<Self>) {
        let thread: Arc<str> = std::thread::current().name().unwrap_or("tidemill-worker").into();
        let mut state = self.lock();
        while !state.stopped {
            if !state.aftermath.is_empty() {
                self.release(state);
                state = self.lock();
                continue;
            }
            if let Some(unmerged) = state.merges.next() {
                let Some(held) = self.merge(state, unmerged, &thread) else { return };
                state = held;
                self.tell_watchers(&state);
                continue;
            }
            let Some(task) = state.queue.pop_front() else {
                state.idle += 1;
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                continue;
            };
            let (work, cx) = match self.prepare(&mut state, task, &thread) {
                Ok(prepared) => prepared,
                Err(event) => {
                    self.tell(&mut state, *event);
                    continue;
                }
            };
            self.wake_workers(state);
            let (report, operator) = execute(work, &cx);
            state = self.lock();
            let Some(running) = state.running.remove(&task) else {
                // This thread was given up, and another works in its place.
                state.given_up.remove(&task);
                state.aftermath.refused.extend(report);
                return self.release(state);
            };
            self.news.task_ended(task, running.started, report.as_ref().err());
            match report {
                Ok(report) if !report.updates.is_empty() && state.scheduler.awaits(task) => {
                    state.merges.add(Unmerged { task, report, running });
                    self.tell(&mut state, Event::Returned(task));
                }
                report => self.report(&mut state, task, report, operator),
            }
            self.tell_watchers(&state);
        }
        state.alive -= 1;
        self.ended.notify_all();
        self.release(state);
    }

    fn tell_watchers(&self, state: &State) {
        if state.watchers > 0 {
            self.ended.notify_all();
        }
    }

    /// What a task runs, or why it cannot.
    fn prepare(
        &self,
        state: &mut State,
        task: Task,
        thread: &Arc<str>,
    ) -> Result<(Work, Arc<TaskContext>), Box<Event>> {
        let (Some(stage), Some(job)) = (state.stages.get(&task.stage), state.jobs.get(&task.job)) else {
            return Err(Box::new(Event::Gone(task))); // its job ended while it was queued; another may want it
        };
        let unknown = || {
            let cause = Cause::Invalid("the lineage that the task belongs to is gone".into());
            Box::new(Event::Failed(task, Failure { cause, operator: None }))
        };
        let (work, partition) = match stage.writes {
            Some(shuffle) => {
                let side = state.sides.get(&shuffle).and_then(Weak::upgrade);
                (Work::Map(side.ok_or_else(unknown)?), task.partition)
            }
            None => {
                let partition = job.partitions.get(task.partition as usize).copied();
                (Work::Result(Arc::clone(&job.result)), partition.ok_or_else(unknown)?)
            }
        };
        let (environment, properties) = (Arc::clone(&self.environment), Arc::clone(&job.properties));
        let cx = TaskContext::new(task, partition as usize, environment, properties);
        let cx = cx.driven_by(job.epoch, Weak::clone(&self.me) as Weak<dyn Coordinator>);
        let cx = Arc::new(cx.taking(state.scheduler.takes(task)));
        let started = self.news.monotonic();
        state.running.insert(task, Running { cx: Arc::clone(&cx), started, thread: Arc::clone(thread), merges: false });
        self.news.task_started(task);
        Ok((work, cx))
    }

    /// Takes in a report whose updates are merged, or why there is none.
    pub(super) fn report(
        &self,
        state: &mut State,
        task: Task,
        report: Result<TaskReport, Stop>,
        operator: Option<Operator>,
    ) {
        let event = match report {
            Ok(report) if !state.scheduler.awaits(task) => {
                state.aftermath.refused.push(report);
                Event::Done(task) // not accepted, but if it was to commit, it has
            }
            Ok(report) => {
                self.accept(state, task, report.output);
                Event::Done(task)
            }
            Err(Stop::Cancelled) => Event::Gone(task),
            Err(Stop::Lost(block)) => Event::Lost(task, block),
            Err(Stop::Failed(cause)) => Event::Failed(task, Failure { cause, operator }),
        };
        self.tell(state, event);
    }

    /// Makes visible what the first report of a partition brings.
    fn accept(&self, state: &State, task: Task, output: TaskOutput) {
        match output {
            TaskOutput::Map(output) => self.environment.store.put_map_output(output),
            TaskOutput::Result(output) => {
                if let Some(job) = state.jobs.get(&task.job) {
                    job.results.push(task.partition as usize, output);
                }
            }
        }
    }
}

/// Runs a task. After a failure, the operator whose code ran. A lineage that ends here is dropped here, without the lock.
fn execute(work: Work, cx: &Arc<TaskContext>) -> (Result<TaskReport, Stop>, Option<Operator>) {
    let output = cx.run_caught(|| {
        cx.check()?;
        Ok(match &work {
            Work::Map(side) => TaskOutput::Map(side.run(cx)?),
            Work::Result(side) => TaskOutput::Result(side.run(cx)?),
        })
    });
    let report = output.map(|output| TaskReport { output, updates: cx.take_updates() });
    let operator = matches!(report, Err(Stop::Failed(_))).then(|| work.operator_at_fault(cx)).flatten();
    drop_safely(work);
    (report, operator)
}

/// Drops what belongs to users: a destructor that panics must not take the thread, and so a slot, with it.
pub(super) fn drop_safely<T>(value: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(move || drop(value))) {
        tracing::error!(error = %Cause::panic(&*panic), "A destructor panicked.");
    }
}

impl Work {
    fn operator_at_fault(&self, cx: &TaskContext) -> Option<Operator> {
        match self {
            Work::Map(side) => side.operator_at_fault(cx),
            Work::Result(side) => side.operator_at_fault(cx),
        }
    }
}

//! A worker: takes a task, runs it and hands in its report, over and over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};

use super::{Running, Shared, State};
use crate::exchange::MapSide;
use crate::job::ResultSide;
use crate::lineage::{Operator, operator_of};
use crate::scheduler::{Event, Failure};
use crate::task::{Coordinator, END_OF_STAGE, Task, TaskContext, TaskOutput, TaskReport};
use crate::{Cause, RddId, Stop};

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
            self.report(&mut state, task, report, operator);
            if state.watchers > 0 {
                self.ended.notify_all();
            }
        }
        state.alive -= 1;
        self.ended.notify_all();
        self.release(state);
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
        state.running.insert(task, Running { cx: Arc::clone(&cx), started, thread: Arc::clone(thread) });
        self.news.task_started(task);
        Ok((work, cx))
    }

    fn report(&self, state: &mut State, task: Task, report: Result<TaskReport, Stop>, operator: Option<Operator>) {
        let event = match report {
            Ok(report) if !state.scheduler.awaits(task) => {
                state.aftermath.refused.push(report);
                Event::Done(task) // not accepted, but if it was to commit, it has
            }
            Ok(report) => match self.accept(state, task, report) {
                Ok(()) => Event::Done(task),
                Err(failure) => Event::Failed(task, failure),
            },
            Err(Stop::Cancelled) => Event::Gone(task),
            Err(Stop::Lost(block)) => Event::Lost(task, block),
            Err(Stop::Failed(cause)) => Event::Failed(task, Failure { cause, operator }),
        };
        self.tell(state, event);
    }

    /// Makes visible what the first report of a partition brings.
    fn accept(&self, state: &State, task: Task, report: TaskReport) -> Result<(), Failure> {
        self.environment.accumulators.merge(report.updates)?;
        match report.output {
            TaskOutput::Map(output) => self.environment.store.put_map_output(output),
            TaskOutput::Result(output) => {
                if let Some(job) = state.jobs.get(&task.job) {
                    job.results.push(task.partition as usize, output);
                }
            }
        }
        Ok(())
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
    let operator = matches!(report, Err(Stop::Failed(_))).then(|| work.operator(cx.entered())).flatten();
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
    /// Whose code ran when `entered` was the last node that was entered. None is named for an action: its job is.
    fn operator(&self, entered: RddId) -> Option<Operator> {
        match self {
            Work::Map(side) if entered == END_OF_STAGE => Some(side.operator().clone()),
            Work::Map(side) => operator_of(side.lineage(), entered),
            Work::Result(side) => operator_of(side.lineage(), entered),
        }
    }
}

//! The backend of `local[N]`: worker threads around the pure scheduler.
//!
//! Whoever has news - a worker with a report, a caller with a job - takes the lock, tells the scheduler, performs its
//! actions and goes on: there is no scheduler thread to wake. Workers without work park.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::backend::{Backend, News};
use crate::environment::Environment;
use crate::exchange::MapSide;
use crate::job::{Cancel, Job, JobHandle, JobResults, ResultSide};
use crate::lineage::{Lineage, Operator, operator_of};
use crate::scheduler::{Action, Event, Failure, Limits, Outcome, PlannedStage, Scheduler, SchedulingMode, Submission};
use crate::stage::cut;
use crate::task::{JobId, Properties, StageId, Task, TaskContext, TaskOutput, TaskReport};
use crate::{ShuffleId, Stop};

mod stuck;

/// The property that names a job's pool under fair scheduling, as in Spark.
const POOL_PROPERTY: &str = "spark.scheduler.pool";

/// What a local backend is told.
pub struct LocalSettings {
    /// How many tasks run at a time.
    pub threads: usize,
    /// Whose turn it is.
    pub mode: SchedulingMode,
    /// How often things may go wrong.
    pub limits: Limits,
    /// How long a task may run on after nobody needs it, before its thread is given up.
    pub stuck_after: Duration,
}

/// Runs tasks on threads of this process.
pub struct LocalBackend {
    shared: Arc<Shared>,
}

struct Shared {
    me: Weak<Shared>,
    environment: Arc<Environment>,
    news: News,
    stuck_after: Duration,
    state: Mutex<State>,
    /// Workers wait here for tasks.
    work: Condvar,
    /// Signalled when a task or a thread ends; `stop` and the watch over cancelled tasks wait here.
    ended: Condvar,
    /// Counts the threads ever started, for their names.
    threads: AtomicU64,
}

struct State {
    scheduler: Scheduler,
    queue: VecDeque<Task>,
    running: HashMap<Task, Running>,
    jobs: HashMap<JobId, ActiveJob>,
    sides: HashMap<ShuffleId, Weak<dyn MapSide>>,
    stages: HashMap<StageId, StartedStage>,
    actions: Vec<Action>,
    abandoned: Vec<Task>,
    /// Jobs that are over. Their lineages are dropped outside the lock, as values that functions captured may call back and
    /// may be large; and before their callers are answered, who then find what they dropped gone.
    over: Vec<(ActiveJob, Outcome)>,
    idle: usize,
    alive: usize,
    stopped: bool,
}

#[derive(Clone, Copy)]
struct StartedStage {
    job: JobId,
    writes: Option<ShuffleId>,
}

struct Running {
    cx: Arc<TaskContext>,
    started: Duration,
    thread: String,
}

struct ActiveJob {
    operator: Operator,
    result: Arc<dyn ResultSide>,
    partitions: Vec<u32>,
    properties: Arc<Properties>,
    results: JobResults,
}

/// What one task runs.
enum Work {
    Map(Arc<dyn MapSide>),
    Result(Arc<dyn ResultSide>),
}

impl LocalBackend {
    /// Starts the threads.
    pub fn new(settings: LocalSettings, environment: Arc<Environment>, news: News) -> LocalBackend {
        let state = State {
            scheduler: Scheduler::new(settings.threads, settings.mode, settings.limits),
            queue: VecDeque::new(),
            running: HashMap::new(),
            jobs: HashMap::new(),
            sides: HashMap::new(),
            stages: HashMap::new(),
            actions: Vec::new(),
            abandoned: Vec::new(),
            over: Vec::new(),
            idle: 0,
            alive: 0,
            stopped: false,
        };
        let shared = Arc::new_cyclic(|me| Shared {
            me: Weak::clone(me),
            environment,
            news,
            stuck_after: settings.stuck_after,
            state: Mutex::new(state),
            work: Condvar::new(),
            ended: Condvar::new(),
            threads: AtomicU64::new(0),
        });
        for _ in 0..settings.threads {
            shared.start_worker(&mut shared.lock());
        }
        LocalBackend { shared }
    }
}

impl Cancel for Shared {
    fn cancel(&self, job: JobId) {
        let mut state = self.lock();
        self.tell(&mut state, Event::Cancelled(job));
        Shared::unlock(state);
    }
}

impl Cancel for LocalBackend {
    fn cancel(&self, job: JobId) {
        self.shared.cancel(job);
    }
}

impl Backend for LocalBackend {
    fn submit(&self, job: Job) -> JobHandle {
        let shared = &self.shared;
        let canceller: Weak<dyn Cancel> = Arc::downgrade(&(Arc::clone(shared) as Arc<dyn Cancel>));
        let (handle, results) = JobHandle::new(job.id, canceller);
        let mut state = shared.lock();
        for shuffle in shared.environment.take_forgotten() {
            state.sides.remove(&shuffle);
            shared.tell(&mut state, Event::Forgotten(shuffle));
        }
        if state.stopped {
            drop(state);
            results.finish(Outcome::Cancelled);
            return handle;
        }
        let (plan, sides) = cut(job.result.lineage(), |shuffle| state.scheduler.is_written(shuffle));
        for (shuffle, side) in &sides {
            state.sides.insert(*shuffle, Arc::downgrade(side));
        }
        let Job { id, operator, result, partitions, properties, barrier } = job;
        let pool = properties.get(POOL_PROPERTY).cloned().unwrap_or_default();
        let submission = Submission { job: id, plan, results: partitions.len() as u32, pool, barrier };
        state.jobs.insert(id, ActiveJob { operator, result, partitions, properties, results });
        shared.tell(&mut state, Event::Submitted(submission));
        Shared::unlock(state);
        handle
    }

    fn slots(&self) -> usize {
        self.shared.lock().scheduler.slots()
    }

    fn is_written(&self, shuffle: ShuffleId) -> bool {
        self.shared.lock().scheduler.is_written(shuffle)
    }

    fn active_jobs(&self) -> Vec<JobId> {
        self.shared.lock().jobs.keys().copied().collect()
    }

    fn stop(&self, limit: Duration) -> Vec<String> {
        self.shared.stop(limit)
    }
}

impl Drop for LocalBackend {
    fn drop(&mut self) {
        self.shared.stop(Duration::ZERO);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the lock back, and ends the jobs that are over. Whoever may have finished one gives the lock back so.
    fn unlock(mut state: MutexGuard<'_, State>) {
        let over = std::mem::take(&mut state.over);
        drop(state);
        for (ActiveJob { result, results, .. }, outcome) in over {
            if catch_unwind(AssertUnwindSafe(|| drop(result))).is_err() {
                tracing::warn!("A value that a function had captured panicked when it was dropped.");
            }
            results.finish(outcome);
        }
    }

    fn start_worker(&self, state: &mut State) {
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
        let thread = std::thread::current().name().unwrap_or("tidemill-worker").to_string();
        let mut state = self.lock();
        while !state.stopped {
            let Some(task) = state.queue.pop_front() else {
                state.idle += 1;
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                continue;
            };
            let Some((work, cx)) = self.prepare(&mut state, task, &thread) else {
                self.tell(&mut state, Event::Gone(task));
                continue;
            };
            drop(state);
            let (report, entered) = execute(work, &cx);
            state = self.lock();
            let Some(running) = state.running.remove(&task) else {
                return; // this thread was given up, and another works in its place
            };
            self.news.task_ended(task, running.started, report.as_ref().err());
            self.report(&mut state, task, report, entered);
            self.ended.notify_all();
            if !state.over.is_empty() {
                Shared::unlock(state);
                state = self.lock();
            }
        }
        state.alive -= 1;
        drop(state);
        self.ended.notify_all();
    }

    fn prepare(&self, state: &mut State, task: Task, thread: &str) -> Option<(Work, Arc<TaskContext>)> {
        let shuffle = state.stages.get(&task.stage)?.writes;
        let job = state.jobs.get(&task.job)?;
        let (work, partition) = match shuffle {
            Some(shuffle) => (Work::Map(state.sides.get(&shuffle)?.upgrade()?), task.partition),
            None => (Work::Result(Arc::clone(&job.result)), *job.partitions.get(task.partition as usize)?),
        };
        let (environment, properties) = (Arc::clone(&self.environment), Arc::clone(&job.properties));
        let cx = Arc::new(TaskContext::new(task, partition as usize, environment, properties));
        state
            .running
            .insert(task, Running { cx: Arc::clone(&cx), started: self.news.monotonic(), thread: thread.to_string() });
        self.news.task_started(task);
        Some((work, cx))
    }

    fn report(&self, state: &mut State, task: Task, report: Result<TaskReport, Stop>, operator: Option<Operator>) {
        let event = match report {
            Ok(report) => {
                let mut actions = std::mem::take(&mut state.actions);
                state.scheduler.on(Event::Done(task), &mut actions);
                let accepted = matches!(actions.first(), Some(Action::Accept(_)));
                if accepted {
                    self.accept(state, task, report);
                }
                self.perform(state, actions);
                return;
            }
            Err(Stop::Cancelled) => Event::Gone(task),
            Err(Stop::Lost(block)) => Event::Lost(task, block),
            Err(Stop::Failed(cause)) => Event::Failed(task, Failure { cause, operator }),
        };
        self.tell(state, event);
    }

    /// Makes visible what the first report of a partition brings.
    fn accept(&self, state: &mut State, task: Task, report: TaskReport) {
        self.environment.accumulators.merge(report.updates);
        match report.output {
            TaskOutput::Map(output) => self.environment.store.put_map_output(output),
            TaskOutput::Result(output) => {
                if let Some(job) = state.jobs.get(&task.job) {
                    job.results.push(task.partition as usize, output);
                }
            }
        }
    }

    fn tell(&self, state: &mut State, event: Event) {
        let mut actions = std::mem::take(&mut state.actions);
        state.scheduler.on(event, &mut actions);
        self.perform(state, actions);
    }

    fn perform(&self, state: &mut State, mut actions: Vec<Action>) {
        for action in actions.drain(..) {
            match action {
                Action::Accept(_) => {} // done where the report is
                Action::Launch(task) => state.queue.push_back(task),
                Action::Abandon(task) => {
                    if let Some(running) = state.running.get(&task) {
                        running.cx.cancel();
                        state.abandoned.push(task);
                    }
                }
                Action::StageStarted { stage, job, shuffle, tasks } => {
                    state.stages.insert(stage, StartedStage { job, writes: shuffle });
                    self.news.stage_submitted(job, stage, tasks, || stage_name(state, job, shuffle));
                }
                Action::Planned { job, stages } => {
                    if let Some(planned) = state.jobs.get(&job) {
                        let name = |stage: &PlannedStage| stage_name(state, job, stage.shuffle);
                        self.news.job_started(job, &planned.operator, &planned.properties, &stages, name);
                    }
                }
                Action::StageEnded { stage, end } => {
                    if let Some(started) = state.stages.remove(&stage) {
                        self.news.stage_completed(started.job, stage, end);
                    }
                }
                Action::Finished { job, outcome } => self.finish(state, job, outcome),
            }
        }
        state.actions = actions;
        self.watch_abandoned(state);
        for _ in 0..state.queue.len().min(state.idle) {
            self.work.notify_one();
        }
    }

    fn finish(&self, state: &mut State, id: JobId, outcome: Outcome) {
        let Some(job) = state.jobs.remove(&id) else { return };
        self.news.job_ended(id, &outcome);
        state.over.push((job, outcome));
    }
}

fn stage_name(state: &State, job: JobId, shuffle: Option<ShuffleId>) -> String {
    let side = shuffle.and_then(|shuffle| state.sides.get(&shuffle)).and_then(Weak::upgrade);
    match (side, state.jobs.get(&job)) {
        (Some(side), _) => side.operator().to_string(),
        (None, Some(job)) => job.operator.to_string(),
        (None, None) => String::new(),
    }
}

/// Runs a task and drops its share of the lineage; with a failure comes the operator whose code ran.
fn execute(work: Work, cx: &Arc<TaskContext>) -> (Result<TaskReport, Stop>, Option<Operator>) {
    let output = cx.run_caught(|| {
        cx.check()?;
        Ok(match &work {
            Work::Map(side) => TaskOutput::Map(side.run(cx)?),
            Work::Result(side) => TaskOutput::Result(side.run(cx)?),
        })
    });
    let operator = matches!(output, Err(Stop::Failed(_))).then(|| operator_of(work.lineage(), cx.entered())).flatten();
    // Captured values are the user's, and so is what happens when they are dropped.
    let output = cx.run_caught(|| {
        drop(work);
        output
    });
    (output.map(|output| TaskReport { output, updates: cx.take_updates() }), operator)
}

impl Work {
    fn lineage(&self) -> Arc<dyn Lineage> {
        match self {
            Work::Map(side) => side.lineage(),
            Work::Result(side) => side.lineage(),
        }
    }
}

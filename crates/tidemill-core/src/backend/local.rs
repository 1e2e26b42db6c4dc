//! The backend of `local[N]`: worker threads around the pure scheduler.
//!
//! Whoever has news - a worker with a report, a caller with a job - takes the lock, tells the scheduler, performs its
//! actions and goes on: there is no scheduler thread to wake. Workers without work park.
//!
//! No code of users runs under the lock, not even a destructor: what is to be dropped waits in `Aftermath` until the lock
//! is free, and what is to be merged into accumulators in `Merges`. A closure may hold the last clone of a context, whose
//! end takes the lock.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::ShuffleId;
use crate::backend::{Backend, News};
use crate::environment::Environment;
use crate::exchange::MapSide;
use crate::job::{Cancel, Job, JobHandle, JobResults, ResultSide};
use crate::lineage::Operator;
use crate::scheduler::{Action, Event, Limits, Outcome, PlannedStage, Scheduler, SchedulingMode, Submission};
use crate::stage::{Sides, cut};
use crate::task::{Coordinator, JobId, Permission, Properties, StageId, Task, TaskContext, TaskReport};

mod merge;
mod stuck;
mod worker;

#[cfg(test)]
mod tests;

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
    /// The threads that were given up and have not returned.
    given_up: HashMap<Task, Arc<str>>,
    /// How many threads were ever given up.
    replaced: u64,
    aftermath: Aftermath,
    merges: merge::Merges,
    idle: usize,
    alive: usize,
    /// How many threads wait for `ended`.
    watchers: usize,
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
    thread: Arc<str>,
    /// What it adds to accumulators is being merged: it holds its thread, but no slot.
    merges: bool,
}

struct ActiveJob {
    operator: Operator,
    result: Arc<dyn ResultSide>,
    /// Held so that all that the job was cut into can run, whatever becomes of its lineage meanwhile.
    sides: Sides,
    partitions: Vec<u32>,
    properties: Arc<Properties>,
    epoch: u64,
    results: JobResults,
}

/// What is left to do once the lock is free.
#[derive(Default)]
struct Aftermath {
    over: Vec<(ActiveJob, Outcome)>,
    refused: Vec<TaskReport>,
}

impl Aftermath {
    fn is_empty(&self) -> bool {
        self.over.is_empty() && self.refused.is_empty()
    }

    /// Drops what is not needed any more, then tells those who wait: when they hear of the end, nothing of the job is
    /// held here.
    fn see_to(self) {
        worker::drop_safely(self.refused);
        for (ActiveJob { result, sides, results, .. }, outcome) in self.over {
            worker::drop_safely((result, sides));
            results.finish(outcome);
        }
    }
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
            given_up: HashMap::new(),
            replaced: 0,
            aftermath: Aftermath::default(),
            merges: merge::Merges::default(),
            idle: 0,
            alive: 0,
            watchers: 0,
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
        self.release(state);
    }
}

impl Coordinator for Shared {
    fn may_commit(&self, task: Task) -> Permission {
        let mut state = self.lock();
        let permission = state.scheduler.may_commit(task);
        self.release(state);
        permission
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
            shared.release(state);
            results.finish(Outcome::Cancelled);
            return handle;
        }
        let (plan, sides) = cut(job.result.lineage(), |shuffle| state.scheduler.is_written(shuffle));
        for (shuffle, side) in &sides {
            state.sides.insert(*shuffle, Arc::downgrade(side));
        }
        let Job { id, operator, result, partitions, properties, epoch } = job;
        let pool = properties.get(POOL_PROPERTY).cloned().unwrap_or_default();
        let submission = Submission { job: id, plan, results: partitions.len() as u32, pool };
        state.jobs.insert(id, ActiveJob { operator, result, sides, partitions, properties, epoch, results });
        shared.tell(&mut state, Event::Submitted(submission));
        shared.release(state);
        handle
    }

    fn slots(&self) -> usize {
        self.shared.lock().scheduler.slots()
    }

    fn is_written(&self, shuffle: ShuffleId) -> bool {
        self.shared.lock().scheduler.is_written(shuffle)
    }

    fn threads_replaced(&self) -> u64 {
        self.shared.lock().replaced
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

    /// Gives up the lock and does what waits for that; every way out of it leads through here or [`Shared::wake_workers`].
    fn release(&self, mut state: MutexGuard<'_, State>) {
        let aftermath = std::mem::take(&mut state.aftermath);
        self.wake_workers(state);
        aftermath.see_to();
    }

    /// Gives up the lock and wakes as many workers as there are tasks. Not before: a woken worker would wait for the lock.
    fn wake_workers(&self, state: MutexGuard<'_, State>) {
        let wanted = state.queue.len().min(state.idle);
        drop(state);
        (0..wanted).for_each(|_| self.work.notify_one());
    }

    fn tell(&self, state: &mut State, event: Event) {
        let mut actions = std::mem::take(&mut state.actions);
        state.scheduler.on(event, &mut actions);
        self.perform(state, actions);
    }

    fn perform(&self, state: &mut State, mut actions: Vec<Action>) {
        let mut never_started = Vec::new();
        for action in actions.drain(..) {
            match action {
                Action::Accept(_) => {} // done where the report is
                Action::Launch(task) => state.queue.push_back(task),
                Action::Abandon(task) => match state.running.get(&task) {
                    Some(running) => {
                        running.cx.cancel();
                        state.abandoned.push(task);
                    }
                    None => never_started.push(task),
                },
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
        state.queue.retain(|task| !never_started.contains(task));
        for task in never_started {
            self.tell(state, Event::Gone(task));
        }
        self.watch_abandoned(state);
    }

    fn finish(&self, state: &mut State, id: JobId, outcome: Outcome) {
        let Some(job) = state.jobs.remove(&id) else { return };
        self.news.job_ended(id, &outcome);
        state.aftermath.over.push((job, outcome));
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

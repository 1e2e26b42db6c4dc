//! `Context`: the entry. It makes RDDs and runs their jobs; Spark's `SparkContext`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::ops::AddAssign;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::accumulator::Accumulator;
use crate::backend::{Backend, LocalBackend, LocalSettings, News};
use crate::broadcast::Broadcast;
use crate::clock::{Clock, SystemClock};
use crate::environment::Environment;
use crate::error::Error;
use crate::event::{ConsoleProgress, EventBus};
use crate::hash::HashSeed;
use crate::job::{Job, JobHandle, Output, ResultSide};
use crate::layout::Layout;
use crate::lineage::{Meta, Operator};
use crate::memory::Memory;
use crate::scheduler::{Limits, Outcome, SchedulingMode};
use crate::service::{Service, ServiceHandle};
use crate::settings::{Config, Settings, keys};
use crate::spill::SpillDir;
use crate::task::{JobId, Properties};
use crate::{Element, Key, RddId, ShuffleId};

mod checkpoints;
mod groups;
mod tags;

pub(crate) use groups::{DESCRIPTION_PROPERTY, GROUP_PROPERTY};

/// The entry to the engine: makes RDDs, runs their jobs. Cloning it clones a pointer; the last clone stops it.
///
/// A process may have any number of them.
///
/// ```
/// use tidemill_core::{Context, Settings};
///
/// let mut settings = Settings::new();
/// settings.set("spark.master", "local[2]").set("spark.app.name", "first steps");
/// let context = Context::new(&settings)?;
/// assert_eq!(context.parallelize(1..=10, 4).filter(|x| x % 2 == 0).count()?, 5);
/// # Ok::<(), tidemill_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

struct Inner {
    /// Tells the contexts of this process apart.
    id: u64,
    config: Config,
    backend: Box<dyn Backend>,
    environment: Arc<Environment>,
    clock: Arc<dyn Clock>,
    bus: Arc<EventBus>,
    started: crate::Timestamp,
    next_rdd: AtomicU64,
    next_shuffle: AtomicU64,
    next_job: AtomicU64,
    next_shared: AtomicU64,
    epoch: AtomicU64,
    stopped: AtomicBool,
    checkpoints: Mutex<Option<PathBuf>>,
    active: Mutex<HashMap<JobId, ActiveJob>>,
}

/// A job that is not known to be over.
struct ActiveJob {
    properties: Arc<Properties>,
    /// None while it is being submitted: its first task may run before its handle is here.
    handle: Option<JobHandle>,
    /// Cancelled while it was being submitted.
    cancelled: bool,
}

thread_local! {
    /// The local properties of this thread, for each context by its id.
    static PROPERTIES: RefCell<HashMap<u64, Arc<Properties>>> = RefCell::default();
}

impl Context {
    /// A context as the settings say; without `spark.master` it runs on all cores of this machine.
    pub fn new(settings: &Settings) -> Result<Context, Error> {
        Context::with_clock(settings, Arc::new(SystemClock::new()))
    }

    /// A context of `threads` threads and default settings.
    pub fn local(threads: usize) -> Result<Context, Error> {
        let mut settings = Settings::new();
        settings.set("spark.master", format!("local[{threads}]"));
        Context::new(&settings)
    }

    /// A context whose time is `clock`'s: for tests.
    pub fn with_clock(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Context, Error> {
        // Before the settings are looked at: what is wrong with them is told in the log.
        crate::log::init();
        let config = Config::resolve(settings)?;
        let bus = Arc::new(EventBus::new(config.get(keys::EVENT_QUEUE_LIMIT)));
        let environment = Context::environment_of(&config);
        let news = News::new(Arc::clone(&bus), Arc::clone(&clock));
        let backend = LocalBackend::new(local_settings(&config), Arc::clone(&environment), news);
        Ok(Context::assemble(config, Box::new(backend), environment, clock, bus))
    }

    /// A context on a backend of one's own, which shares `environment` with it.
    pub fn with_backend(
        settings: &Settings,
        backend: impl FnOnce(&Config, &Arc<Environment>) -> Box<dyn Backend>,
    ) -> Result<Context, Error> {
        crate::log::init();
        let config = Config::resolve(settings)?;
        let environment = Context::environment_of(&config);
        let backend = backend(&config, &environment);
        let bus = Arc::new(EventBus::new(config.get(keys::EVENT_QUEUE_LIMIT)));
        Ok(Context::assemble(config, backend, environment, Arc::new(SystemClock::new()), bus))
    }

    fn environment_of(config: &Config) -> Arc<Environment> {
        let spill = SpillDir::across(config.local_dirs());
        Environment::new(Memory::new(config.memory()), spill, HashSeed::new(config.hash_seed()))
    }

    fn assemble(
        config: Config,
        backend: Box<dyn Backend>,
        environment: Arc<Environment>,
        clock: Arc<dyn Clock>,
        bus: Arc<EventBus>,
    ) -> Context {
        if let Some(level) = config.get(keys::LOG_LEVEL) {
            crate::log::set(level);
        }
        if let Some(progress) = ConsoleProgress::on_terminal(&config, Arc::clone(&clock))
            && let Err(error) = bus.add("progress", progress)
        {
            tracing::warn!(%error, "The progress of jobs cannot be shown.");
        }
        static CONTEXTS: AtomicU64 = AtomicU64::new(0);
        let inner = Inner {
            id: CONTEXTS.fetch_add(1, Ordering::Relaxed),
            config,
            backend,
            environment,
            started: clock.now(),
            clock,
            bus,
            next_rdd: AtomicU64::new(0),
            next_shuffle: AtomicU64::new(0),
            next_job: AtomicU64::new(0),
            next_shared: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            checkpoints: Mutex::default(),
            active: Mutex::default(),
        };
        Context { inner: Arc::new(inner) }
    }

    /// The settings, resolved.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// How many partitions there are where nobody says otherwise: `spark.default.parallelism`, else the threads of
    /// `local[N]` (behaviour 4.54).
    pub fn default_parallelism(&self) -> usize {
        self.inner.config.default_parallelism()
    }

    /// The clock that all timing goes by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// When it was made: Spark's `startTime`.
    pub fn start_time(&self) -> crate::Timestamp {
        self.inner.started
    }

    /// What all tasks share: for sources and sinks of other crates.
    pub fn environment(&self) -> &Arc<Environment> {
        &self.inner.environment
    }

    /// Where listeners are added.
    pub fn events(&self) -> &EventBus {
        &self.inner.bus
    }

    /// A value that every task may read.
    ///
    /// See [`Broadcast`] for an example.
    pub fn broadcast<T: Element>(&self, value: T) -> Broadcast<T> {
        Broadcast::new(self.next_shared(), value)
    }

    /// A value that tasks add to; `merge` adds to its first argument, and starts from `zero` in each task.
    ///
    /// See [`Accumulator`] for an example.
    #[track_caller]
    pub fn accumulator<V: Element>(&self, zero: V, merge: fn(&mut V, V)) -> Accumulator<V> {
        let id = self.next_shared();
        Accumulator::new(id, Operator::here("accumulator"), zero, merge, &self.inner.environment.accumulators)
    }

    /// Starts what is long-lived and takes no task slot, as a receiver; on the executor called `home` if there is one.
    ///
    /// # Errors
    /// What keeps it from starting, like a thread that cannot be had.
    pub fn start_service(&self, service: Arc<dyn Service>, home: Option<&str>) -> io::Result<ServiceHandle> {
        self.inner.backend.start_service(service, home)
    }

    /// An accumulator that sums up: Spark's `longAccumulator` and `doubleAccumulator`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let odd = context.counter::<u64>();
    /// let counter = odd.clone();
    /// context.parallelize(0..5, 2).foreach(move |x| counter.add(x % 2))?;
    /// assert_eq!(odd.value(), 2);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    pub fn counter<V: Element + Default + AddAssign>(&self) -> Accumulator<V> {
        self.accumulator(V::default(), |sum, more| *sum += more)
    }

    /// Stops all jobs and threads; more calls do nothing. Waits for user code that does not return no longer than
    /// `tidemill.stop.timeout`, and then names the threads that it left behind in a warning.
    pub fn stop(&self) {
        if self.inner.stopped.swap(true, Ordering::SeqCst) {
            return;
        }
        let limit = self.inner.config.get(keys::STOP_TIMEOUT);
        let stuck = self.inner.backend.stop(limit);
        if !stuck.is_empty() {
            let threads = stuck.join(", ");
            tracing::warn!(threads, "User code does not return; its threads are left behind.");
        }
        self.inner.bus.stop(limit);
    }

    /// How many threads were given up, and replaced, because user code on them did not return.
    pub fn threads_replaced(&self) -> u64 {
        self.inner.backend.threads_replaced()
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.inner.stopped.load(Ordering::SeqCst)
    }

    /// The number by which this driver is told from those before it: see [`set_epoch`](Context::set_epoch).
    pub fn epoch(&self) -> u64 {
        self.inner.epoch.load(Ordering::SeqCst)
    }

    /// Sets the epoch that the tasks of later jobs carry ([`TaskContext::epoch`](crate::TaskContext::epoch)); 0 at first.
    ///
    /// A driver that takes over from another one has a larger epoch, so that a sink can refuse what the earlier one commits
    /// when it wakes up late.
    pub fn set_epoch(&self, epoch: u64) {
        self.inner.epoch.store(epoch, Ordering::SeqCst);
    }

    /// Waits for a job's results, each with its place among its partitions.
    pub(crate) fn wait(
        &self,
        handle: &JobHandle,
        operator: &Operator,
    ) -> Result<impl IntoIterator<Item = (usize, Output)> + use<>, Error> {
        let (outcome, results) = handle.wait();
        self.active().remove(&handle.id());
        self.job_result(handle, operator, outcome)?;
        Ok(results)
    }

    /// Starts a job.
    pub(crate) fn submit(
        &self,
        operator: Operator,
        result: Arc<dyn ResultSide>,
        partitions: Vec<u32>,
    ) -> Result<JobHandle, Error> {
        if self.is_stopped() {
            return Err(Error::Stopped { action: operator });
        }
        let id = JobId(self.inner.next_job.fetch_add(1, Ordering::Relaxed));
        let properties = self.local_properties();
        let epoch = self.epoch();
        let job = Job { id, operator, result, partitions, properties: Arc::clone(&properties), epoch };
        self.active().insert(id, ActiveJob { properties, handle: None, cancelled: false });
        let handle = self.inner.backend.submit(job);
        let mut active = self.active();
        let cancelled = active.get(&id).is_some_and(|job| job.cancelled);
        if let Some(job) = active.get_mut(&id) {
            job.handle = Some(handle.clone());
        }
        let is_over = |job: &ActiveJob| job.handle.as_ref().is_some_and(|handle| handle.outcome().is_some());
        let over: Vec<ActiveJob> = active.extract_if(|_, job| is_over(job)).map(|(_, job)| job).collect();
        drop(active);
        drop(over); // with the results that nobody took
        if cancelled {
            handle.cancel();
        }
        Ok(handle)
    }

    /// An outcome as its caller sees it.
    pub(crate) fn job_result(&self, handle: &JobHandle, operator: &Operator, outcome: Outcome) -> Result<(), Error> {
        if matches!(outcome, Outcome::Cancelled) && self.is_stopped() {
            return Err(Error::Stopped { action: operator.clone() });
        }
        Error::of_outcome(handle.id().0, operator, outcome).map_or(Ok(()), Err)
    }

    /// What a new node of this context knows of itself.
    #[track_caller]
    pub fn meta(&self, name: &'static str, partitions: usize, layout: Option<Layout>) -> Meta {
        let id = RddId(self.inner.next_rdd.fetch_add(1, Ordering::Relaxed));
        Meta { id, operator: Operator::here(name), partitions, layout, depth: 0 }
    }

    pub(crate) fn next_shuffle(&self) -> ShuffleId {
        ShuffleId(self.inner.next_shuffle.fetch_add(1, Ordering::Relaxed))
    }

    /// Numbers broadcasts, accumulators and stateful operators.
    pub(crate) fn next_shared(&self) -> u64 {
        self.inner.next_shared.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn hash_layout<K: Key>(&self, partitions: usize) -> Layout {
        Layout::hash::<K>(self.inner.environment.seed, partitions.max(1))
    }

    fn active(&self) -> MutexGuard<'_, HashMap<JobId, ActiveJob>> {
        self.inner.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id(&self) -> u64 {
        self.inner.id
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !*self.stopped.get_mut() {
            self.backend.stop(std::time::Duration::ZERO);
        }
    }
}

fn local_settings(config: &Config) -> LocalSettings {
    let mode = match config.get(keys::SCHEDULER_MODE) {
        crate::settings::SchedulerMode::Fifo => SchedulingMode::Fifo,
        crate::settings::SchedulerMode::Fair => SchedulingMode::Fair,
    };
    let task_failures_max = config.task_max_failures();
    let stage_losses_max = config.get(keys::STAGE_MAX_CONSECUTIVE_ATTEMPTS);
    let stuck_after = config.get(keys::TASK_STUCK_TIMEOUT);
    let limits = Limits { task_failures_max, stage_losses_max };
    LocalSettings { threads: config.master().threads, mode, limits, stuck_after }
}

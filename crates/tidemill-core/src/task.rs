//! Tasks: what a worker is told, what it may ask while it works, and what it reports.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::environment::Environment;
use crate::exchange::MapOutput;
use crate::memory::{Grant, Pool};
use crate::{Cause, RddId, ShuffleId, Stop};

pub(crate) mod blame;
mod commit;

pub use commit::{Coordinator, Permission};

/// Stands for the end of a task's own stage, which is no node of its lineage: the action, or the operator that asked for
/// the shuffle. `MapSide::operator_at_fault` and that of `ResultSide` know whose it is.
pub(crate) const END_OF_STAGE: RddId = RddId(u64::MAX);

/// Names a job within its context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Names a stage within its scheduler. Numbers of different kinds do not mix:
///
/// ```compile_fail,E0308
/// use tidemill_core::task::{JobId, StageId};
/// let stage: StageId = JobId(1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageId(pub u64);

/// One try at one partition of a stage: plain data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Task {
    /// The job for which it was started first; another may wait for the same stage.
    pub job: JobId,
    /// Its stage.
    pub stage: StageId,
    /// Its place among the stage's tasks.
    pub partition: u32,
    /// Counts the tries, from 0.
    pub attempt: u32,
}

/// The properties of a job, as set by `Context::set_local_property`.
pub type Properties = BTreeMap<String, String>;

/// What a running task knows: Spark's `TaskContext`.
pub struct TaskContext {
    task: Task,
    partition: usize,
    environment: Arc<Environment>,
    properties: Arc<Properties>,
    /// The shuffles whose chunks it takes.
    takes: Vec<ShuffleId>,
    epoch: u64,
    /// Who says whether it may commit.
    coordinator: Option<Weak<dyn Coordinator>>,
    cancelled: AtomicBool,
    operator: AtomicU64,
    updates: Mutex<Vec<(u64, Update)>>,
    /// The account for what the task will bring to the driver.
    brought: Mutex<Option<Grant>>,
}

/// What a task adds to one accumulator.
pub(crate) type Update = Box<dyn Any + Send>;

impl TaskContext {
    /// The context of `task`, which computes `partition` of its stage's last RDD.
    pub fn new(
        task: Task,
        partition: usize,
        environment: Arc<Environment>,
        properties: Arc<Properties>,
    ) -> TaskContext {
        TaskContext {
            task,
            partition,
            environment,
            properties,
            takes: Vec::new(),
            epoch: 0,
            coordinator: None,
            cancelled: AtomicBool::new(false),
            operator: AtomicU64::new(END_OF_STAGE.0),
            updates: Mutex::new(Vec::new()),
            brought: Mutex::new(None),
        }
    }

    /// The same, for a task that takes what it reads of `shuffles` instead of leaving it to others: nobody else reads it
    /// ([`Scheduler::takes`](crate::scheduler::Scheduler::takes)).
    pub fn taking(self, shuffles: Vec<ShuffleId>) -> TaskContext {
        TaskContext { takes: shuffles, ..self }
    }

    /// The same, for a task of a driver of this epoch that asks `coordinator` before it commits.
    pub fn driven_by(self, epoch: u64, coordinator: Weak<dyn Coordinator>) -> TaskContext {
        TaskContext { epoch, coordinator: Some(coordinator), ..self }
    }

    /// The context of the task that this thread runs, if it runs one.
    pub fn current() -> Option<Arc<TaskContext>> {
        CURRENT.with_borrow(|current| current.clone())
    }

    /// The task.
    pub fn task(&self) -> Task {
        self.task
    }

    /// The partition that the task computes.
    pub fn partition(&self) -> usize {
        self.partition
    }

    /// Counts the tries of this task, from 0.
    pub fn attempt(&self) -> u32 {
        self.task.attempt
    }

    /// Whether this attempt may make visible what it wrote: to be asked by tasks of sinks that have transactions of their
    /// own, when everything is written and before it is committed. What to do after which answer stands at [`Permission`].
    ///
    /// Tasks that write nothing outside need not ask: the driver accepts one report of each partition anyway.
    ///
    /// ```
    /// use tidemill_core::TaskContext;
    /// use tidemill_core::task::Permission;
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// context.set_epoch(3);
    /// context.range(0..10, 2).foreach_partition(|numbers| {
    ///     let sum: i64 = numbers.sum(); // written to a transaction
    ///     let cx = TaskContext::current().expect("this is a task");
    ///     match cx.may_commit() {
    ///         Permission::Granted => assert_eq!((cx.epoch(), sum), (3, [10, 35][cx.partition()])), // and committed
    ///         Permission::Committed { .. } => {} // and rolled back
    ///         Permission::Held { .. } | Permission::Over => panic!("another attempt may commit"),
    ///     }
    /// })?;
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    pub fn may_commit(&self) -> Permission {
        let coordinator = self.coordinator.as_ref().filter(|_| !self.is_cancelled()).and_then(Weak::upgrade);
        coordinator.map_or(Permission::Over, |coordinator| coordinator.may_commit(self.task))
    }

    /// The epoch of the driver that submitted the job: see [`Context::set_epoch`](crate::Context::set_epoch).
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// A property that was set when the job was submitted.
    pub fn local_property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    /// All properties that were set when the job was submitted.
    pub fn properties(&self) -> &Arc<Properties> {
        &self.properties
    }

    /// The store, the account of memory and the settings of this process.
    pub fn environment(&self) -> &Arc<Environment> {
        &self.environment
    }

    /// Whether the task takes what it reads of a shuffle.
    pub(crate) fn takes(&self, shuffle: ShuffleId) -> bool {
        self.takes.contains(&shuffle)
    }

    /// Asks the task to end; it does so when it next draws a run from a source.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the task was asked to end.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Ends a task that was asked to. Sources and shuffles call it once a run.
    #[inline]
    pub fn check(&self) -> Result<(), Stop> {
        if self.is_cancelled() { Err(Stop::Cancelled) } else { Ok(()) }
    }

    /// Says that user code of `node` runs next, so that a failure can name it. Operators call it once a run.
    #[inline]
    pub fn enter(&self, node: RddId) {
        self.operator.store(node.0, Ordering::Relaxed);
    }

    /// The node whose code ran last.
    pub fn entered(&self) -> RddId {
        RddId(self.operator.load(Ordering::Relaxed))
    }

    /// Adds to the accumulator `id` by `add`, which gets what this task added so far.
    pub(crate) fn update<V: Send + 'static>(&self, id: u64, zero: impl FnOnce() -> V, add: impl FnOnce(&mut V)) {
        let mut updates = self.updates.lock().unwrap_or_else(PoisonError::into_inner);
        if !updates.iter().any(|(known, _)| *known == id) {
            updates.push((id, Box::new(zero())));
        }
        let held = updates.iter_mut().find(|(known, _)| *known == id);
        if let Some(value) = held.and_then(|(_, value)| value.downcast_mut::<V>()) {
            add(value);
        }
    }

    /// What the task added to accumulators; it has added nothing afterwards.
    pub(crate) fn take_updates(&self) -> Vec<(u64, Update)> {
        std::mem::take(&mut *self.updates.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Accounts for `bytes` more that the task will bring to the driver; an error where more is on its way than may be.
    pub(crate) fn bring(&self, bytes: u64) -> Result<(), Stop> {
        let memory = &self.environment.memory;
        let mut brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner);
        // Past the limits, and of the pool alone: that other data fills the account is no reason to fail.
        brought.get_or_insert_with(|| memory.grant(Pool::Results)).grow_past(bytes);
        let (used, limit) = (memory.used(Pool::Results), memory.ceiling(Pool::Results));
        if used <= limit {
            return Ok(());
        }
        Err(Cause::Invalid(format!(
            "results of {used} bytes are on their way to the driver, and at most {limit} may be: raise {} (or \
             spark.driver.maxResultSize), or bring less, as by `reduce`, `take` or `save_as_text_file`",
            Pool::Results.setting()
        ))
        .into())
    }

    /// The account for what the task brings to the driver, to be held until it is there.
    pub(crate) fn take_brought(&self) -> Option<Grant> {
        self.brought.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Runs `work` as this task's code on this thread.
    pub fn run<R>(self: &Arc<Self>, work: impl FnOnce() -> R) -> R {
        struct Leave(Option<Arc<TaskContext>>);
        impl Drop for Leave {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        let _leave = Leave(CURRENT.replace(Some(Arc::clone(self))));
        work()
    }

    /// As [`run`](TaskContext::run), for a whole task: a panic is a failure like any other.
    pub fn run_caught<R>(self: &Arc<Self>, work: impl FnOnce() -> Result<R, Stop>) -> Result<R, Stop> {
        let ended = self.run(|| catch_unwind(AssertUnwindSafe(work)));
        ended.unwrap_or_else(|panic| Err(Cause::panic(&*panic).into()))
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<TaskContext>>> = const { RefCell::new(None) };
}

/// What a finished task hands in. The driver accepts the first report of each partition of a stage; nothing that a task
/// wrote is visible before.
pub struct TaskReport {
    /// What the task made.
    pub output: TaskOutput,
    /// What it added to accumulators.
    pub(crate) updates: Vec<(u64, Update)>,
}

/// What a task made.
pub enum TaskOutput {
    /// A result task's value.
    Result(Box<dyn Any + Send>),
    /// A map task's chunks.
    Map(MapOutput),
}

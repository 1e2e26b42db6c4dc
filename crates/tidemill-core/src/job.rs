//! Jobs: an action on an RDD as data, and the handle by which its results come.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::lineage::{Lineage, Operator, operator_of};
use crate::scheduler::Outcome;
use crate::ship::{Encoder, NotShippable};
use crate::stage::{Plan, Sides};
use crate::task::{JobId, Properties, TaskContext};
use crate::{Stop, Wake};

/// What a job makes of each partition of its RDD, untyped.
pub trait ResultSide: Send + Sync + 'static {
    /// What the result tasks compute.
    fn lineage(&self) -> Arc<dyn Lineage>;
    /// Runs one result task.
    fn run(&self, cx: &Arc<TaskContext>) -> Result<Output, Stop>;
    /// The operator whose code ran last in a task of this side. At the stage's end that is the action, which the job names:
    /// `None`.
    fn operator_at_fault(&self, cx: &TaskContext) -> Option<Operator> {
        operator_of(self.lineage(), cx.entered())
    }
    /// Writes this side and its lineage for another process, as the last entry of a table.
    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable>;
    /// A result of this side, encoded for another process.
    fn encode_output(&self, output: &Output) -> Result<Vec<u8>, Stop>;
    /// The other way round.
    fn decode_output(&self, bytes: &[u8]) -> Result<Output, Stop>;
}

/// The result of one partition, of a type that the action knows.
pub type Output = Box<dyn Any + Send>;

/// A job, as a backend gets it.
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The action, and where the user called it.
    pub operator: Operator,
    /// What is computed of each partition.
    pub result: Arc<dyn ResultSide>,
    /// The partitions asked for, in the order of the results.
    pub partitions: Vec<u32>,
    /// Local properties, the job group and the pool among them.
    pub properties: Arc<Properties>,
    /// The driver's epoch, for tasks that commit on their own.
    pub epoch: u64,
}

/// A job with its stages.
pub struct PlannedJob {
    /// The job.
    pub job: Job,
    /// Its stages.
    pub plan: Plan,
    /// Their map sides.
    pub sides: Sides,
}

/// Gives up jobs; what a handle knows of its backend.
pub trait Cancel: Send + Sync {
    /// Ends a job; its waiter is answered at once.
    fn cancel(&self, job: JobId);
}

/// A submitted job. Dropping the handle lets the job run on.
#[derive(Clone)]
pub struct JobHandle {
    id: JobId,
    shared: Arc<Shared>,
    backend: Weak<dyn Cancel>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Results that were not taken yet: at most one for each partition.
    results: VecDeque<(usize, Output)>,
    outcome: Option<Outcome>,
    streaming: bool,
    /// Called at the end.
    wakes: Vec<Wake>,
}

impl JobHandle {
    /// The handle of job `id` of `backend`, and the end at which the backend hands in results.
    pub fn new(id: JobId, backend: Weak<dyn Cancel>) -> (JobHandle, JobResults) {
        let shared = Arc::new(Shared::default());
        (JobHandle { id, shared: Arc::clone(&shared), backend }, JobResults { shared })
    }

    /// The job's id.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// Ends the job now. Its waiters get `Outcome::Cancelled`; running tasks end at their next run.
    pub fn cancel(&self) {
        if let Some(backend) = self.backend.upgrade() {
            backend.cancel(self.id);
        }
    }

    /// Waits for the job's end; then the results that were not taken yet, each with its place, in order of arrival. A wait
    /// that is [`interruptible`] cancels the job where it is interrupted.
    pub fn wait(&self) -> (Outcome, VecDeque<(usize, Output)>) {
        let interrupt = Interrupt::current();
        let mut state = self.shared.state();
        loop {
            if let Some(outcome) = state.outcome.clone() {
                return (outcome, std::mem::take(&mut state.results));
            }
            let Some(Interrupt { every, interrupted }) = &interrupt else {
                state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let (waited, time) =
                self.shared.changed.wait_timeout(state, *every).unwrap_or_else(PoisonError::into_inner);
            state = waited;
            if time.timed_out() && state.outcome.is_none() {
                drop(state);
                if interrupted() {
                    self.cancel();
                }
                state = self.shared.state();
            }
        }
    }

    /// The next result, as tasks hand them in; the outcome once there are no more.
    #[expect(clippy::result_large_err, reason = "the end comes once a job, and is taken apart at once")]
    pub fn next(&self) -> Result<(usize, Output), Outcome> {
        let mut state = self.shared.state();
        state.streaming = true;
        loop {
            if let Some(result) = state.results.pop_front() {
                return Ok(result);
            }
            if let Some(outcome) = state.outcome.clone() {
                return Err(outcome);
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The results that were not taken yet, each with its place, in order of arrival; and the outcome, if it is over.
    pub fn so_far(&self) -> (Option<Outcome>, VecDeque<(usize, Output)>) {
        let mut state = self.shared.state();
        (state.outcome.clone(), std::mem::take(&mut state.results))
    }

    /// Calls `wake` at the job's end; now, if it is over.
    pub fn wake_at_end(&self, wake: &Wake) {
        let mut state = self.shared.state();
        match state.outcome {
            Some(_) => wake.call(),
            None => state.wakes.push(wake.clone()),
        }
    }

    /// How the job ended, if it did.
    pub fn outcome(&self) -> Option<Outcome> {
        self.shared.state().outcome.clone()
    }
}

/// What the jobs that a thread waits for are interrupted by.
#[derive(Clone)]
pub(crate) struct Interrupt {
    /// How often it is asked.
    pub(crate) every: Duration,
    /// Whether it is time to end.
    pub(crate) interrupted: Rc<dyn Fn() -> bool>,
}

impl Interrupt {
    /// That of this thread.
    pub(crate) fn current() -> Option<Interrupt> {
        INTERRUPT.with_borrow(Option::clone)
    }
}

thread_local! {
    static INTERRUPT: RefCell<Option<Interrupt>> = const { RefCell::new(None) };
}

/// Asks `interrupted` in intervals while `work` waits for a job, and cancels the job where the answer is yes: how a
/// program's Ctrl-C ends a wait. `work` goes on with the job's error.
///
/// ```
/// use std::time::Duration;
/// use tidemill_core::job::interruptible;
///
/// let context = tidemill_core::Context::local(1)?;
/// let (go, gone) = std::sync::mpsc::sync_channel::<()>(0);
/// let gone = std::sync::Mutex::new(gone);
/// let waits = context.range(0..3, 1).map(move |x| gone.lock().map(|gone| gone.recv().map(|()| x)).is_ok());
/// let failed = interruptible(Duration::from_millis(1), || true, || waits.count()).unwrap_err();
/// assert!(failed.to_string().ends_with("was cancelled"));
/// drop(go);
/// # Ok::<(), tidemill_core::Error>(())
/// ```
pub fn interruptible<R>(every: Duration, interrupted: impl Fn() -> bool + 'static, work: impl FnOnce() -> R) -> R {
    struct Restore(Option<Interrupt>);
    impl Drop for Restore {
        fn drop(&mut self) {
            INTERRUPT.set(self.0.take());
        }
    }
    let _restore = Restore(INTERRUPT.replace(Some(Interrupt { every, interrupted: Rc::new(interrupted) })));
    work()
}

/// Where a backend hands in results.
pub struct JobResults {
    shared: Arc<Shared>,
}

impl JobResults {
    /// Hands in the result of the partition at `place`.
    pub fn push(&self, place: usize, output: Output) {
        let mut state = self.shared.state();
        state.results.push_back((place, output));
        if state.streaming {
            self.shared.changed.notify_all();
        }
    }

    /// Ends the job.
    pub fn finish(&self, outcome: Outcome) {
        let mut state = self.shared.state();
        state.outcome = Some(outcome);
        let wakes = std::mem::take(&mut state.wakes);
        drop(state);
        self.shared.changed.notify_all();
        wakes.iter().for_each(Wake::call);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

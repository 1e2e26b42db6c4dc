//! `StreamingContext`: the entry to streams. It closes a batch every interval and runs its outputs.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tidemill_core::lineage::Operator;
use tidemill_core::task::Properties;
use tidemill_core::{Clock, Context, Wake};

use crate::dstream::{Compute, DStream};
use crate::error::Error;
use crate::graph::{Graph, Output, Remember};
use crate::input::Input;
use crate::scheduler::BatchScheduler;

mod life;
mod run;

/// The entry to streams: Spark's `StreamingContext`. Cloning it clones a pointer.
///
/// Streams and outputs are declared first; then [`start`](StreamingContext::start) begins with the batches, and
/// [`await_termination`](StreamingContext::await_termination) waits for the end. A process may have several.
#[derive(Clone)]
pub struct StreamingContext {
    inner: Arc<Inner>,
}

/// Where a context is in its life (behaviour 2.4). It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Streams and outputs may be added.
    Initialized,
    /// Batches are run.
    Active,
    /// It is over, for good.
    Stopped,
}

pub(crate) struct Inner {
    context: Context,
    interval: Duration,
    clock: Arc<dyn Clock>,
    /// Ends the wait for the next batch time.
    tick: Wake,
    state: Mutex<Live>,
    /// Signalled when a batch is to be run, when one is done, and when the context is over.
    changed: Condvar,
}

struct Live {
    state: State,
    graph: Graph,
    scheduler: BatchScheduler,
    /// A batch that the thread of jobs is to run.
    to_run: Option<crate::batch::Batch>,
    /// The scheduler will hand out no more batches.
    finished: bool,
    /// Somebody stops the context; whoever comes later only waits.
    stopping: bool,
    /// The stop is not graceful: what runs is cancelled, and nothing more begins.
    cancelled: bool,
    /// What `await_termination` reports: the latest error (behaviour 1.7).
    error: Option<Error>,
    threads: Vec<std::thread::JoinHandle<()>>,
    properties: Arc<Properties>,
}

/// A hold on a context that does not keep it.
#[derive(Clone)]
pub(crate) struct WeakContext(Weak<Inner>);

impl WeakContext {
    pub(crate) fn upgrade(&self) -> Option<StreamingContext> {
        self.0.upgrade().map(|inner| StreamingContext { inner })
    }
}

impl StreamingContext {
    /// A context whose batches are `interval` apart. The interval is a whole number of milliseconds, at least one.
    pub fn new(context: &Context, interval: Duration) -> Result<StreamingContext, Error> {
        if interval.is_zero() || !interval.subsec_nanos().is_multiple_of(1_000_000) {
            return Err(Error::Interval(interval));
        }
        let live = Live {
            state: State::Initialized,
            graph: Graph::default(),
            scheduler: BatchScheduler::new(interval),
            to_run: None,
            finished: false,
            stopping: false,
            cancelled: false,
            error: None,
            threads: Vec::new(),
            properties: Arc::default(),
        };
        let clock = Arc::clone(context.clock());
        let (context, state) = (context.clone(), Mutex::new(live));
        let inner = Inner { context, interval, clock, tick: Wake::new(), state, changed: Condvar::new() };
        Ok(StreamingContext { inner: Arc::new(inner) })
    }

    /// The context of the RDDs.
    pub fn context(&self) -> &Context {
        &self.inner.context
    }

    /// The time between batches.
    pub fn interval(&self) -> Duration {
        self.inner.interval
    }

    /// Where it is in its life: Spark's `getState`.
    pub fn state(&self) -> State {
        self.live().state
    }

    pub(crate) fn weak(&self) -> WeakContext {
        WeakContext(Arc::downgrade(&self.inner))
    }

    /// Adds an input, for sources of other crates. `make` is given a number that no other input of this process has: it
    /// names the input's blocks in the store, which streaming contexts may share.
    pub fn add_input<I: Input + 'static>(&self, make: impl FnOnce(u32) -> Arc<I>) -> Arc<I> {
        static INPUTS: AtomicU32 = AtomicU32::new(0);
        let input = make(INPUTS.fetch_add(1, Ordering::Relaxed));
        self.live().graph.inputs.push(Arc::clone(&input) as Arc<dyn Input>);
        input
    }

    /// Adds a stream that computes its RDDs itself, for sources of other crates.
    #[track_caller]
    pub fn stream<T: 'static>(&self, name: &'static str, compute: impl Compute<T>) -> DStream<T> {
        DStream::new(&self.weak(), name, compute)
    }

    pub(crate) fn remember(&self, stream: Weak<dyn Remember>) {
        self.live().graph.remembering.push(stream);
    }

    pub(crate) fn add_output(&self, output: Output) {
        let mut live = self.live();
        if live.state == State::Initialized {
            live.graph.outputs.push(Arc::new(output));
        } else {
            self.note_late(&mut live, output.operator);
        }
    }

    /// An output that came after the start is an error that `await_termination` reports.
    fn note_late(&self, live: &mut Live, operator: Operator) {
        let error = Error::AlreadyStarted { operator };
        tracing::error!(%error, "It has no effect.");
        live.error = Some(error);
        self.inner.changed.notify_all();
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

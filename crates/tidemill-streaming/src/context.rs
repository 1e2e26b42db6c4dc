//! `StreamingContext`: the entry to streams. It closes a batch every interval and runs its outputs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tidemill_core::lineage::Operator;
use tidemill_core::settings::keys;
use tidemill_core::task::Properties;
use tidemill_core::{Clock, Context, EventBus, Timestamp, Wake};

use crate::checkpoint::Checkpoint;
use crate::checkpoint::storage::Storage;
use crate::context::catch_up::CatchingUp;
use crate::context::durable::Durable;
use crate::dstream::{Compute, DStream, Stream};
use crate::error::Error;
use crate::event::{BatchInfo, StreamingEvent};
use crate::graph::{Graph, Output};
use crate::input::{Input, InputId};
use crate::remote;
use crate::scheduler::BatchScheduler;
use crate::statistics::{Record, Statistics};

mod catch_up;
mod checkpoint;
mod durable;
mod life;
mod recovery;
mod run;

pub use life::Stop;
pub(crate) use life::inside;

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
    /// What happened, in figures.
    record: Mutex<Record>,
    bus: EventBus<StreamingEvent>,
    state: Mutex<Live>,
    /// Signalled when a batch is to be run, when one is done, and when the context is over.
    changed: Condvar,
}

struct Live {
    state: State,
    graph: Graph,
    scheduler: BatchScheduler,
    /// The time before the first batch: the grids of all streams begin there.
    zero: Option<Timestamp>,
    /// How long every stream remembers at least; set once (behaviour 1.10).
    remember: Option<Duration>,
    /// Where checkpoints go.
    checkpoints: Option<Checkpoints>,
    /// What this context is to go on from.
    recovered: Option<Checkpoint>,
    /// Gives what a checkpoint keeps of a program in another language.
    code: Option<Code>,
    /// What is written while it runs.
    durable: Option<Arc<Durable>>,
    /// Batches that have their input, and it could not be written down.
    unlogged: Vec<Timestamp>,
    /// Batches that were done in an earlier run: their states are made again, and nothing else.
    states_only: BTreeSet<Timestamp>,
    /// How far it is behind, where it goes on from a checkpoint.
    catching_up: Option<CatchingUp>,
    /// A batch that the thread of jobs is to run.
    to_run: Option<crate::batch::Batch>,
    /// The last batch that has its input: of later times nothing can be computed.
    allocated: Option<Timestamp>,
    /// What is known of the batches that wait.
    submitted: BTreeMap<Timestamp, BatchInfo>,
    /// The last batch that is over.
    done: Option<Timestamp>,
    /// The scheduler will hand out no more batches.
    finished: bool,
    /// Somebody stops the context; whoever comes later only waits.
    stopping: bool,
    /// The stop is not graceful: what runs is cancelled, and nothing more begins.
    cancelled: bool,
    /// The context of the RDDs is to be stopped as well.
    stops_context: bool,
    /// What `await_termination` reports: the latest error (behaviour 1.7).
    error: Option<Error>,
    /// Signals are somebody else's to answer.
    leaves_signals: bool,
    threads: Vec<std::thread::JoinHandle<()>>,
    properties: Arc<Properties>,
}

/// Where checkpoints go.
#[derive(Clone)]
enum Checkpoints {
    /// A folder or the URL of an object store, opened at the start.
    Directory(PathBuf),
    /// What a program opened itself.
    Storage(Arc<dyn Storage>),
}

/// Gives what a checkpoint keeps of a program.
type Code = Arc<dyn Fn() -> Result<Vec<u8>, Error> + Send + Sync>;

/// A hold on a context that does not keep it.
#[derive(Clone)]
pub(crate) struct WeakContext(Weak<Inner>);

impl WeakContext {
    pub(crate) fn upgrade(&self) -> Option<StreamingContext> {
        self.0.upgrade().map(|inner| StreamingContext { inner })
    }

    /// Whether both are the same context.
    pub(crate) fn is(&self, other: &WeakContext) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

impl StreamingContext {
    /// A context whose batches are `interval` apart. The interval is a whole number of milliseconds, at least one.
    pub fn new(context: &Context, interval: Duration) -> Result<StreamingContext, Error> {
        StreamingContext::with_clock(context, interval, Arc::clone(context.clock()))
    }

    /// As [`new`](StreamingContext::new), with a clock of its own in the place of the context's: for tests of several programs
    /// on one context.
    pub fn with_clock(context: &Context, interval: Duration, clock: Arc<dyn Clock>) -> Result<StreamingContext, Error> {
        if interval.is_zero() || !interval.subsec_nanos().is_multiple_of(1_000_000) {
            return Err(Error::Interval(interval));
        }
        let live = Live {
            state: State::Initialized,
            graph: Graph::default(),
            scheduler: BatchScheduler::new(interval),
            zero: None,
            remember: None,
            checkpoints: None,
            recovered: None,
            code: None,
            durable: None,
            unlogged: Vec::new(),
            states_only: BTreeSet::new(),
            catching_up: None,
            to_run: None,
            allocated: None,
            submitted: BTreeMap::new(),
            done: None,
            finished: false,
            stopping: false,
            cancelled: false,
            stops_context: false,
            error: None,
            leaves_signals: false,
            threads: Vec::new(),
            properties: Arc::default(),
        };
        let (context, state) = (context.clone(), Mutex::new(live));
        let record = Mutex::new(Record::new(context.config().get(keys::UI_RETAINED_BATCHES)));
        let bus = EventBus::new(context.config().get(keys::EVENT_QUEUE_LIMIT));
        let (tick, changed) = (Wake::new(), Condvar::new());
        let inner = Inner { context, interval, clock, tick, record, bus, state, changed };
        let streaming = StreamingContext { inner: Arc::new(inner) };
        remote::register(streaming.context());
        let directory = streaming.context().config().get(keys::CHECKPOINT_DIRECTORY);
        if let Some(directory) = directory {
            streaming.checkpoint(directory)?; // behaviour 4.31
        }
        Ok(streaming)
    }

    /// The context of the RDDs.
    pub fn context(&self) -> &Context {
        &self.inner.context
    }

    /// The time between batches.
    pub fn interval(&self) -> Duration {
        self.inner.interval
    }

    /// What its batch times come from.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// Where it is in its life: Spark's `getState`.
    pub fn state(&self) -> State {
        self.live().state
    }

    pub(crate) fn weak(&self) -> WeakContext {
        WeakContext(Arc::downgrade(&self.inner))
    }

    /// The time before the first batch, `None` before the start: grids of streams and windows begin there (behaviour
    /// 1.50).
    pub fn zero(&self) -> Option<Timestamp> {
        self.live().zero
    }

    /// Whether the batch of `time` has its input.
    pub(crate) fn has_input(&self, time: Timestamp) -> bool {
        self.live().allocated >= Some(time)
    }

    /// Makes every stream remember its RDDs for at least `duration`, for [`DStream::slice`] and for functions that look
    /// back: Spark's `remember` (behaviour 1.10).
    ///
    /// # Errors
    /// [`Error::RememberSet`] the second time.
    pub fn remember(&self, duration: Duration) -> Result<(), Error> {
        let mut live = self.live();
        if let Some(set) = live.remember {
            return Err(Error::RememberSet { set, asked: duration });
        }
        live.remember = Some(duration);
        Ok(())
    }

    /// Adds an input, for sources of other crates; `make` is given its names.
    pub fn add_input<I: Input + 'static>(&self, make: impl FnOnce(InputId) -> Arc<I>) -> Arc<I> {
        static INPUTS: AtomicU32 = AtomicU32::new(0);
        let stream = self.live().graph.inputs.len() as u32;
        let input = make(InputId { stream, blocks: INPUTS.fetch_add(1, Ordering::Relaxed) });
        self.live().graph.inputs.push(Arc::clone(&input) as Arc<dyn Input>);
        input
    }

    /// Adds a stream with an RDD for every batch that computes them itself, for sources of other crates.
    #[track_caller]
    pub fn stream<T: 'static>(&self, name: &'static str, compute: impl Compute<T>) -> DStream<T> {
        self.stream_every(name, self.interval(), compute)
    }

    /// The same with an RDD every `slide`, a multiple of the interval.
    #[track_caller]
    pub fn stream_every<T: 'static>(
        &self,
        name: &'static str,
        slide: Duration,
        compute: impl Compute<T>,
    ) -> DStream<T> {
        DStream::new(&self.weak(), name, slide, compute)
    }

    /// How many streams there are: before the start a number that no stream had yet.
    pub(crate) fn stream_count(&self) -> usize {
        self.live().graph.streams.len()
    }

    pub(crate) fn add_stream(&self, stream: Weak<dyn Stream>, operator: &Operator) {
        let mut live = self.live();
        live.graph.streams.push(stream);
        if live.state != State::Initialized {
            self.note_late(&mut live, operator.clone());
        }
    }

    /// How the stream is doing: arrival rate, delays, records so far, and more. Unlike a listener's, these figures miss
    /// nothing.
    ///
    /// ```
    /// use tidemill_streaming::testing::TestContext;
    ///
    /// let test = TestContext::new();
    /// let (feed, numbers) = test.input();
    /// test.collect(&numbers);
    /// feed.push([1, 2, 3]);
    /// test.tick()?;
    /// let statistics = test.streaming().statistics();
    /// assert_eq!((statistics.completed_batches, statistics.received_records), (1, 3));
    /// assert_eq!(statistics.input_rate, Some(3.0), "records a second");
    /// # Ok::<(), tidemill_streaming::Error>(())
    /// ```
    pub fn statistics(&self) -> Statistics {
        self.record().statistics(self.interval())
    }

    /// Counts the event and tells listeners, who never hold up a batch.
    pub(crate) fn post(&self, event: StreamingEvent) {
        self.record().on(&event);
        self.inner.bus.post(|| event);
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.inner.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn events(&self) -> &EventBus<StreamingEvent> {
        &self.inner.bus
    }

    /// Waits until the batch of `time` is over; `false` if that takes longer than `limit` or the context ends before.
    pub fn await_batch(&self, time: Timestamp, limit: Duration) -> bool {
        let waiting = |live: &mut Live| live.done < Some(time) && live.state != State::Stopped;
        let waited = self.inner.changed.wait_timeout_while(self.live(), limit, waiting);
        let (live, _) = waited.unwrap_or_else(PoisonError::into_inner);
        live.done >= Some(time)
    }

    /// The error that `await_termination` would report, which forgets it.
    pub fn take_error(&self) -> Option<Error> {
        self.live().error.take()
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

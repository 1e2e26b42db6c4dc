//! `queue_stream`: RDDs that the program itself pushes, one a batch or all that wait.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidemill_core::{Context, Element, Rdd, Timestamp};

use crate::checkpoint::RecoveryError;
use crate::context::{StreamingContext, WeakContext};
use crate::dstream::{Compute, Computed, DStream};
use crate::error::Error;
use crate::event::InputInfo;
use crate::input::{Input, InputId};

/// A queue of RDDs, from which a stream takes its batches while the program pushes more: the `Queue` that Spark's
/// `queueStream` is given. Cloning it clones a pointer.
pub struct RddQueue<T: 'static> {
    waiting: Arc<Mutex<VecDeque<Rdd<T>>>>,
}

impl<T: 'static> Clone for RddQueue<T> {
    fn clone(&self) -> Self {
        RddQueue { waiting: Arc::clone(&self.waiting) }
    }
}

impl<T: 'static> Default for RddQueue<T> {
    fn default() -> RddQueue<T> {
        RddQueue { waiting: Arc::default() }
    }
}

impl<T: 'static> FromIterator<Rdd<T>> for RddQueue<T> {
    fn from_iter<I: IntoIterator<Item = Rdd<T>>>(rdds: I) -> RddQueue<T> {
        RddQueue { waiting: Arc::new(Mutex::new(rdds.into_iter().collect())) }
    }
}

impl<T: 'static> RddQueue<T> {
    /// A queue in which nothing waits.
    pub fn new() -> RddQueue<T> {
        RddQueue::default()
    }

    /// Adds an RDD behind those that wait. It may be called at any time, from any thread.
    pub fn push(&self, rdd: Rdd<T>) {
        self.waiting().push_back(rdd);
    }

    /// How many RDDs wait for their batch.
    pub fn len(&self) -> usize {
        self.waiting().len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Rdd<T>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a stream takes RDDs from its queue: the arguments of Spark's `queueStream`.
pub struct QueueOptions<T: 'static> {
    one_at_a_time: bool,
    default: Option<Rdd<T>>,
    copied: bool,
}

impl<T: 'static> Clone for QueueOptions<T> {
    fn clone(&self) -> Self {
        QueueOptions { default: self.default.clone(), ..*self }
    }
}

impl<T: 'static> Default for QueueOptions<T> {
    fn default() -> QueueOptions<T> {
        QueueOptions { one_at_a_time: true, default: None, copied: false }
    }
}

impl<T: 'static> QueueOptions<T> {
    /// One RDD a batch from the live queue; where none waits, an RDD without partitions (behaviour 2.9).
    pub fn new() -> QueueOptions<T> {
        QueueOptions::default()
    }

    /// As PySpark does it: the stream has a copy of the queue, so that later pushes are not seen, and where none waits its
    /// RDD has one empty partition (behaviour 1.16, 10.9).
    #[track_caller]
    pub fn as_in_python(context: &Context) -> QueueOptions<T>
    where
        T: Element,
    {
        QueueOptions { one_at_a_time: true, default: Some(context.parallelize([], 1)), copied: true }
    }

    /// A batch takes all RDDs that wait, as their union, instead of one.
    #[must_use]
    pub fn all_at_once(self) -> QueueOptions<T> {
        QueueOptions { one_at_a_time: false, ..self }
    }

    /// What a batch has for which no RDD waits.
    #[must_use]
    pub fn default_rdd(self, rdd: Rdd<T>) -> QueueOptions<T> {
        QueueOptions { default: Some(rdd), ..self }
    }
}

impl StreamingContext {
    /// A stream of the RDDs that the program pushes into `queue`, one a batch, also while it runs: Spark's `queueStream`
    /// (behaviour 2.9). A batch for which none waits has an RDD without partitions.
    ///
    /// | batch | waits in the queue | out |
    /// | --- | --- | --- |
    /// | 1 | A, B | A |
    /// | 2 | B | B |
    /// | 3 | | no partitions |
    ///
    /// It tells listeners nothing of its records (behaviour 1.63). RDDs that wait are in no checkpoint: with a checkpoint
    /// directory the stream works, and a warning says so.
    ///
    /// ```
    /// use tidemill_streaming::RddQueue;
    /// use tidemill_streaming::testing::TestContext;
    ///
    /// let test = TestContext::new();
    /// let queue = RddQueue::new();
    /// let seen = test.collect(&test.streaming().queue_stream(&queue).map(|number: i32| number * 10));
    /// queue.push(test.context().parallelize([1, 2], 1));
    /// queue.push(test.context().parallelize([3], 1));
    /// for _ in 0..3 {
    ///     test.tick()?;
    /// }
    /// assert_eq!(seen.values(), [vec![10, 20], vec![30], vec![]]);
    /// # Ok::<(), tidemill_streaming::Error>(())
    /// ```
    #[track_caller]
    pub fn queue_stream<T: 'static>(&self, queue: &RddQueue<T>) -> DStream<T> {
        self.queue_stream_with(queue, QueueOptions::new())
    }

    /// [`queue_stream`](StreamingContext::queue_stream) that takes RDDs as `options` say.
    #[track_caller]
    pub fn queue_stream_with<T: 'static>(&self, queue: &RddQueue<T>, options: QueueOptions<T>) -> DStream<T> {
        let queue = if options.copied { queue.waiting().iter().cloned().collect() } else { queue.clone() };
        let streaming = self.weak();
        let input =
            self.add_input(|id| Arc::new(QueueInput { id, queue, options, streaming, batches: Mutex::default() }));
        self.stream("queue_stream", Queued(input))
    }
}

struct QueueInput<T: 'static> {
    id: InputId,
    queue: RddQueue<T>,
    options: QueueOptions<T>,
    streaming: WeakContext,
    /// What each batch took that is not forgotten.
    batches: Mutex<BTreeMap<Timestamp, Vec<Rdd<T>>>>,
}

impl<T: 'static> QueueInput<T> {
    fn batches(&self) -> MutexGuard<'_, BTreeMap<Timestamp, Vec<Rdd<T>>>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<Rdd<T>> {
        let mut waiting = self.queue.waiting();
        let count = if self.options.one_at_a_time { waiting.len().min(1) } else { waiting.len() };
        waiting.drain(..count).collect()
    }
}

impl<T: 'static> Input for QueueInput<T> {
    fn id(&self) -> InputId {
        self.id
    }

    fn name(&self) -> String {
        format!("Queue stream [{}]", self.id.stream)
    }

    fn start(&self) -> Result<(), Error> {
        if self.streaming.upgrade().is_some_and(|streaming| streaming.has_checkpoints()) {
            tracing::warn!(
                "queueStream doesn't support checkpointing: what waits in a queue is lost when the program ends. Please \
                 don't use queue_stream where a program is to go on from its checkpoint."
            );
        }
        Ok(())
    }

    fn allocate(&self, time: Timestamp) -> Option<InputInfo> {
        self.batches().entry(time).or_insert_with(|| self.take());
        None
    }

    fn restore(&self, time: Timestamp, _: &[u8]) -> Result<(), Error> {
        Err(RecoveryError::Input { time, id: self.name(), reason: NO_CHECKPOINTS.to_owned() }.into())
    }

    fn has_backlog(&self) -> bool {
        !self.queue.is_empty()
    }

    fn clear(&self) {
        let batches = std::mem::take(&mut *self.batches());
        drop(batches); // without the lock: lineages may end here
    }
}

struct Queued<T: 'static>(Arc<QueueInput<T>>);

/// What Spark says (behaviour 1.16).
const NO_CHECKPOINTS: &str =
    "queueStream doesn't support checkpointing. Please don't use queueStream when checkpointing is enabled.";

impl<T: 'static> Compute<T> for Queued<T> {
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<T> {
        let taken = self.0.batches().get(&time).cloned().unwrap_or_default();
        let rdd = match (&*taken, &self.0.options.default) {
            ([], Some(default)) => default.clone(),
            ([], None) => streaming.context().empty(),
            ([one], _) if self.0.options.one_at_a_time => one.clone(),
            (several, _) => streaming.context().union(several),
        };
        Ok(Some(rdd))
    }

    fn input(&self) -> Option<u32> {
        Some(self.0.id.stream)
    }

    fn forget(&self, time: Timestamp) {
        let mut batches = self.0.batches();
        let kept = batches.split_off(&Timestamp::from_micros(time.micros().saturating_add(1)));
        let forgotten = std::mem::replace(&mut *batches, kept);
        drop(batches);
        drop(forgotten); // without the lock: lineages may end here
    }
}

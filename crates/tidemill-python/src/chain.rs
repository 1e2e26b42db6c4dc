//! Chains: functions of Python's over the batches of a partition, run by a worker process.
//!
//! To the engine a chain of any length is one narrow node. Its task draws batches from the node before it as far as the
//! worker asks for them, and passes on what the worker sends.

use std::cell::Cell;
use std::sync::Arc;

use tidemill_core::layout::Layout;
use tidemill_core::lineage::{Dependency, Lineage, Meta, Node, Parent};
use tidemill_core::ship::{Encoder, NotShippable};
use tidemill_core::task::Task;
use tidemill_core::{BoxRuns, Rdd, RddId, Runs, Stop, TaskContext};

use crate::batch::{Format, Payload, PyBatch};
use crate::engine::Engine;
use crate::not_shippable;
use crate::pool::{self, Feed, Frame, Running, TaskHead, Work};

/// What a chain yields: batches, or batches with the number of a bucket.
pub trait Output: Sized + Send + 'static {
    /// A frame of the worker's as this.
    fn of(bucket: u32, batch: PyBatch) -> Self;
}

impl Output for PyBatch {
    fn of(_: u32, batch: PyBatch) -> PyBatch {
        batch
    }
}

impl Output for (u32, PyBatch) {
    fn of(bucket: u32, batch: PyBatch) -> (u32, PyBatch) {
        (bucket, batch)
    }
}

/// What `work` makes of each partition of `parent`; keys lie by `layout` afterwards.
#[track_caller]
pub fn chain<O: Output>(
    engine: &Arc<Engine>,
    parent: &Rdd<PyBatch>,
    work: &Arc<Work>,
    layout: Option<Layout>,
) -> Rdd<O> {
    let (context, node) = (parent.context(), parent.node());
    engine.expect_tasks();
    let depth = node.meta().depth + 1;
    let meta = Meta { depth, ..context.meta("chain", parent.num_partitions(), layout) };
    let (engine, work, parent) = (Arc::downgrade(engine), Arc::clone(work), Parent::new(Arc::clone(node)));
    Rdd::new(context, Arc::new(Chain { meta, parent, work, engine, make: O::of }))
}

struct Chain<O> {
    meta: Meta,
    parent: Parent<PyBatch>,
    work: Arc<Work>,
    /// Handles hold the engine; a lineage that outlives them has nobody to run for.
    engine: std::sync::Weak<Engine>,
    make: fn(u32, PyBatch) -> O,
}

impl<O: Output> Lineage for Chain<O> {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        vec![self.parent.narrow()]
    }

    fn first_input(&self, partition: usize) -> Option<(Arc<dyn Lineage>, usize)> {
        Some((Arc::clone(self.parent.node()) as Arc<dyn Lineage>, partition))
    }

    fn draws_once(&self) -> bool {
        true
    }

    fn encode(&self, _: &mut Encoder) -> Result<(), NotShippable> {
        Err(not_shippable(&self.meta))
    }
}

impl<O: Output> Node<O> for Chain<O> {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<O>, Stop> {
        let runs = self.parent.compute(partition, cx, self.meta.depth)?;
        let engine = self.engine.upgrade().ok_or(Stop::Cancelled)?;
        let mut feed = Drawing::new(runs);
        feed.read_by(cx, self.meta.id);
        Ok(Box::new(ChainRuns { node: self, engine, partition, task: None, feed, cx: Arc::clone(cx) }))
    }
}

/// One task of a chain.
struct ChainRuns<O> {
    node: Arc<Chain<O>>,
    engine: Arc<Engine>,
    partition: usize,
    /// None before the first run is asked for.
    task: Option<Box<dyn Running>>,
    feed: Drawing,
    cx: Arc<TaskContext>,
}

impl<O: Output> Runs<O> for ChainRuns<O> {
    fn next(&mut self, into: &mut Vec<O>) -> Result<bool, Stop> {
        let ChainRuns { node, engine, partition, task, feed, cx } = self;
        cx.enter(node.meta.id);
        let task = match task {
            Some(task) => task,
            None => task.insert(start(engine, &node.work, *partition, cx)?),
        };
        match task.next(feed, cx)? {
            Some(frame) => {
                into.push((node.make)(frame.bucket, batch_of(frame)?));
                Ok(true)
            }
            None => {
                engine.add_updates(task.updates());
                Ok(false)
            }
        }
    }
}

/// Starts `work` on a worker for `partition` of its node.
pub(crate) fn start(
    engine: &Engine,
    work: &Arc<Work>,
    partition: usize,
    cx: &Arc<TaskContext>,
) -> Result<Box<dyn Running>, Stop> {
    Ok(engine.workers().start(work, head_of(engine, partition, cx))?)
}

/// The property by which a worker learns the task's own partition where a node of it computes another, as below a union.
const TASK_PARTITION: &str = "tidemill.task.partition";

pub(crate) fn head_of(engine: &Engine, partition: usize, cx: &TaskContext) -> TaskHead {
    let task = cx.task();
    let mut properties = (**cx.properties()).clone();
    if cx.partition() != partition {
        properties.insert(TASK_PARTITION.into(), cx.partition().to_string());
    }
    let (task_number, stage) = (number_of(engine, task), task.stage.0);
    TaskHead { task: task_number, stage, partition: partition as u32, attempt: task.attempt, cpus: 1, properties }
}

thread_local! {
    /// The task that this thread ran last, with its number: several chains of one task share it.
    static NUMBERED: Cell<Option<(Task, u64)>> = const { Cell::new(None) };
}

/// The number of an attempt among all of its context.
fn number_of(engine: &Engine, task: Task) -> u64 {
    match NUMBERED.get() {
        Some((known, number)) if known == task => number,
        _ => {
            let number = engine.next_task();
            NUMBERED.set(Some((task, number)));
            number
        }
    }
}

/// A frame's batch.
pub(crate) fn batch_of(frame: Frame) -> Result<PyBatch, Stop> {
    let Frame { format, count, payload, .. } = frame;
    let known = Format::from_number(format);
    let format = known.ok_or_else(|| pool::WorkerError::Garbled(format!("a batch of the unknown format {format}")))?;
    Ok(PyBatch { format, count, payload: payload.into() })
}

/// A batch as a frame for a worker.
pub(crate) fn frame_of(batch: PyBatch) -> Frame {
    Frame { format: batch.format.number(), bucket: 0, count: batch.count, payload: batch.payload.into() }
}

impl From<pool::Payload> for Payload {
    fn from(payload: pool::Payload) -> Payload {
        match payload {
            pool::Payload::Owned(bytes) => bytes.into(),
            pool::Payload::Shared(bytes) => Payload::Bytes(bytes),
            pool::Payload::Text(block, range) => Payload::Text(block, range.start as u32, range.end as u32),
        }
    }
}

impl From<Payload> for pool::Payload {
    fn from(payload: Payload) -> pool::Payload {
        match payload {
            Payload::Bytes(bytes) => pool::Payload::Shared(bytes),
            Payload::Text(block, from, until) => pool::Payload::Text(block, from as usize..until as usize),
        }
    }
}

/// Draws a worker's input from runs.
pub(crate) struct Drawing {
    runs: BoxRuns<PyBatch>,
    /// Batches at hand, the next one last.
    run: Vec<PyBatch>,
    /// Whose code goes on after each batch.
    reader: Option<(Arc<TaskContext>, RddId)>,
}

impl Drawing {
    pub(crate) fn new(runs: BoxRuns<PyBatch>) -> Drawing {
        Drawing { runs, run: Vec::new(), reader: None }
    }

    /// Says whose code goes on after each batch.
    pub(crate) fn read_by(&mut self, cx: &Arc<TaskContext>, node: RddId) {
        self.reader = Some((Arc::clone(cx), node));
    }
}

impl Feed for Drawing {
    fn next(&mut self) -> Result<Option<Frame>, Stop> {
        if self.run.is_empty() {
            let more = self.runs.next(&mut self.run)?;
            if let Some((cx, node)) = &self.reader {
                cx.enter(*node);
            }
            if !more {
                return Ok(None);
            }
            self.run.reverse();
        }
        Ok(self.run.pop().map(frame_of))
    }
}

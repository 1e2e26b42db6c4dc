//! Cutting pairs by the hash of their keys without Python, as far as they lie in typed columns.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use tidemill_core::lineage::{Dependency, Lineage, Meta, Node, Parent};
use tidemill_core::ship::{Encoder, NotShippable};
use tidemill_core::{BoxRuns, Rdd, Runs, Stop, TaskContext};

use crate::batch::{PairWriter, PyBatch};
use crate::chain::{Drawing, batch_of, start};
use crate::engine::Engine;
use crate::not_shippable;
use crate::pool::{Running, Work};
use crate::portable_hash::{Algorithm, bucket, known_algorithm};

/// So much is collected for all buckets together before it is passed on.
const COLLECTED_BYTES: usize = 1 << 20;

/// The pairs of `parent` in batches of one bucket each.
#[track_caller]
pub(super) fn buckets(
    engine: &Arc<Engine>,
    parent: &Rdd<PyBatch>,
    work: &Arc<Work>,
    partitions: usize,
) -> Rdd<(u32, PyBatch)> {
    let (context, node) = (parent.context(), parent.node());
    let depth = node.meta().depth + 1;
    let meta = Meta { depth, ..context.meta("partition_by", parent.num_partitions(), None) };
    let (engine, work, parent) = (Arc::downgrade(engine), Arc::clone(work), Parent::new(Arc::clone(node)));
    Rdd::new(context, Arc::new(Native { meta, parent, work, engine, partitions: partitions.max(1) }))
}

struct Native {
    meta: Meta,
    parent: Parent<PyBatch>,
    work: Arc<Work>,
    engine: Weak<Engine>,
    /// How many buckets there are.
    partitions: usize,
}

impl Lineage for Native {
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

impl Node<(u32, PyBatch)> for Native {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<(u32, PyBatch)>, Stop> {
        let runs = self.parent.compute(partition, cx, self.meta.depth)?;
        let engine = self.engine.upgrade().ok_or(Stop::Cancelled)?;
        let cutter = known_algorithm().map(|algorithm| Cutter::new(algorithm, self.partitions));
        let input = Input { runs, run: VecDeque::new() };
        Ok(Box::new(NativeRuns { node: self, engine, partition, cx: Arc::clone(cx), input, stage: Stage::of(cutter) }))
    }
}

struct NativeRuns {
    node: Arc<Native>,
    engine: Arc<Engine>,
    partition: usize,
    cx: Arc<TaskContext>,
    input: Input,
    stage: Stage,
}

/// Who cuts.
enum Stage {
    /// This process.
    Here(Cutter),
    /// A worker, which has not been started yet.
    Before,
    /// A worker, from here to the end, so that pairs stay in order.
    There(Box<dyn Running>, Drawing),
    Over,
}

impl Stage {
    fn of(cutter: Option<Cutter>) -> Stage {
        cutter.map_or(Stage::Before, Stage::Here)
    }
}

impl Runs<(u32, PyBatch)> for NativeRuns {
    fn next(&mut self, into: &mut Vec<(u32, PyBatch)>) -> Result<bool, Stop> {
        let before = into.len();
        while into.len() == before {
            match &mut self.stage {
                Stage::Here(cutter) => {
                    let batch = self.input.next()?;
                    self.cx.enter(self.node.meta.id);
                    self.cx.check()?;
                    match batch {
                        Some(batch) if cutter.cut(&batch, into).is_some() => {}
                        Some(batch) => {
                            cutter.flush(into);
                            self.input.run.push_front(batch);
                            self.stage = Stage::Before;
                        }
                        None => {
                            cutter.flush(into);
                            self.stage = Stage::Over;
                        }
                    }
                }
                Stage::Before => {
                    let task = start(&self.engine, &self.node.work, self.partition, &self.cx)?;
                    let mut feed = Drawing::new(Box::new(std::mem::take(&mut self.input)));
                    feed.read_by(&self.cx, self.node.meta.id);
                    self.stage = Stage::There(task, feed);
                }
                Stage::There(task, feed) => match task.next(feed, &self.cx)? {
                    Some(frame) => into.push((frame.bucket, batch_of(frame)?)),
                    None => self.stage = Stage::Over,
                },
                Stage::Over => return Ok(false),
            }
        }
        Ok(true)
    }
}

/// The batches of the parent, some of which may be at hand.
struct Input {
    runs: BoxRuns<PyBatch>,
    run: VecDeque<PyBatch>,
}

impl Default for Input {
    fn default() -> Input {
        Input { runs: Box::new(tidemill_core::runs::VecRuns::new(Vec::new())), run: VecDeque::new() }
    }
}

impl Input {
    fn next(&mut self) -> Result<Option<PyBatch>, Stop> {
        if self.run.is_empty() {
            let mut run = Vec::new();
            self.runs.next(&mut run)?;
            self.run = run.into();
        }
        Ok(self.run.pop_front())
    }
}

impl Runs<PyBatch> for Input {
    fn next(&mut self, into: &mut Vec<PyBatch>) -> Result<bool, Stop> {
        if self.run.is_empty() {
            return self.runs.next(into);
        }
        into.extend(self.run.drain(..));
        Ok(true)
    }
}

/// Collects pairs by bucket.
struct Cutter {
    algorithm: Algorithm,
    /// The kinds of keys and values that are being collected.
    kinds: (u8, u8),
    buckets: Vec<PairWriter>,
    partitions: usize,
    bytes: usize,
}

impl Cutter {
    fn new(algorithm: Algorithm, partitions: usize) -> Cutter {
        Cutter { algorithm, kinds: (0, 0), buckets: Vec::new(), partitions, bytes: 0 }
    }

    /// Cuts a batch, and passes on what is enough; nothing is done with a batch that is no typed pairs.
    fn cut(&mut self, batch: &PyBatch, into: &mut Vec<(u32, PyBatch)>) -> Option<()> {
        if batch.count == 0 {
            return Some(());
        }
        let columns = batch.columns().ok()??;
        let (keys, values) = (columns.first, columns.second?);
        let (key_slices, value_slices) = (keys.values().ok()?.slices()?, values.values().ok()?.slices()?);
        if self.kinds != (keys.kind, values.kind) {
            self.flush(into);
            self.kinds = (keys.kind, values.kind);
            self.buckets = (0..self.partitions).map(|_| PairWriter::new(keys.kind, values.kind)).collect();
        }
        for (key, value) in key_slices.zip(value_slices) {
            let place = bucket(self.algorithm.of_column(keys.kind, key)?, self.partitions as u32);
            self.buckets.get_mut(place as usize)?.push(key, value);
        }
        self.bytes += batch.payload.len();
        if self.bytes >= COLLECTED_BYTES {
            self.flush(into);
        }
        Some(())
    }

    fn flush(&mut self, into: &mut Vec<(u32, PyBatch)>) {
        self.bytes = 0;
        let filled = self.buckets.iter_mut().enumerate().filter(|(_, writer)| !writer.is_empty());
        into.extend(filled.map(|(bucket, writer)| (bucket as u32, writer.take())));
    }
}

//! Shuffles of Python's: batches that workers cut by bucket are brought to their bucket's partition.

use std::sync::Arc;

use tidemill_core::exchange::{Blocks, Buckets, Exchange, Taken};
use tidemill_core::layout::Layout;
use tidemill_core::ship::{Decoder, Encoder, NotShippable, ShipError};
use tidemill_core::{BoxRuns, Rdd, Runs, Stop, TaskContext};

use crate::batch::PyBatch;
use crate::chain::chain;
use crate::engine::Engine;
use crate::pool::Work;

mod native;

/// What `work`, which ends in buckets, makes of `parent`, each bucket in a partition of its own.
#[track_caller]
pub fn exchange(
    engine: &Arc<Engine>,
    parent: &Rdd<PyBatch>,
    work: &Arc<Work>,
    partitions: usize,
    layout: Option<Layout>,
) -> Rdd<PyBatch> {
    chain::<(u32, PyBatch)>(engine, parent, work, None).exchange("exchange", partitions, layout, ByBucket)
}

/// Brings pairs to the partition of their key's `portable_hash`: typed columns are cut here, and from the first batch on
/// that cannot be, `work` cuts them in a worker.
#[track_caller]
pub fn partition_natively(
    engine: &Arc<Engine>,
    parent: &Rdd<PyBatch>,
    work: &Arc<Work>,
    partitions: usize,
    layout: Option<Layout>,
) -> Rdd<PyBatch> {
    native::buckets(engine, parent, work, partitions).exchange("partition_by", partitions, layout, ByBucket)
}

/// Brings each batch to its bucket, in order of arrival.
pub(crate) struct ByBucket;

/// What a batch weighs beside its payload.
const HEAD_WEIGHT: u64 = 64;

impl Exchange for ByBucket {
    type In = (u32, PyBatch);
    type Block = PyBatch;
    type Out = PyBatch;

    fn write(
        &self,
        mut input: BoxRuns<(u32, PyBatch)>,
        out: &mut dyn Buckets<PyBatch>,
        cx: &Arc<TaskContext>,
    ) -> Result<(), Stop> {
        let mut run = Vec::new();
        while input.next(&mut run)? {
            cx.check()?;
            run.drain(..).try_for_each(|(bucket, batch)| out.put(bucket as usize, batch))?;
        }
        Ok(())
    }

    fn read(
        self: Arc<Self>,
        blocks: Box<dyn Blocks<PyBatch>>,
        cx: &Arc<TaskContext>,
    ) -> Result<BoxRuns<PyBatch>, Stop> {
        Ok(Box::new(BlockRuns { blocks, cx: Arc::clone(cx) }))
    }

    fn weigh(&self, block: &PyBatch) -> u64 {
        block.payload.len() as u64 + HEAD_WEIGHT
    }

    fn encode(&self, _: &mut Encoder) -> Result<Vec<u8>, NotShippable> {
        Ok(Vec::new())
    }

    fn decode(_: &[u8], _: &Decoder) -> Result<ByBucket, ShipError> {
        Ok(ByBucket)
    }
}

/// The batches of a bucket, each a run: a block is read when it is wanted.
struct BlockRuns {
    blocks: Box<dyn Blocks<PyBatch>>,
    cx: Arc<TaskContext>,
}

impl Runs<PyBatch> for BlockRuns {
    fn next(&mut self, into: &mut Vec<PyBatch>) -> Result<bool, Stop> {
        self.cx.check()?;
        match self.blocks.next()? {
            Some(Taken::Own(batch)) => into.push(batch),
            Some(Taken::Shared(batch)) => into.push((*batch).clone()),
            None => return Ok(false),
        }
        Ok(true)
    }
}

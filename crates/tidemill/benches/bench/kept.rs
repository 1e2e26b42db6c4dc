//! What is written for a state: 1,000,000 keys of which each batch touches 1 %, with a log and snapshots.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use tempfile::TempDir;
use tidemill::core::lineage::Operator;
use tidemill::core::{Context, Rdd, Shards, Timestamp, Version};
use tidemill::streaming::checkpoint::states::{StateLog, StateOptions, StateWriter};
use tidemill::streaming::checkpoint::storage::{LocalStorage, Storage};
use tidemill::streaming::state::{MapWithState, State};

use crate::log::folder;
use crate::measured::Measured;

const KEYS: u64 = 1_000_000;
/// How many keys a batch touches.
const TOUCHED: u64 = KEYS / 100;
/// Batches over which bytes are averaged.
const LONG: u64 = 200;
const PARTITIONS: usize = 2;
/// A stride that the number of keys is no multiple of: it scatters the touched keys over the whole state.
const STRIDE: u64 = 7_919;

type Sum = fn(Timestamp, &u64, Option<u64>, &mut State<u64>) -> Option<()>;
type Sums = Shards<MapWithState<u64, u64, u64, (), Sum>>;

/// A state that is kept.
struct Program {
    context: Context,
    shards: Sums,
    log: StateLog,
    batches: u64,
    /// The checkpoint; last, so that it goes last.
    _folder: TempDir,
}

impl Program {
    fn new() -> anyhow::Result<Program> {
        let context = Context::local(2)?;
        let sum: Sum = |_, _, value, state| {
            state.update(state.get().copied().unwrap_or(0) + value.unwrap_or(0));
            None
        };
        let layout = context.parallelize([(0u64, 0u64)], 1).partition_by_hash(PARTITIONS).layout().cloned();
        let make = |_| MapWithState::new(context.environment(), None, sum);
        let shards = context.shards(Operator::here("sums"), PARTITIONS, layout, make);
        let folder = folder()?;
        let storage: Arc<dyn Storage> = Arc::new(LocalStorage::open(folder.path())?);
        let kept = Arc::new(shards.clone());
        let log = StateLog::open(&StateWriter::start()?, storage, "sums", kept, StateOptions::new())?;
        let program = Program { context, shards, log, batches: 0, _folder: folder };
        let all = program.input((0..KEYS).map(|key| (key * STRIDE, 1 << 40)).collect());
        program.step(&all)?;
        Ok(program)
    }

    fn input(&self, records: Vec<(u64, u64)>) -> Rdd<(u64, u64)> {
        self.context.parallelize(records, PARTITIONS).partition_by_hash(PARTITIONS)
    }

    /// The next batch's records.
    fn batch(&mut self) -> Rdd<(u64, u64)> {
        self.batches += 1;
        let first = self.batches * TOUCHED;
        self.input((first..first + TOUCHED).map(|at| (at * 31 % KEYS * STRIDE, 1)).collect())
    }

    fn step(&self, input: &Rdd<(u64, u64)>) -> anyhow::Result<()> {
        let (from, to) = (self.shards.version(), Version(self.shards.version().0 + 1_000_000));
        self.shards.step(input, from, to)?;
        self.log.await_durable(to)?;
        self.log.forget(to);
        self.shards.forget(to);
        Ok(())
    }
}

/// What a batch writes as deltas, in percent of the whole state.
pub(crate) fn delta_percent() -> anyhow::Result<Measured> {
    percent(1, false)
}

/// What a batch writes with its part of the snapshots, over many batches, in percent of the whole state.
pub(crate) fn percent_with_snapshots() -> anyhow::Result<Measured> {
    percent(LONG, true)
}

fn percent(batches: u64, with_snapshots: bool) -> anyhow::Result<Measured> {
    let mut program = Program::new()?;
    let full: usize = (0..PARTITIONS)
        .map(|partition| {
            let kept: &dyn tidemill::core::shard::KeptShards = &program.shards;
            let mut pieces = kept.snapshot(partition, program.shards.version())?;
            pieces.try_fold(0, |bytes, piece| Ok(bytes + piece?.len()))
        })
        .sum::<anyhow::Result<usize>>()?;
    let before = program.log.written();
    for _ in 0..batches {
        let input = program.batch();
        program.step(&input)?;
    }
    let after = program.log.written();
    let snapshots = if with_snapshots { after.snapshots } else { 0 };
    ensure!(full > 0, "an empty state");
    let share = (after.deltas - before.deltas + snapshots) as f64 / batches as f64 / full as f64;
    Ok(Measured { wall: Duration::from_secs_f64(share * 100.0), cpu: Duration::ZERO, answer: 0 })
}

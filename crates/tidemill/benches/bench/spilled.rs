//! What state costs that memory has no room for: of 1,000,000 keys each batch touches 1 %.
//!
//! One side has a quarter of the memory that they take up, the other has enough.

use anyhow::ensure;
use tidemill::core::lineage::Operator;
use tidemill::core::memory::Pool;
use tidemill::core::{Context, Rdd, Settings, Shards, Timestamp, Version};
use tidemill::streaming::state::{MapWithState, State};

use crate::measured::{Measured, measure};

const KEYS: u64 = 1_000_000;
/// How many keys a batch touches, and how many the state is filled with at once.
const TOUCHED: u64 = KEYS / 100;
/// Batches that a run measures.
const BATCHES: u64 = 10;
const PARTITIONS: usize = 8;
/// The length of a state.
const STATE_BYTES: usize = 200;
/// A quarter of what the state takes up in memory, about 280 bytes a key.
const LIMIT: &str = "70m";
/// A stride that the number of keys is no multiple of: it scatters the touched keys over the whole state.
const STRIDE: u64 = 7_919;

type Count = fn(Timestamp, &u64, Option<u64>, &mut State<String>) -> Option<()>;

/// A state of so many keys.
struct Program {
    context: Context,
    shards: Shards<MapWithState<u64, u64, String, (), Count>>,
    batches: u64,
}

impl Program {
    fn new(limit: Option<&str>) -> anyhow::Result<Program> {
        let mut settings = Settings::new();
        settings.set("spark.master", "local[2]");
        if let Some(limit) = limit {
            settings.set("tidemill.memory.state.limit", limit);
        }
        let context = Context::new(&settings)?;
        let count: Count = |_, _, value, state| {
            let before = state.get().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
            state.update(format!("{:0STATE_BYTES$}", before + value.unwrap_or(0)));
            None
        };
        let layout = context.parallelize([(0u64, 0u64)], 1).partition_by_hash(PARTITIONS).layout().cloned();
        let make = |_| MapWithState::new(context.environment(), None, count);
        let shards = context.shards(Operator::here("counts"), PARTITIONS, layout, make);
        let mut program = Program { context, shards, batches: 0 };
        for _ in 0..KEYS / TOUCHED {
            let input = program.batch();
            program.step(&input)?;
        }
        let used = program.context.environment().memory.used(Pool::State);
        ensure!(
            limit.is_some() == (used < 4 * KEYS * STATE_BYTES as u64 / 5),
            "the state takes {used} bytes of memory"
        );
        Ok(program)
    }

    /// The next batch's records: other keys each time, until all had their turn.
    fn batch(&mut self) -> Rdd<(u64, u64)> {
        let first = self.batches * TOUCHED;
        self.batches += 1;
        let records: Vec<(u64, u64)> = (first..first + TOUCHED).map(|at| (at * 31 % KEYS * STRIDE, 1)).collect();
        self.context.parallelize(records, PARTITIONS).partition_by_hash(PARTITIONS)
    }

    fn step(&self, input: &Rdd<(u64, u64)>) -> anyhow::Result<()> {
        let (from, to) = (self.shards.version(), Version(self.shards.version().0 + 1_000_000));
        self.shards.step(input, from, to)?;
        self.shards.forget(to);
        Ok(())
    }
}

/// Batches that touch 1 % of the keys; the state is filled before.
pub(crate) fn batches(limit: Option<&'static str>) -> impl FnMut() -> anyhow::Result<Measured> {
    let mut filled = None;
    move || {
        let mut program = filled.take().map_or_else(|| Program::new(limit), Ok)?;
        let inputs: Vec<_> = (0..BATCHES).map(|_| program.batch()).collect();
        let work = || inputs.iter().try_for_each(|input| program.step(input));
        let measured = measure(work, |()| BATCHES)?;
        filled = Some(program);
        Ok(measured)
    }
}

/// The limit of the side that has one.
pub(crate) const QUARTER: Option<&str> = Some(LIMIT);

//! What checkpoints cost a program that runs for long: its batches, and its checkpoint directory.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::ensure;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tidemill::core::{Clock, SystemClock, Wake};
use tidemill::prelude::*;
use tidemill::streaming::dstream::StateSpec;
use tidemill::streaming::state::State;
use tidemill::streaming::testing::TestContext;

use crate::log::folder;
use crate::measured::{Measured, measure};

/// Keys of the state whose batches are timed; a batch touches 1 % of them.
const KEYS: u64 = 1_000_000;
/// Batches that a run measures, and the time before each.
const BATCHES: u64 = 10;
const PAUSE: Duration = Duration::from_millis(50);
const PARTITIONS: u64 = 2;
/// Keys of the state of the stream that runs for long; a batch touches 1 % of them, too.
const KEYS_FOR_LONG: u64 = 10_000;
/// The size of the directory is looked at after so many batches, and then after ten times as many.
const EARLY: u64 = 1_000;
/// A directory grows and is tidied in turn: its size is the greatest of so many batches.
const LOOKED_AT: u64 = 500;
/// A stride that the numbers of keys are no multiples of: it scatters the touched keys over the whole state.
const STRIDE: u64 = 7_919;

/// Each key once, then keys in turn; as far as the program lets it.
#[derive(Clone, Serialize, Deserialize)]
struct Records {
    keys: u64,
    #[serde(skip)]
    until: Arc<AtomicU64>,
}

impl DirectSource for Records {
    type Partition = u32;
    type Item = (u64, u64);
    type Error = Infallible;

    fn latest(&self) -> Result<Offsets<u32>, Infallible> {
        let until = self.until.load(Ordering::Relaxed) / PARTITIONS;
        Ok((0..PARTITIONS as u32).map(|partition| (partition, until)).collect())
    }

    fn read(
        &self,
        range: OffsetRange<u32>,
    ) -> Result<impl Iterator<Item = Result<(u64, u64), Infallible>> + 'static, Infallible> {
        let (keys, partition) = (self.keys, u64::from(range.partition));
        Ok((range.from..range.until).map(move |at| Ok(((at * PARTITIONS + partition) * 31 % keys * STRIDE, 1))))
    }
}

/// Sums by key under a clock of its own.
struct Program {
    test: TestContext,
    records: Records,
    out: Arc<AtomicU64>,
    /// The checkpoint; last, so that it goes last.
    folder: Option<TempDir>,
}

impl Program {
    /// With all keys in its state.
    fn new(keys: u64, is_kept: bool) -> anyhow::Result<Program> {
        let (settings, interval) = (Settings::new(), Duration::from_secs(1));
        let folder = is_kept.then(folder).transpose()?;
        let test = match &folder {
            Some(folder) => TestContext::go_on(&settings, interval, folder.path(), Timestamp::default())?,
            None => TestContext::with(&settings, interval),
        };
        if !is_kept {
            test.streaming().without_checkpoints();
        }
        let (records, out) = (Records { keys, until: Arc::default() }, Arc::new(AtomicU64::new(0)));
        let (stream, sum) = (test.streaming().direct_stream(records.clone(), Start::Earliest), Arc::clone(&out));
        let add = |_: &u64, value: Option<u64>, state: &mut State<u64>| {
            state.update(state.get().copied().unwrap_or(0) + value.unwrap_or(0));
        };
        stream.map_with_state(StateSpec::function(add)).foreach_rdd(move |rdd, _| {
            sum.fetch_add(rdd.count()?, Ordering::Relaxed);
            Ok(())
        });
        let program = Program { test, records, out, folder };
        program.batch(keys)?;
        Ok(program)
    }

    /// A batch of so many records.
    fn batch(&self, records: u64) -> anyhow::Result<()> {
        self.records.until.fetch_add(records, Ordering::Relaxed);
        Ok(self.test.tick()?)
    }

    /// The next batch: it touches 1 % of the keys.
    fn next(&self) -> anyhow::Result<()> {
        self.batch(self.records.keys / 100)
    }

    /// Runs as many batches; the greatest size of the directory behind the first `but` of them, in bytes.
    fn size_after(&self, batches: u64, but: u64) -> anyhow::Result<u64> {
        let mut greatest = 0;
        for number in 0..batches {
            self.next()?;
            if number >= but {
                greatest = greatest.max(self.folder.as_ref().map_or(Ok(0), |folder| bytes_in(folder.path()))?);
            }
        }
        Ok(greatest)
    }
}

/// The bytes of all files below a folder. A file that goes meanwhile has none.
fn bytes_in(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        bytes += if is_folder { bytes_in(&entry.path())? } else { entry.metadata().map_or(0, |file| file.len()) };
    }
    Ok(bytes)
}

/// Batches that touch 1 % of the keys, with a pause before each, as streams have that keep up; only the batches are timed.
/// The state is filled once, before.
pub(crate) fn batches(is_kept: bool) -> impl FnMut() -> anyhow::Result<Measured> {
    let (clock, mut filled) = (SystemClock::new(), None);
    move || {
        let program = filled.take().map_or_else(|| Program::new(KEYS, is_kept), Ok)?;
        let before = program.out.load(Ordering::Relaxed);
        let (mut wall, mut cpu) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..BATCHES {
            clock.wait_until(clock.now() + PAUSE, &Wake::new());
            let measured = measure(|| program.next(), |()| 0)?;
            (wall, cpu) = (wall + measured.wall, cpu + measured.cpu);
        }
        let answer = program.out.load(Ordering::Relaxed) - before;
        filled = Some(program);
        Ok(Measured { wall, cpu, answer })
    }
}

/// By how much the checkpoint directory of a steady stream is larger after 10,000 batches than after 1,000.
pub(crate) fn growth() -> anyhow::Result<Measured> {
    let program = Program::new(KEYS_FOR_LONG, true)?;
    let early = program.size_after(EARLY, EARLY - LOOKED_AT)?;
    let late = program.size_after(9 * EARLY, 9 * EARLY - LOOKED_AT)?;
    ensure!(early > 0, "an empty directory");
    Ok(Measured { wall: Duration::from_secs_f64(late as f64 / early as f64), cpu: Duration::ZERO, answer: 0 })
}

//! What state costs: a batch pays for the keys it touches, a slide for what enters and leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::ensure;
use tidemill::prelude::*;
use tidemill::streaming::dstream::StateSpec;
use tidemill::streaming::state::State;
use tidemill::streaming::testing::{Feed, TestContext};

use crate::measured::{Measured, measure};

/// How many keys a batch touches.
const TOUCHED: u64 = 10_000;
/// How many keys each slide of a window has.
const SLIDE_KEYS: u64 = 50_000;
/// Batches that a run measures.
const BATCHES: u64 = 10;
/// Time-outs are on, and none is due while the benchmark runs.
const IDLE_MOST: Duration = Duration::from_secs(1_000_000);
/// A stride that no number of keys here is a multiple of: it scatters the touched keys over the whole state.
const STRIDE: u64 = 7_919;

/// A program under a clock of its own, with what it has put out.
struct Program<T: 'static> {
    test: TestContext,
    feed: Feed<T>,
    out: Arc<AtomicU64>,
}

impl<T: Element> Program<T> {
    /// A stream of what is fed, made into another whose records are counted.
    fn new<U: 'static>(make: impl FnOnce(&DStream<T>) -> anyhow::Result<DStream<U>>) -> anyhow::Result<Program<T>> {
        let test = TestContext::with(&Settings::new(), Duration::from_secs(1));
        let (feed, stream) = test.input();
        let out = Arc::new(AtomicU64::new(0));
        let sum = Arc::clone(&out);
        make(&stream)?.foreach_rdd(move |rdd, _| {
            sum.fetch_add(rdd.count()?, Ordering::Relaxed);
            Ok(())
        });
        Ok(Program { test, feed, out })
    }

    fn batch(&self, records: Vec<T>) -> anyhow::Result<()> {
        self.feed.push(records);
        Ok(self.test.tick()?)
    }

    /// Times `batches`, which are made before.
    fn timed(&self, batches: Vec<Vec<T>>) -> anyhow::Result<Measured> {
        let before = self.out.load(Ordering::Relaxed);
        let work = || batches.into_iter().try_for_each(|batch| self.batch(batch));
        measure(work, |()| self.out.load(Ordering::Relaxed) - before)
    }
}

/// Batches that touch 10,000 keys out of `keys` by `map_with_state`; the state is filled once, before.
pub(crate) fn touches(keys: u64) -> impl FnMut() -> anyhow::Result<Measured> {
    let (mut filled, mut next) = (None, 0);
    move || {
        if filled.is_none() {
            let program = Program::new(|pairs: &DStream<(u64, u64)>| {
                let sum = |_: &u64, value: Option<u64>, state: &mut State<u64>| {
                    state.update(state.get().copied().unwrap_or(0) + value.unwrap_or(0));
                };
                let sums = pairs.map_with_state(StateSpec::function(sum).timeout(IDLE_MOST));
                Ok(DStream::clone(&sums))
            })?;
            program.batch((0..keys).map(|key| (key, 0)).collect())?;
            filled = Some(program);
        }
        let Some(program) = &filled else { unreachable!("it was filled above") };
        let batch = |number: u64| {
            let first = (next + number) * TOUCHED;
            (first..first + TOUCHED).map(|at| (at * STRIDE % keys, 1)).collect()
        };
        let batches: Vec<Vec<(u64, u64)>> = (0..BATCHES).map(batch).collect();
        next += BATCHES;
        let measured = program.timed(batches)?;
        ensure!(measured.answer == BATCHES * TOUCHED, "{} records came out", measured.answer);
        Ok(measured)
    }
}

/// Slides of a window of `slides` slides with an inverse, each with the same 50,000 keys; the window is filled once, before.
pub(crate) fn slides(slides: u32) -> impl FnMut() -> anyhow::Result<Measured> {
    let mut filled = None;
    move || {
        let slide = || (0..SLIDE_KEYS).map(|key| (key, 1_u64)).collect::<Vec<_>>();
        if filled.is_none() {
            let second = Duration::from_secs(1);
            let program = Program::new(|pairs: &DStream<(u64, u64)>| {
                let (add, subtract) = (|a, b| a + b, |a, b| a - b);
                Ok(pairs.reduce_by_key_and_window_inverse(add, subtract, second * slides, second)?)
            })?;
            (0..=slides).try_for_each(|_| program.batch(slide()))?;
            filled = Some(program);
        }
        let Some(program) = &filled else { unreachable!("it was filled above") };
        let measured = program.timed((0..BATCHES).map(|_| slide()).collect())?;
        ensure!(measured.answer == BATCHES * SLIDE_KEYS, "{} sums came out", measured.answer);
        Ok(measured)
    }
}

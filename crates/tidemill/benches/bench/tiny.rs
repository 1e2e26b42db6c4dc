//! What a tiny job costs: two map tasks, a shuffle, two reduce tasks, one job every 2 ms.

use std::time::Duration;

use anyhow::ensure;
use tidemill::core::{Clock, SystemClock, Wake};

use crate::engine::context;
use crate::measured::{Measured, now};

/// How many jobs make a round.
const JOBS: usize = 1_000;
/// The pause between them: workers are parked, as between the batches of a stream.
const EVERY: Duration = Duration::from_millis(2);

/// The time of one job at a place among all jobs of a round, sorted: 0.5 is the median.
pub(crate) fn job_at(place: f64) -> anyhow::Result<Measured> {
    let context = context(2)?;
    let (clock, pause) = (SystemClock::new(), Wake::new());
    let mut times = Vec::with_capacity(JOBS);
    for number in 0..JOBS as i64 {
        clock.wait_until(clock.now() + EVERY, &pause);
        let start = now();
        let pairs = context.parallelize([(1, 1), (2, 1), (2, 1), (3, number)], 2);
        let sum: i64 = pairs.reduce_by_key(|a, b| a + b).collect()?.into_iter().map(|(_, value)| value).sum();
        times.push(start.elapsed());
        ensure!(sum == 3 + number, "job {number} came to {sum}");
    }
    times.sort_unstable();
    let at = ((times.len() - 1) as f64 * place) as usize;
    let wall = times.get(at).copied().unwrap_or_default();
    Ok(Measured { wall, cpu: Duration::ZERO, answer: 0 })
}

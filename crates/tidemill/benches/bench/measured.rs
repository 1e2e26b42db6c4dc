//! One run of one side: how long it took, what it cost the processors, and what came out.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context;

/// How many ticks of `/proc/self/stat` make a second: fixed by Linux for programs, whatever the kernel's own clock does.
const TICKS_PER_SECOND: u64 = 100;

/// What a run of a side took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// From start to result.
    pub(crate) wall: Duration,
    /// Time on a processor, of all threads together, in steps of 10 ms.
    pub(crate) cpu: Duration,
    /// A number made of the result; both sides of a row must come to the same one.
    pub(crate) answer: u64,
}

/// Times `work` alone: neither what `answer` makes of its result nor dropping that counts.
pub(crate) fn measure<T>(
    work: impl FnOnce() -> anyhow::Result<T>,
    answer: impl FnOnce(&T) -> u64,
) -> anyhow::Result<Measured> {
    let (cpu_before, before) = (cpu_time()?, now());
    let result = std::hint::black_box(work()?);
    let (wall, cpu) = (before.elapsed(), cpu_time()?.saturating_sub(cpu_before));
    Ok(Measured { wall, cpu, answer: answer(&result) })
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is about real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// What this process has used of the processors since it began, ended threads included.
fn cpu_time() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").context("cannot read the process's own statistics")?;
    // The second field is the program's name and may hold anything, so counting starts behind its parenthesis.
    let fields = stat.rsplit_once(") ").map(|(_, fields)| fields).unwrap_or_default();
    let ticks = |field: usize| fields.split(' ').nth(field).and_then(|ticks| ticks.parse::<u64>().ok());
    let user_and_system = ticks(11).zip(ticks(12)).map(|(user, system)| user + system);
    let ticks = user_and_system.context("/proc/self/stat does not look as proc(5) says")?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

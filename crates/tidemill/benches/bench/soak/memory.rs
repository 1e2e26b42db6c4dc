//! The memory of this process over time, and whether it is flat.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tidemill::core::{Clock, SystemClock, Wake};

/// Memory that grows by less than this between the first and the last quarter counts as flat: allocators breathe.
const GROWTH_MOST: f64 = 1.10;

/// Notes the resident memory once a second until it is told to end.
pub(super) struct Watch {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Vec<f64>>>,
}

impl Watch {
    pub(super) fn start() -> Watch {
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            let (clock, pause, mut samples) = (SystemClock::new(), Wake::new(), Vec::new());
            while !told.load(Ordering::Relaxed) {
                clock.wait_until(clock.now() + Duration::from_secs(1), &pause);
                samples.push(resident_mib()?);
            }
            Ok(samples)
        });
        Watch { ended, thread }
    }

    /// The MiB of each second.
    pub(super) fn end(self) -> anyhow::Result<Vec<f64>> {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the thread that watches memory panicked"))?
    }
}

/// The figures of memory after `warm_up` seconds, and whether it was flat.
pub(super) fn flat_after(samples: &[f64], warm_up: usize) -> ([(String, String); 3], bool) {
    let steady = samples.get(warm_up.min(samples.len() / 2)..).unwrap_or_default();
    let quarter = (steady.len() / 4).max(1);
    let first = mean(steady.get(..quarter).unwrap_or_default());
    let last = mean(steady.get(steady.len().saturating_sub(quarter)..).unwrap_or_default());
    let most = steady.iter().copied().fold(0.0, f64::max);
    let growth = last / first;
    let figures = [
        ("memory, first and last quarter".to_string(), format!("{first:.0} MiB, {last:.0} MiB ({growth:.2})")),
        ("memory, most".to_string(), format!("{most:.0} MiB")),
        ("memory, from start to end, MiB".to_string(), at_times(samples)),
    ];
    (figures, growth <= GROWTH_MOST)
}

/// A dozen samples, evenly spread.
fn at_times(samples: &[f64]) -> String {
    let step = samples.len().div_ceil(12).max(1);
    samples.iter().step_by(step).map(|mib| format!("{mib:.0}")).collect::<Vec<_>>().join(" ")
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn resident_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
    Ok(kib / 1024.0)
}

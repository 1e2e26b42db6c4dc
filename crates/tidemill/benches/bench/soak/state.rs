//! State over keys that repeat: memory is that of the keys, not of all that came in.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidemill::core::{Clock, SystemClock, Wake};
use tidemill::prelude::*;

use super::Soaked;
use super::memory::{Watch, flat_after};
use crate::measured::now;

/// How many keys there are, 36 bytes each.
const KEYS: u64 = 50_000;
/// How many lines are sent a second.
const LINES_A_SECOND: u64 = 100_000;
/// How often a part of them is sent.
const EVERY: Duration = Duration::from_millis(10);

/// Counts lines by their keys for as long as it is told to.
pub(super) fn keys_that_repeat(duration: Duration) -> anyhow::Result<Soaked> {
    let checkpoints = tempfile::tempdir()?;
    let context = Context::local(2)?;
    let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
    streaming.checkpoint(checkpoints.path())?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let lines = streaming.socket_text_stream("127.0.0.1", listener.local_addr()?.port());
    let counts = lines.map(|line| (line, 1_u64)).update_state_by_key(|new, count| {
        Some(count.unwrap_or(0_u64) + new.iter().sum::<u64>())
    });
    let (keys, records) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (keys_seen, records_seen) = (Arc::clone(&keys), Arc::clone(&records));
    counts.foreach_rdd(move |rdd, _| {
        let (keys, records) = rdd.map(|(_, count)| (1, count)).fold((0, 0), |a: (u64, u64), b| (a.0 + b.0, a.1 + b.1))?;
        keys_seen.store(keys, Ordering::Relaxed);
        records_seen.store(records, Ordering::Relaxed);
        Ok(())
    });
    streaming.start()?;
    let (mut connection, _) = listener.accept()?;
    let watch = Watch::start();
    let (clock, pause, started, mut sent) = (SystemClock::new(), Wake::new(), now(), 0);
    while started.elapsed() < duration {
        let due = (started.elapsed().as_secs_f64() * LINES_A_SECOND as f64) as u64;
        let mut page = String::new();
        for number in sent..due {
            let key = number % KEYS;
            writeln!(page, "{key:08x}-0000-4000-8000-{:012x}", key * 0x9E37_79B9 % 0xFFFF_FFFF)?;
        }
        connection.write_all(page.as_bytes())?;
        sent = due;
        clock.wait_until(clock.now() + EVERY, &pause);
    }
    let samples = watch.end()?;
    drop(connection);
    let asked = now();
    while records.load(Ordering::Relaxed) < sent && asked.elapsed() < Duration::from_secs(60) {
        clock.wait_until(clock.now() + EVERY, &pause);
    }
    streaming.stop(true);
    let (keys, records) = (keys.load(Ordering::Relaxed), records.load(Ordering::Relaxed));
    let (memory, flat) = flat_after(&samples, 60);
    let mut figures = vec![
        ("keys".to_string(), format!("{keys}")),
        ("records sent and counted".to_string(), format!("{sent}, {records}")),
    ];
    figures.extend(memory);
    Ok(Soaked { figures, met: flat && sent == records && keys == KEYS })
}

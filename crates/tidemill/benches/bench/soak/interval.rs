//! The shortest interval: a tiny word count every 2 ms.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidemill::core::{Clock, SystemClock, Wake};
use tidemill::prelude::*;

use super::Soaked;

/// The time between batches.
const INTERVAL: Duration = Duration::from_millis(2);
/// What arrives in each: ten lines of ten words.
const LINES: &[u8] = "to be or not to be that is the question\n".as_bytes();
const LINES_EACH: usize = 10;
const WORDS_EACH: u64 = 100;

/// Sends 100 words every interval and counts them; looks at each batch's processing time.
pub(super) fn keeps_up(duration: Duration) -> anyhow::Result<Soaked> {
    let batches = (duration.as_micros() / INTERVAL.as_micros()) as u64;
    let mut settings = Settings::new();
    settings.set("spark.master", "local[2]").set("spark.streaming.ui.retainedBatches", batches + 1_000);
    let context = Context::new(&settings)?;
    let streaming = StreamingContext::new(&context, INTERVAL)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let lines = streaming.socket_text_stream("127.0.0.1", listener.local_addr()?.port());
    let counted = Arc::new(AtomicU64::new(0));
    let sum = Arc::clone(&counted);
    let counts = lines.flat_map(|line| line.split(' ')).map(|word| (word, 1_u64)).reduce_by_key(|a, b| a + b);
    counts.foreach_rdd(move |rdd, _| {
        let more: u64 = rdd.collect()?.into_iter().map(|(_, count)| count).sum();
        sum.fetch_add(more, Ordering::Relaxed);
        Ok(())
    });
    streaming.start()?;
    let (mut connection, _) = listener.accept()?;
    connection.set_nodelay(true)?;
    let (clock, pause, page) = (SystemClock::new(), Wake::new(), LINES.repeat(LINES_EACH));
    let mut next = clock.now();
    for _ in 0..batches {
        connection.write_all(&page)?;
        next = next + INTERVAL;
        clock.wait_until(next, &pause);
    }
    let at_end = streaming.statistics();
    streaming.stop(true);
    let statistics = streaming.statistics();
    let mut times: Vec<Duration> = statistics.retained.iter().filter_map(|batch| batch.processing_delay()).collect();
    times.sort_unstable();
    let at = |place: f64| times.get(((times.len() - 1) as f64 * place) as usize).copied().unwrap_or_default();
    let (sent, counted) = (batches * WORDS_EACH, counted.load(Ordering::Relaxed));
    let p99 = at(0.99);
    let figures = [
        ("batches", format!("{}", statistics.completed_batches)),
        ("processing, p50 / p99 / most", format!("{:.2?} / {p99:.2?} / {:.2?}", at(0.5), at(1.0))),
        ("waited for its turn, mean", format!("{:.2?}", statistics.scheduling_delay.unwrap_or_default())),
        ("batches that wait at the end", format!("{}", at_end.waiting_batches)),
        ("words sent and counted", format!("{sent}, {counted}")),
    ];
    let met = p99 < INTERVAL && at_end.waiting_batches <= 1 && sent == counted;
    Ok(Soaked { figures: figures.map(|(name, figure)| (name.to_string(), figure)).into(), met })
}

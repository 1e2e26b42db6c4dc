//! A source ten times too fast: memory stays flat, and nothing is lost.

use std::hint::black_box;
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidemill::core::{Clock, SystemClock, Wake};
use tidemill::prelude::*;

use super::Soaked;
use super::memory::{Watch, flat_after};
use crate::measured::now;

/// One record: a line of 100 bytes.
const LINE_BYTES: usize = 100;
/// How many lines are sent at once.
const LINES_EACH: usize = 1_000;
/// Rounds of work a record: 20,000 additions make a record so dear that the sender could be ten times as fast.
const WORK: u64 = 20_000;
/// How long what is on its way may take to arrive and be counted.
const REST_MOST: Duration = Duration::from_secs(120);
/// Memory for received data.
const LIMIT: &str = "64m";

/// Sends as fast as it is taken to a program that is far slower.
pub(super) fn ten_times_too_fast(duration: Duration) -> anyhow::Result<Soaked> {
    let mut settings = Settings::new();
    settings.set("spark.master", "local[2]").set("tidemill.memory.received.limit", LIMIT);
    let context = Context::new(&settings)?;
    let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let lines = streaming.socket_text_stream("127.0.0.1", listener.local_addr()?.port());
    let counted = Arc::new(AtomicU64::new(0));
    let sum = Arc::clone(&counted);
    let worked = lines.map(|line| (0..WORK).fold(line.len() as u64, |sum, x| black_box(sum.wrapping_add(x))));
    worked.foreach_rdd(move |rdd, _| {
        sum.fetch_add(rdd.count()?, Ordering::Relaxed);
        Ok(())
    });
    streaming.start()?;
    let (mut connection, _) = listener.accept()?;
    let watch = Watch::start();
    let page = format!("{}\n", "x".repeat(LINE_BYTES - 1)).repeat(LINES_EACH);
    let (started, mut sent) = (now(), 0_u64);
    // What the sender could do alone: the same writes to a reader that does nothing.
    let alone = sent_alone(&page)?;
    while started.elapsed() < duration {
        connection.write_all(page.as_bytes())?;
        sent += LINES_EACH as u64;
    }
    drop(connection);
    let samples = watch.end()?;
    // What the sender's system still holds has to arrive first: a stop ends the connection.
    let (clock, pause, asked) = (SystemClock::new(), Wake::new(), now());
    while counted.load(Ordering::Relaxed) < sent && asked.elapsed() < REST_MOST {
        clock.wait_until(clock.now() + Duration::from_millis(100), &pause);
    }
    streaming.stop(true);
    let counted = counted.load(Ordering::Relaxed);
    let taken = counted as f64 / started.elapsed().as_secs_f64();
    let (memory, flat) = flat_after(&samples, 10);
    let mut figures = vec![
        ("records a second, taken".to_string(), format!("{taken:.0}")),
        ("the sender alone, times as fast".to_string(), format!("{:.0}", alone / taken)),
        ("records sent and counted".to_string(), format!("{sent}, {counted}")),
    ];
    figures.extend(memory);
    Ok(Soaked { figures, met: flat && sent == counted && alone / taken >= 10.0 })
}

/// How many lines a second the sender brings to a reader that only reads.
fn sent_alone(page: &str) -> anyhow::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let reader = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept()?;
        std::io::copy(&mut connection, &mut std::io::sink())
    });
    let mut connection = std::net::TcpStream::connect(address)?;
    let (started, mut pages) = (now(), 0_u64);
    while started.elapsed() < Duration::from_secs(1) {
        connection.write_all(page.as_bytes())?;
        pages += 1;
    }
    drop(connection);
    let seconds = started.elapsed().as_secs_f64();
    reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
    Ok((pages * LINES_EACH as u64) as f64 / seconds)
}

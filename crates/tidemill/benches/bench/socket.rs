//! The word count drained from a TCP socket, against the same text from memory.

use std::collections::HashMap;
use std::io::Write;
use std::net::TcpListener;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidemill::prelude::*;

use crate::by_hand::answer;
use crate::engine::{self, Blocks};
use crate::log;
use crate::measured::{Measured, measure};

/// How many times the text is sent: 1 GiB in all.
pub(crate) const TIMES: i64 = 16;

/// Sends the text over loopback as fast as it is taken, and counts its words in batches of one second on `local[2]`.
///
/// Timed from the first byte to the result of the last batch.
pub(crate) fn drained(text: &'static str) -> anyhow::Result<Measured> {
    let context = Context::local(2)?;
    let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
    drained_by(&context, &streaming, text)
}

/// The same with checkpoints, and with each block in the log before a batch sees it.
pub(crate) fn logged(text: &'static str) -> anyhow::Result<Measured> {
    let folder = log::folder()?;
    let mut settings = Settings::new();
    settings.set("spark.master", "local[2]").set("spark.streaming.receiver.writeAheadLog.enable", "true");
    let context = Context::new(&settings)?;
    let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
    streaming.checkpoint(folder.path().join("checkpoint"))?;
    drained_by(&context, &streaming, text)
}

fn drained_by(context: &Context, streaming: &StreamingContext, text: &'static str) -> anyhow::Result<Measured> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let lines = streaming.socket_text_stream("127.0.0.1", listener.local_addr()?.port());
    let (finished, wait) = sync_channel(1);
    let wanted = TIMES * text.lines().flat_map(|line| line.split(' ')).count() as i64;
    let totals: Arc<Mutex<(i64, HashMap<Text, i64>)>> = Arc::default();
    let sums = Arc::clone(&totals);
    let counts = lines.flat_map(|line| line.split(' ')).map(|word| (word, 1_i64)).reduce_by_key(|a, b| a + b);
    counts.foreach_rdd(move |rdd, _| {
        let pairs = rdd.collect()?;
        if pairs.is_empty() {
            return Ok(());
        }
        let mut sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
        for (word, count) in pairs {
            sums.0 += count;
            *sums.1.entry(word).or_insert(0) += count;
        }
        if sums.0 == wanted {
            finished.try_send(())?;
        }
        Ok(())
    });
    streaming.start()?;
    let (mut connection, _) = listener.accept()?;
    let work = || {
        for _ in 0..TIMES {
            connection.write_all(text.as_bytes())?;
        }
        wait.recv()?;
        Ok(())
    };
    let measured = measure(work, |()| {
        let totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
        let once: Vec<(&Text, i64)> = totals.1.iter().map(|(word, count)| (word, count / TIMES)).collect();
        answer(&once)
    });
    drop(connection);
    streaming.stop(false);
    context.stop();
    measured
}

/// The same number of words from blocks in memory on `local[2]`, a job for each time over.
pub(crate) fn from_memory(blocks: &Blocks) -> anyhow::Result<Measured> {
    let mut all = Measured { wall: Duration::ZERO, cpu: Duration::ZERO, answer: 0 };
    for _ in 0..TIMES {
        let once = engine::word_count(2, blocks)?;
        all = Measured { wall: all.wall + once.wall, cpu: all.cpu + once.cpu, answer: once.answer };
    }
    Ok(all)
}

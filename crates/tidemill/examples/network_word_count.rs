//! Counts the words that a TCP server sends, second by second.
//!
//! Run with: `cargo run --release --example network_word_count -- localhost 9999`
//! and in another terminal `nc -lk 9999`; what is typed there is counted here. Ctrl-C ends it.

use std::time::Duration;

use tidemill::prelude::*;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().unwrap_or_else(|| "localhost".into());
    let port = arguments.next().map_or(Ok(9999), |port| port.parse())?;

    let context = Context::local(2)?;
    let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
    let lines = streaming.socket_text_stream(&host, port);
    let words = lines.flat_map(|line| line.split(' '));
    let counts = words.map(|word| (word, 1)).reduce_by_key(|a, b| a + b);
    counts.print(10);

    streaming.start()?;
    streaming.await_termination()?;
    Ok(())
}

//! Counts the words of the last half minute, every ten seconds, as they leave and enter the window.
//!
//! Run with: `cargo run --release --example windowed_word_count -- localhost 9999`
//! and in another terminal `nc -lk 9999`; what is typed there is counted here until it is half a minute old. Two more
//! arguments set the window and the slide in seconds. Ctrl-C ends it.

use std::time::Duration;

use tidemill::prelude::*;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().unwrap_or_else(|| "localhost".into());
    let port = arguments.next().map_or(Ok(9999), |port| port.parse())?;
    let window = Duration::from_secs(arguments.next().map_or(Ok(30), |seconds| seconds.parse())?);
    let slide = Duration::from_secs(arguments.next().map_or(Ok(10), |seconds| seconds.parse())?);

    let context = Context::local(2)?;
    let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
    // A window that goes on from the one before keeps state, and state wants a place for checkpoints.
    streaming.checkpoint(std::env::temp_dir().join("tidemill-windowed-word-count"))?;

    let lines = streaming.socket_text_stream(&host, port);
    let words = lines.flat_map(|line| line.split(' ')).map(|word| (word, 1));
    // The second function takes out what left the window, so a slide costs what enters and what leaves, however long the
    // window is. The filter drops words of which nothing is left.
    let options = WindowOptions::new().filter(|_word, count| *count > 0);
    let counts = words.reduce_by_key_and_window_with(|a, b| a + b, |a, b| a - b, window, slide, options)?;
    counts.print(10);

    streaming.start()?;
    streaming.await_termination()?;
    Ok(())
}

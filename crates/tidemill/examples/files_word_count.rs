//! Counts the words of each file that is put into a folder.
//!
//! Run with: `cargo run --release --example files_word_count -- /tmp/inbox`
//! and in another terminal `cp README.md /tmp/inbox/`. A file is read once, in the batch after it appeared; what is appended
//! later is not seen, so write it elsewhere and move it in. Ctrl-C ends it.

use std::time::Duration;

use anyhow::Context as _;
use tidemill::prelude::*;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).context("which folder? Give it as the argument")?;
    std::fs::create_dir_all(&folder)?;

    let context = Context::local(2)?;
    let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
    let words = streaming.text_file_stream(&folder).flat_map(|line| line.split_whitespace());
    let counts = words.map(|word| (word, 1)).reduce_by_key(|a, b| a + b);
    // The most frequent words first: any RDD operation can be done with a batch.
    counts.foreach_rdd(|counts, time| {
        let top = counts.map(|(word, count)| (count, word)).top(5)?;
        if !top.is_empty() {
            println!("{time}: {top:?}");
        }
        Ok(())
    });

    streaming.start()?;
    eprintln!("Put text files into {folder}.");
    streaming.await_termination()?;
    Ok(())
}

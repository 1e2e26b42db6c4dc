//! A direct source of one's own: log files that only grow, each line read exactly once.
//!
//! Run with: `cargo run --release --example direct_source -- /tmp/logs`
//! and in another terminal `echo "hello" >> /tmp/logs/web.log`. Every file of the folder that ends with `.log` is a partition,
//! and an offset is a place in it. Ctrl-C ends it.
//!
//! A receiver is pushed to; a direct source is asked. A batch is a range of offsets, so it can be read again, and nothing
//! has to be kept in memory until its turn comes.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tidemill::prelude::*;

/// The folder of the logs. It is data: tasks get it and open the files for themselves.
#[derive(Clone, Serialize, Deserialize)]
struct LogFolder(PathBuf);

impl LogFolder {
    /// The length of a log up to the end of its last whole line: what is not ended yet belongs to a later batch.
    fn whole_lines(&self, name: &str) -> io::Result<u64> {
        let text = fs::read(self.0.join(name))?;
        Ok(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end as u64 + 1))
    }
}

impl DirectSource for LogFolder {
    type Partition = String;
    type Item = String;
    type Error = io::Error;

    /// Asked once a batch: how far each log has grown.
    fn latest(&self) -> io::Result<Offsets<String>> {
        let mut offsets = Offsets::new();
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".log") {
                offsets.insert(name.clone(), self.whole_lines(&name)?);
            }
        }
        Ok(offsets)
    }

    /// Called by tasks, one for each range.
    fn read(&self, range: OffsetRange<String>) -> io::Result<impl Iterator<Item = io::Result<String>> + 'static> {
        let mut file = File::open(self.0.join(&range.partition))?;
        file.seek(SeekFrom::Start(range.from))?;
        let log = range.partition;
        let lines = BufReader::new(file.take(range.until - range.from)).lines();
        Ok(lines.map(move |line| Ok(format!("{log}: {}", line?))))
    }
}

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).context("which folder? Give it as the argument")?;
    fs::create_dir_all(&folder)?;

    let context = Context::local(2)?;
    let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
    let lines = streaming.direct_stream(LogFolder(folder.clone().into()), Start::Earliest);
    // What a batch is can be asked for: a program that stores results may store the offsets with them.
    let ranges = lines.clone();
    lines.foreach_rdd(move |rdd, time| {
        for range in ranges.ranges(time).unwrap_or_default() {
            println!("{time}: {} from {} to {}", range.partition, range.from, range.until);
        }
        rdd.collect()?.iter().for_each(|line| println!("{line}"));
        Ok(())
    });

    streaming.start()?;
    eprintln!("Append lines to files in {folder} whose names end with .log.");
    streaming.await_termination()?;
    Ok(())
}

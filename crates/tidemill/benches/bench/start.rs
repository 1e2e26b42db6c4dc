//! How long the word count program takes from its start to the first batch with a record, and what it holds at rest.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tidemill::prelude::*;

use crate::measured::{Measured, now};

/// The argument by which this program becomes the word count program.
pub(crate) const PROGRAM: &str = "--word-count-program";
/// The batch interval of the program.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// The word count program, as the example has it.
pub(crate) fn program(port: u16) -> anyhow::Result<()> {
    let context = Context::local(2)?;
    let streaming = StreamingContext::new(&context, INTERVAL)?;
    let words = streaming.socket_text_stream("127.0.0.1", port).flat_map(|line| line.split(' '));
    words.map(|word| (word, 1)).reduce_by_key(|a, b| a + b).print(10);
    streaming.start()?;
    streaming.await_termination()?;
    Ok(())
}

/// From the start of the process to the first count on its standard output, less what the clock made it wait: the server
/// has its line ready as soon as the program connects, and the batch that it is in ends up to an interval later.
pub(crate) fn first_batch() -> anyhow::Result<Measured> {
    let mut run = Run::start()?;
    let wall = run.first_count()?;
    run.end()?;
    Ok(Measured { wall, cpu: Duration::ZERO, answer: 0 })
}

/// The memory of the program once the first batch is done, in MB where the harness says seconds.
pub(crate) fn memory_at_rest() -> anyhow::Result<Measured> {
    let mut run = Run::start()?;
    run.first_count()?;
    let status = std::fs::read_to_string(format!("/proc/{}/status", run.child.id()))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
    run.end()?;
    Ok(Measured { wall: Duration::from_secs_f64(kib as f64 / 1024.0), cpu: Duration::ZERO, answer: 0 })
}

struct Run {
    child: Child,
    listener: TcpListener,
    started: std::time::Instant,
}

impl Run {
    fn start() -> anyhow::Result<Run> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port().to_string();
        let started = now();
        let mut command = Command::new(std::env::current_exe()?);
        let child = command.args([PROGRAM, &port]).stdout(Stdio::piped()).spawn()?;
        Ok(Run { child, listener, started })
    }

    /// Waits for the first line that holds a count.
    fn first_count(&mut self) -> anyhow::Result<Duration> {
        let (mut connection, _) = self.listener.accept()?;
        connection.write_all(b"tide mill\n")?;
        let output = self.child.stdout.as_mut().context("no output")?;
        for line in BufReader::new(output).lines() {
            if line?.starts_with("(\"") {
                let wall = self.started.elapsed();
                drop(connection);
                return Ok(wall);
            }
        }
        anyhow::bail!("the program ended without a count")
    }

    fn end(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        if let Some(output) = &mut self.child.stdout {
            std::io::copy(&mut output.take(1 << 20), &mut std::io::sink())?;
        }
        Ok(())
    }
}

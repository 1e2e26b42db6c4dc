//! How long a program that was killed takes, started again, to its first correct batch.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use tidemill::core::{Clock, SystemClock};
use tidemill::prelude::*;
use tidemill::streaming::state::State;

use crate::measured::{Measured, now};

/// The argument by which this program becomes the one that is killed.
pub(crate) const PROGRAM: &str = "--restarted-program";
/// The batch interval of the program.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);
/// How far apart records are: a batch touches 1,000 keys.
const RECORD_EVERY_MICROS: u64 = 1_000;
/// So many batches run before the kill, so that what comes first is not what is measured.
const BATCHES_BEFORE: usize = 2;

/// Each key once, then a record a millisecond from `began` on.
#[derive(Clone, Serialize, Deserialize)]
struct Ticks {
    keys: u64,
    began: u64,
}

impl DirectSource for Ticks {
    type Partition = String;
    type Item = u64;
    type Error = Infallible;

    fn latest(&self) -> Result<Offsets<String>, Infallible> {
        let micros = SystemClock::new().now().micros() - self.began;
        Ok([("ticks".to_owned(), self.keys + micros / RECORD_EVERY_MICROS)].into())
    }

    fn read(
        &self,
        range: OffsetRange<String>,
    ) -> Result<impl Iterator<Item = Result<u64, Infallible>> + 'static, Infallible> {
        Ok((range.from..range.until).map(Ok))
    }
}

/// The program: it counts how often it has seen each key, and says after each batch whether that is right.
pub(crate) fn program(arguments: &[String]) -> anyhow::Result<()> {
    let [folder, keys, began] = arguments else { anyhow::bail!("a folder, a number of keys and a time are needed") };
    let (keys, began) = (keys.parse::<u64>()?, began.parse()?);
    let context = Context::local(2)?;
    let streaming = StreamingContext::get_or_create(folder, || {
        let streaming = StreamingContext::new(&context, INTERVAL)?;
        let ticks = streaming.direct_stream(Ticks { keys, began }, Start::Earliest);
        let count = |_: &u64, tick: Option<u64>, state: &mut State<u64>| {
            state.update(state.get().copied().unwrap_or(0) + 1);
            (tick.unwrap_or_default(), *state.get().unwrap_or(&0))
        };
        let counts = ticks.map(move |tick| (tick % keys, tick)).map_with_state(StateSpec::function(count));
        counts.foreach_rdd(move |counts, _| {
            let wrong = counts.filter(move |(tick, count)| *count != tick / keys + 1);
            println!("{} wrong of {}", wrong.count()?, counts.count()?);
            Ok(())
        });
        Ok(streaming)
    })?;
    streaming.start()?;
    streaming.await_termination()?;
    Ok(())
}

/// From the start of a program whose predecessor was killed, with a state of so many keys, to the end of its first batch.
pub(crate) fn first_batch(keys: u64) -> impl FnMut() -> anyhow::Result<Measured> {
    let mut killed = None;
    move || {
        if killed.is_none() {
            let (folder, began) = (tempfile::tempdir()?, SystemClock::new().now().micros());
            let mut first = Run::start(&folder, keys, began)?;
            first.batches(BATCHES_BEFORE)?;
            first.kill()?;
            killed = Some((folder, began));
        }
        let Some((folder, began)) = &killed else { unreachable!("it was killed above") };
        let started = now();
        let mut again = Run::start(folder, keys, *began)?;
        again.batches(1)?;
        let wall = started.elapsed();
        again.batches(BATCHES_BEFORE)?;
        again.kill()?;
        Ok(Measured { wall, cpu: Duration::ZERO, answer: 0 })
    }
}

struct Run {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Run {
    fn start(folder: &tempfile::TempDir, keys: u64, began: u64) -> anyhow::Result<Run> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(PROGRAM).arg(folder.path()).args([keys.to_string(), began.to_string()]);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        Ok(Run { child, lines })
    }

    /// Waits for so many batches, which must be right.
    fn batches(&mut self, count: usize) -> anyhow::Result<()> {
        for _ in 0..count {
            let line = self.lines.next().context("the program ended")??;
            ensure!(line.starts_with("0 wrong of ") && !line.ends_with(" of 0"), "a batch is not right: {line}");
        }
        Ok(())
    }

    fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?; // SIGKILL
        self.child.wait()?;
        Ok(())
    }
}

//! Soaks: runs of a minute and more, each once and in a process of its own, that show what holds up under load.
//!
//! A soak prints its figures as one line of JSON, so that its memory is its own and nothing of the benchmark's.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

mod flood;
mod interval;
mod memory;
mod state;

/// The argument by which this program becomes a soak; its name and its seconds follow.
pub(crate) const PROGRAM: &str = "--soak-program";

/// A long run.
pub(crate) struct Soak {
    /// What is done.
    pub(crate) name: &'static str,
    /// What is wanted.
    pub(crate) goal: &'static str,
    /// How long it runs.
    pub(crate) seconds: u64,
    run: fn(Duration) -> anyhow::Result<Soaked>,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Soaked {
    /// The figures, in order, each with its name.
    pub(crate) figures: Vec<(String, String)>,
    /// Whether the goal was met.
    pub(crate) met: bool,
}

/// All soaks.
pub(crate) fn all() -> Vec<Soak> {
    vec![
        Soak {
            name: "tiny word count every 2 ms: 100 words a batch by TCP",
            goal: "p99 of processing below 2 ms, no batch waits at the end",
            seconds: 60,
            run: interval::keeps_up,
        },
        Soak {
            name: "a source ten times too fast",
            goal: "memory flat after 10 s, every record counted",
            seconds: 60,
            run: flood::ten_times_too_fast,
        },
        Soak {
            name: "update_state_by_key over 36-byte keys that repeat",
            goal: "memory flat after 1 minute, every record counted",
            seconds: 600,
            run: state::keys_that_repeat,
        },
    ]
}

/// Becomes the soak called `name`.
pub(crate) fn program(name: &str, seconds: u64) -> anyhow::Result<()> {
    let soak = all().into_iter().find(|soak| soak.name == name).context("there is no such soak")?;
    let soaked = (soak.run)(Duration::from_secs(seconds))?;
    println!("{}", serde_json::to_string(&soaked)?);
    Ok(())
}

/// Runs a soak in a process of its own, for its own time or for `seconds`.
pub(crate) fn run(soak: &Soak, seconds: Option<u64>) -> anyhow::Result<Soaked> {
    let seconds = seconds.unwrap_or(soak.seconds);
    eprintln!("{} for {seconds} s ...", soak.name);
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.args([PROGRAM, soak.name, &seconds.to_string()]).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{}: the program ended with {}", soak.name, output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Prints what came of soaks.
pub(crate) fn print(outcomes: &[(Soak, Soaked)]) {
    for (soak, soaked) in outcomes {
        println!("\n{}\n  goal: {}: {}", soak.name, soak.goal, if soaked.met { "met" } else { "MISSED" });
        for (name, figure) in &soaked.figures {
            println!("  {name:<40}  {figure}");
        }
    }
}

//! Programs that are killed at any instant and started again: nothing is lost, nothing is there twice.
//!
//! The test is its own driver: started with the word `driver` it is a program of streams, with a checkpoint directory. It says
//! on its standard output which step it is in, so that the kills come in the middle of what matters; where they hit is told at
//! the end. `TIDEMILL_KILLS` is how many kills there are, over all programs, and `TIDEMILL_BACKLOG_MIB` how far a log is behind.
//! Names of programs may be given, to run those alone.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has to stop")]

mod backlog;
mod driver;
mod feeds;
mod killer;
mod marks;
mod oracle;
mod programs;
mod received;
mod saved;
mod sinks;
mod sources;
mod tally;

use std::process::ExitCode;
use std::sync::Mutex;

use tally::Tally;

/// How many kills there are without a wish for more.
const KILLS: usize = 200;
/// How far behind a log is, in MiB, without a wish for more.
const BACKLOG_MIB: u64 = 64;
/// How many drivers are there at a time: they wait for disks and for the next batch most of their time.
const AT_ONCE: usize = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = arguments.as_slice()
        && first == driver::WORD
    {
        return driver::main(rest);
    }
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let chosen = programs::ALL.iter().filter(|it| wanted.is_empty() || wanted.iter().any(|name| it.name == *name));
    let chosen: Vec<&programs::Program> = chosen.collect();
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let kills = number("TIDEMILL_KILLS").unwrap_or(KILLS as u64) as usize;
    let seed = number("TIDEMILL_KILLS_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let backlog = number("TIDEMILL_BACKLOG_MIB").unwrap_or(BACKLOG_MIB);
    if wanted.is_empty() || wanted.iter().any(|name| *name == "backlog") {
        println!("backlog: a program falls {backlog} MiB behind");
        let peak = backlog::run(backlog << 20);
        println!("backlog: {backlog} MiB of the log were read again with {peak} KiB of memory at most");
    }
    if chosen.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("{kills} kills, seed {seed}");
    let (queue, tallies) = (Mutex::new(chosen.iter().enumerate()), Mutex::new(Vec::<Option<Tally>>::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((place, program)) = queue.lock().unwrap().next() else { break };
                    let kills = kills.div_ceil(chosen.len());
                    let run = || killer::run(program, kills, seed.wrapping_add(place as u64));
                    let tally = std::panic::catch_unwind(run).ok(); // what it panicked with is printed
                    println!("{}: {}", program.name, tally.as_ref().map_or("FAILED".into(), Tally::to_string));
                    tallies.lock().unwrap().push(tally);
                }
            });
        }
    });
    let tallies = tallies.into_inner().unwrap();
    let whole: Option<Tally> = tallies.into_iter().collect::<Option<Vec<Tally>>>().map(|all| all.into_iter().sum());
    let Some(whole) = whole else { return ExitCode::FAILURE };
    println!("all: {whole}");
    if whole.inside() * 2 < whole.kills {
        println!("FAILED: fewer than half of the kills hit a batch or a log write");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

//! The benchmarks: each row sets one side against another on the same input, in turn, and shows how far it scatters.
//!
//! Run with: `make bench`, or one row with `cargo bench -p tidemill --bench bench -- --only NAME`.

mod build;
mod by_hand;
mod chain;
mod engine;
mod harness;
mod kept;
mod log;
mod measured;
mod report;
mod restart;
mod soak;
mod socket;
mod spilled;
mod start;
mod state;
mod steady;
mod text;
mod tiny;

use clap::Parser;

use crate::harness::{Goal, Row, Side};

/// Runs Tidemill's benchmarks.
#[derive(Parser)]
struct Options {
    /// How often both sides of a row run.
    #[arg(long, default_value_t = harness::ROUNDS_MIN, value_parser = clap::value_parser!(u32).range(i64::from(harness::ROUNDS_MIN)..))]
    rounds: u32,
    /// Only the rows whose name contains this.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// How long each soak runs, instead of its own time of a minute and more; 0 leaves them out.
    #[arg(long, value_name = "SECONDS")]
    soak: Option<u64>,
    /// What `cargo bench` hands to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    if let Some(port) = std::env::args().skip_while(|argument| argument != start::PROGRAM).nth(1) {
        return start::program(port.parse()?);
    }
    let restart: Vec<String> = std::env::args().skip_while(|argument| argument != restart::PROGRAM).skip(1).collect();
    if !restart.is_empty() {
        return restart::program(&restart);
    }
    let soak: Vec<String> = std::env::args().skip_while(|argument| argument != soak::PROGRAM).skip(1).collect();
    if let [name, seconds] = soak.as_slice() {
        return soak::program(name, seconds.parse()?);
    }
    let options = Options::parse();
    let chosen = |name: &str| options.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let rows: Vec<Row> = rows()?.into_iter().filter(|row| chosen(row.name)).collect();
    let soaks = soak::all().into_iter().filter(|soak| chosen(soak.name) && options.soak != Some(0));
    let soaks: Vec<soak::Soak> = soaks.collect();
    anyhow::ensure!(!rows.is_empty() || !soaks.is_empty(), "no row has such a name; without --only all rows run");
    let outcomes = harness::run(rows, options.rounds)?;
    let soaked = soaks.into_iter().map(|soak| Ok((soak::run(&soak, options.soak)?, soak)));
    let soaked = soaked.map(|both: anyhow::Result<_>| both.map(|(soaked, soak)| (soak, soaked)));
    let soaked: Vec<(soak::Soak, soak::Soaked)> = soaked.collect::<anyhow::Result<_>>()?;
    report::print(&outcomes);
    soak::print(&soaked);
    report::write(&outcomes, &soaked)
}

/// The table of benchmarks. What the sides of a row do stands in a module of its own.
fn rows() -> anyhow::Result<Vec<Row>> {
    let all = word_counts()?.into_iter().chain(logs()).chain(costs()).chain(states()).chain(restarts());
    Ok(all.collect())
}

/// The word count, against the loop by hand and against itself.
fn word_counts() -> anyhow::Result<Vec<Row>> {
    let large = engine::Blocks::of(text::large(), 1)?;
    let small = engine::Blocks::of(text::small(), 1)?;
    let (halves, whole) = (engine::Blocks::of(text::large(), 2)?, engine::Blocks::of(text::large(), 2)?);
    let again = engine::Blocks::of(text::large(), 2)?;
    Ok(vec![
        Row {
            name: "word count, 50,000 words, local[1]",
            goal: Goal::SpeedAtLeast(1.15),
            left: Side::new("from memory", move || engine::word_count(1, &large)),
            right: Some(Side::new("by hand", || by_hand::word_count(text::large()))),
        },
        Row {
            name: "word count, 1,000 words, local[1]",
            goal: Goal::SpeedAtLeast(0.85),
            left: Side::new("from memory", move || engine::word_count(1, &small)),
            right: Some(Side::new("by hand", || by_hand::word_count(text::small()))),
        },
        Row {
            name: "word count, 50,000 words, local[2]",
            goal: Goal::SpeedAtLeast(1.8),
            left: Side::new("local[2]", move || engine::word_count(2, &halves)),
            right: Some(Side::new("local[1]", move || engine::word_count(1, &whole))),
        },
        Row {
            name: "word count drained from a TCP socket, 1 GiB, 1 s batches, local[2]",
            goal: Goal::SpeedAtLeast(0.6),
            left: Side::new("from a socket", || socket::drained(text::large())),
            right: Some(Side::new("from memory", move || socket::from_memory(&again))),
        },
    ])
}

/// What it costs that received blocks outlive the process.
fn logs() -> Vec<Row> {
    vec![
        Row {
            name: "log blocks of 8 MiB written with sync, 256 MiB",
            goal: Goal::SpeedAtLeast(0.8),
            left: Side::new("the log", || log::appended(text::large())),
            right: Some(Side::new("dd oflag=dsync", || log::by_dd(text::large()))),
        },
        Row {
            name: "word count drained from a TCP socket with log and checkpoints, 1 GiB, 1 s batches, local[2]",
            goal: Goal::SpeedAtLeast(0.7),
            left: Side::new("with log and checkpoints", || socket::logged(text::large())),
            right: Some(Side::new("the slower of: without, dd oflag=dsync", || log::without_or_dd(text::large()))),
        },
    ]
}

/// What batches and slides cost as state and windows grow.
fn states() -> Vec<Row> {
    vec![
        Row {
            name: "map_with_state with time-outs: 10 batches that touch 10,000 keys",
            goal: Goal::TimesAtMost(2.0),
            left: Side::new("out of 1,000,000", state::touches(1_000_000)),
            right: Some(Side::new("out of 10,000", state::touches(10_000))),
        },
        Row {
            name: "1,000,000 keys of state: 10 batches that touch 1 %",
            goal: Goal::TimesAtMost(1.5),
            left: Side::new("with checkpoints", steady::batches(true)),
            right: Some(Side::new("without", steady::batches(false))),
        },
        Row {
            name: "checkpoint directory after 10,000 batches of a steady stream, against after 1,000 (read seconds as ratio)",
            goal: Goal::SecondsAtMost(1.1),
            left: Side::new("times the size", steady::growth),
            right: None,
        },
        Row {
            name: "1,000,000 keys of state: delta of a batch that touches 1 % (read seconds as percent of the state)",
            goal: Goal::SecondsAtMost(3.0),
            left: Side::new("percent", kept::delta_percent),
            right: None,
        },
        Row {
            name: "1,000,000 keys of state: written a batch, with snapshots, over 200 (read seconds as percent of the state)",
            goal: Goal::SecondsAtMost(15.0),
            left: Side::new("percent", kept::percent_with_snapshots),
            right: None,
        },
        Row {
            name: "1,000,000 keys of 200 bytes of state: 10 batches that touch 1 %",
            goal: Goal::None,
            left: Side::new("in a quarter of the memory", spilled::batches(spilled::QUARTER)),
            right: Some(Side::new("in memory", spilled::batches(None))),
        },
        Row {
            name: "window with inverse: 10 slides of the same 50,000 keys",
            goal: Goal::TimesAtMost(1.3),
            left: Side::new("60 slides", state::slides(60)),
            right: Some(Side::new("6 slides", state::slides(6))),
        },
    ]
}

/// How long a program that was killed is away. Up to one interval of it is waiting.
fn restarts() -> Vec<Row> {
    let row = |name, keys, seconds| Row {
        name,
        goal: Goal::SecondsAtMost(restart::INTERVAL.as_secs_f64() + seconds),
        left: Side::new("seconds", restart::first_batch(keys)),
        right: None,
    };
    vec![
        row("killed program with 1,000 keys of state: start to first correct batch (interval of 1 s)", 1_000, 0.5),
        row(
            "killed program with 1,000,000 keys of state: start to first correct batch (interval of 1 s)",
            1_000_000,
            2.0,
        ),
    ]
}

/// What operators, jobs, starts and builds cost.
fn costs() -> Vec<Row> {
    vec![
        Row {
            name: "8 cheap map/filter on integers: 1,000 elements and one operator",
            goal: Goal::SecondsAtMost(0.5e-6),
            left: Side::new("local[1]", chain::eight_operators),
            right: None,
        },
        Row {
            name: "tiny job of two stages, 2 x 2 tasks, one every 2 ms: p50",
            goal: Goal::SecondsAtMost(60e-6),
            left: Side::new("p50 of 1,000 jobs", || tiny::job_at(0.5)),
            right: None,
        },
        Row {
            name: "tiny job of two stages, 2 x 2 tasks, one every 2 ms: p99",
            goal: Goal::SecondsAtMost(300e-6),
            left: Side::new("p99 of 1,000 jobs", || tiny::job_at(0.99)),
            right: None,
        },
        Row {
            name: "word count program: start to first batch with a record (up to one interval of 1 s is waiting)",
            goal: Goal::SecondsAtMost(start::INTERVAL.as_secs_f64() + 0.05),
            left: Side::new("seconds", start::first_batch),
            right: None,
        },
        Row {
            name: "word count program: memory at rest (read seconds as MiB)",
            goal: Goal::SecondsAtMost(25.0),
            left: Side::new("MiB", start::memory_at_rest),
            right: None,
        },
        Row {
            name: "incremental build of the word count example, debug",
            goal: Goal::SecondsAtMost(5.0),
            left: Side::new("cargo build", || build::after_a_change("dev")),
            right: None,
        },
        Row {
            name: "incremental build of the word count example, release",
            goal: Goal::SecondsAtMost(15.0),
            left: Side::new("cargo build", || build::after_a_change("release")),
            right: None,
        },
    ]
}

//! The benchmarks: each row sets one side against another on the same input, in turn, and shows how far it scatters.
//!
//! Run with: `make bench`, or one row with `cargo bench -p tidemill --bench bench -- --only NAME`.

mod by_hand;
mod harness;
mod measured;
mod report;
mod text;

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
    /// What `cargo bench` hands to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let chosen = |row: &Row| options.only.as_ref().is_none_or(|only| row.name.contains(only.as_str()));
    let rows: Vec<Row> = rows().into_iter().filter(chosen).collect();
    anyhow::ensure!(!rows.is_empty(), "no row has such a name; without --only all rows run");
    let outcomes = harness::run(rows, options.rounds)?;
    report::print(&outcomes);
    report::write(&outcomes)
}

/// The table of benchmarks. A row is added here; what its sides do stands in a module of its own.
fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "word count, 50,000 words: hash tables by hand",
            goal: Goal::None,
            left: Side::new("by hand, hashbrown + foldhash", || by_hand::word_count(text::large())),
            right: Some(Side::new("by hand, std HashMap", || by_hand::word_count_std(text::large()))),
        },
        Row {
            name: "word count, 1,000 words: hash tables by hand",
            goal: Goal::None,
            left: Side::new("by hand, hashbrown + foldhash", || by_hand::word_count(text::small())),
            right: Some(Side::new("by hand, std HashMap", || by_hand::word_count_std(text::small()))),
        },
    ]
}

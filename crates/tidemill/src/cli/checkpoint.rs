//! `tidemill checkpoint`: what lies in a checkpoint directory, in words.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use tidemill_core::Timestamp;
use tidemill_streaming::checkpoint::{Survey, SurveyedOperator, survey};

use crate::Settings;

/// How many batches are shown by their times; of more only the first and the last are.
const BATCHES_SHOWN_MAX: usize = 20;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Shows the program, its batches, its operators and the sizes of their states
    Show(Options),
    /// Reads every file and checks it; the exit code is 1 where something cannot be read
    Verify(Options),
}

#[derive(Args)]
pub(super) struct Options {
    /// The checkpoint directory, or the URL of an object store
    directory: String,
}

/// Does what the command says. A driver may be running meanwhile: nothing is changed.
pub(super) fn obey(command: &Command, out: &mut dyn Write) -> Result<()> {
    let (options, whole) = match command {
        Command::Show(options) => (options, false),
        Command::Verify(options) => (options, true),
    };
    let directory = &options.directory;
    let Some(survey) = survey(directory, &Settings::new(), whole)? else {
        bail!("{directory} holds no checkpoint; give the directory that the program was given");
    };
    if whole { verified(&survey, out) } else { Ok(show(&survey, out)?) }
}

fn verified(survey: &Survey, out: &mut dyn Write) -> Result<()> {
    let (files, bytes) = survey.files;
    if survey.damage.is_empty() {
        writeln!(out, "{}: {files} files, {}, all readable", survey.location, size(bytes))?;
        return Ok(());
    }
    for damage in &survey.damage {
        writeln!(out, "{damage}")?;
    }
    bail!("{} of {} cannot be read as it was written", count(survey.damage.len(), "part"), survey.location);
}

fn show(survey: &Survey, out: &mut dyn Write) -> io::Result<()> {
    let name = if survey.name.is_empty() { "a program without a name" } else { &survey.name };
    writeln!(out, "{}: {name}, a batch every {:?}", survey.location, survey.interval)?;
    let last = survey.last.map_or("none yet".to_owned(), |last| batch(last, survey.zero, survey.interval));
    writeln!(out, "last batch planned: {last}")?;
    let (files, bytes) = survey.files;
    writeln!(out, "{}, {}", count(files, "file"), size(bytes))?;
    writeln!(out)?;
    show_batches(survey, out)?;
    writeln!(out, "operators:")?;
    for operator in &survey.operators {
        show_operator(operator, out)?;
    }
    if !survey.received.is_empty() {
        writeln!(out, "\nreceived blocks:")?;
    }
    for (folder, segments, bytes) in &survey.received {
        writeln!(out, "  {folder}: {}, {}", count(*segments, "segment"), size(*bytes))?;
    }
    for damage in &survey.damage {
        writeln!(out, "\nnot readable: {damage}")?;
    }
    Ok(())
}

fn show_batches(survey: &Survey, out: &mut dyn Write) -> io::Result<()> {
    let unfinished = survey.batches.iter().filter(|batch| !batch.is_done);
    let unfinished: Vec<_> = unfinished.collect();
    if unfinished.is_empty() {
        return writeln!(out, "all batches that were planned are done\n");
    }
    writeln!(out, "{} not done, to be run again:", count(unfinished.len(), "batch"))?;
    for (place, it) in unfinished.iter().enumerate() {
        if place == BATCHES_SHOWN_MAX && unfinished.len() > BATCHES_SHOWN_MAX + 1 {
            writeln!(out, "  ... {} more", unfinished.len() - place)?;
            break;
        }
        let inputs: Vec<String> =
            it.inputs.iter().map(|(id, bytes)| format!("{id} ({})", size(*bytes as u64))).collect();
        let inputs = if inputs.is_empty() { "no input".to_owned() } else { format!("input of {}", inputs.join(", ")) };
        writeln!(out, "  {}: {inputs}", batch(it.time, survey.zero, survey.interval))?;
    }
    writeln!(out)
}

fn show_operator(operator: &SurveyedOperator, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  {:<7} {}    {}", operator.role, operator.id, operator.operator)?;
    let Some(state) = &operator.state else { return Ok(()) };
    let newest = state.newest.map_or("no version yet".to_owned(), |newest| format!("newest version of batch {newest}"));
    let (steps, bytes) = state.steps;
    let snapshot = state.snapshots.last();
    let snapshot =
        snapshot.map_or("no snapshot".to_owned(), |(time, bytes)| format!("snapshot of {time}: {}", size(*bytes)));
    writeln!(out, "          {newest}; {snapshot}; {} of changes: {}", count(steps, "step"), size(bytes))
}

/// A batch, by its time and its number since the program began.
fn batch(time: Timestamp, zero: Timestamp, interval: Duration) -> String {
    let number = time.since(zero).as_micros() / interval.as_micros().max(1);
    format!("{time} (number {number})")
}

fn count(count: usize, what: &str) -> String {
    match (count, what) {
        (1, what) => format!("1 {what}"),
        (count, "batch") => format!("{count} batches"),
        (count, what) => format!("{count} {what}s"),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestContext;

    fn said(command: &Command) -> (String, Result<()>) {
        let mut out = Vec::new();
        let done = obey(command, &mut out);
        (String::from_utf8(out).unwrap(), done)
    }

    fn options(folder: &tempfile::TempDir) -> Options {
        Options { directory: folder.path().display().to_string() }
    }

    /// A program that has run for two batches, of which the second failed.
    fn run(folder: &tempfile::TempDir) {
        let settings = Settings::from_pairs([("spark.app.name", "sums")]);
        let now = Timestamp::default();
        let test = TestContext::go_on(&settings, Duration::from_secs(1), folder.path(), now).unwrap();
        let (feed, pairs) = test.input::<(u32, u64)>();
        let sums = pairs
            .uid("orders")
            .unwrap()
            .update_state_by_key(|new, sum: Option<u64>| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()));
        sums.foreach_rdd(|_, time| if time.millis() == 1000 { Ok(()) } else { Err("out of order".into()) });
        feed.push([(1, 1)]);
        test.tick().unwrap();
        feed.push([(1, 1)]);
        test.tick().unwrap_err();
    }

    #[test]
    fn a_checkpoint_is_shown_and_checked() {
        let folder = tempfile::tempdir().unwrap();
        let (_, error) = said(&Command::Show(options(&folder)));
        assert!(error.unwrap_err().to_string().contains("holds no checkpoint"));
        run(&folder);
        let (shown, done) = said(&Command::Show(options(&folder)));
        done.unwrap();
        for part in [
            "sums, a batch every 1s",
            "last batch planned: 2000 ms (number 2)",
            "1 batch not done, to be run again:\n  2000 ms (number 2): input of orders (",
            "source  orders    test_input at ",
            "state   update_state_by_key(orders)    update_state_by_key at ",
            "newest version of batch 2000 ms",
        ] {
            assert!(shown.contains(part), "{part:?} in:\n{shown}");
        }
        let (said_, done) = said(&Command::Verify(options(&folder)));
        done.unwrap();
        assert!(said_.contains("all readable"), "{said_}");
    }

    #[test]
    fn damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        run(&folder);
        let deltas = folder.path().join("000001/state/update_state_by_key=28orders=29/deltas");
        let file = std::fs::read_dir(deltas).unwrap().next().unwrap().unwrap().path();
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let (said_, done) = said(&Command::Verify(options(&folder)));
        assert!(said_.contains("state/update_state_by_key=28orders=29/deltas: segment "), "{said_}");
        assert!(done.unwrap_err().to_string().contains("cannot be read as it was written"));
    }
}

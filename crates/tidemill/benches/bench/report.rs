//! What the rows came to: a table for people, and `target/bench/results.json` for programs.

use std::path::Path;
use std::{fs, thread};

use anyhow::Context;
use serde_json::{Value, json};

use crate::harness::{Goal, Outcome, Rounds, median};
use crate::soak::{Soak, Soaked};

const HEAD: [&str; 6] = ["side", "median", "min - max", "cpu", "ratio (cpu)", "goal"];

/// Prints the outcomes as one aligned table.
pub(crate) fn print(outcomes: &[Outcome]) {
    let mut lines: Vec<(bool, [String; 6])> = vec![(false, HEAD.map(str::to_owned))];
    for outcome in outcomes {
        lines.push((true, title(outcome)));
        lines.push((false, side(&outcome.left, ratios(outcome), goal(outcome))));
        if let Some(right) = &outcome.right {
            lines.push((false, side(right, "1".to_owned(), String::new())));
        }
    }
    let cells = || lines.iter().filter(|(is_title, _)| !is_title).map(|(_, cells)| cells);
    let widths = [0, 1, 2, 3, 4, 5].map(|column| cells().map(|cells| cells[column].len()).max().unwrap_or(0));
    for (is_title, cells) in &lines {
        if *is_title {
            println!("\n{}", cells[0]);
            continue;
        }
        let aligned = cells.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            0 | 5 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        println!("  {}", aligned.collect::<Vec<String>>().join("  ").trim_end());
    }
    let machine = format!("{} processors, {}", processors(), model());
    println!(
        "\nratio: how many times as fast the first side is, the median of the rounds' own; wall time first. {machine}"
    );
}

/// Writes the outcomes, with every round, as JSON beside what cargo builds.
pub(crate) fn write(outcomes: &[Outcome], soaked: &[(Soak, Soaked)]) -> anyhow::Result<()> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("cargo builds into a folder")?;
    let path = target.join("bench").join("results.json");
    let rows: Vec<Value> = outcomes.iter().map(row_json).collect();
    let soaks = soaked.iter().map(
        |(soak, soaked)| json!({ "name": soak.name, "goal": soak.goal, "met": soaked.met, "figures": soaked.figures }),
    );
    let soaks: Vec<Value> = soaks.collect();
    let all = json!({ "processors": processors(), "model": model(), "unit": "seconds", "rows": rows, "soaks": soaks });
    fs::create_dir_all(target.join("bench"))
        .and_then(|()| fs::write(&path, format!("{all:#}\n")))
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("every round: {}", path.display());
    Ok(())
}

fn title(outcome: &Outcome) -> [String; 6] {
    let rounds = outcome.left.wall.len();
    let [before, after] = outcome.load;
    let line = format!("{} ({rounds} rounds, load {before:.1} to {after:.1})", outcome.name);
    [line, String::new(), String::new(), String::new(), String::new(), String::new()]
}

fn side(rounds: &Rounds, ratio: String, goal: String) -> [String; 6] {
    let (min, max) = (least(&rounds.wall), greatest(&rounds.wall));
    let spread = format!("{} - {}", seconds(min), seconds(max));
    [rounds.label.to_owned(), seconds(median(&rounds.wall)), spread, seconds(median(&rounds.cpu)), ratio, goal]
}

fn ratios(outcome: &Outcome) -> String {
    match (outcome.ratio(), outcome.cpu_ratio()) {
        (Some(wall), Some(cpu)) => format!("{wall:.2} ({cpu:.2})"),
        (Some(wall), None) => format!("{wall:.2}"),
        _ => String::new(),
    }
}

fn goal(outcome: &Outcome) -> String {
    let wanted = match outcome.goal {
        Goal::None => return String::new(),
        Goal::SpeedAtLeast(least) => format!("at least {least:.2}"),
        Goal::TimesAtMost(most) => format!("at least {:.2} (at most {most} times the time)", 1.0 / most),
        Goal::SecondsAtMost(most) => format!("at most {}", seconds(most)),
    };
    match outcome.met() {
        Some(true) => format!("{wanted}: met"),
        Some(false) => format!("{wanted}: MISSED"),
        None => wanted,
    }
}

fn seconds(seconds: f64) -> String {
    match seconds {
        ..1e-3 => format!("{:.1} us", seconds * 1e6),
        ..1.0 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{seconds:.3} s"),
    }
}

fn row_json(outcome: &Outcome) -> Value {
    let goal = match outcome.goal {
        Goal::None => Value::Null,
        Goal::SpeedAtLeast(least) => json!({ "speed_at_least": least }),
        Goal::TimesAtMost(most) => json!({ "times_at_most": most }),
        Goal::SecondsAtMost(most) => json!({ "seconds_at_most": most }),
    };
    json!({
        "name": outcome.name,
        "left": side_json(&outcome.left),
        "right": outcome.right.as_ref().map(side_json),
        "ratio": outcome.ratio(),
        "cpu_ratio": outcome.cpu_ratio(),
        "goal": goal,
        "met": outcome.met(),
        "load": outcome.load,
    })
}

fn side_json(rounds: &Rounds) -> Value {
    let of = |values: &[f64]| json!({ "median": median(values), "min": least(values), "max": greatest(values), "rounds": values });
    json!({ "label": rounds.label, "wall": of(&rounds.wall), "cpu": of(&rounds.cpu) })
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn greatest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

fn processors() -> usize {
    thread::available_parallelism().map_or(0, |count| count.get())
}

/// What the machine calls its processor.
fn model() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(": ")).map_or("unknown processor", |(_, model)| model).to_owned()
}

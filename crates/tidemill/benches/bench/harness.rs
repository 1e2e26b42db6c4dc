//! Runs the rows: both sides in turn, so that whatever else the machine does falls on both.

use anyhow::{Context, ensure};

use crate::measured::Measured;

/// Fewer rounds say nothing about how far the figures scatter.
pub(crate) const ROUNDS_MIN: u32 = 5;

/// One way to do a row's work.
pub(crate) struct Side {
    /// How the table calls it.
    pub(crate) label: &'static str,
    /// Does the work once; see [`measure`](crate::measured::measure).
    pub(crate) run: Box<dyn FnMut() -> anyhow::Result<Measured>>,
}

impl Side {
    /// A side that runs `run`.
    pub(crate) fn new(label: &'static str, run: impl FnMut() -> anyhow::Result<Measured> + 'static) -> Side {
        Side { label, run: Box::new(run) }
    }
}

/// What a row wants to come to.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "a goal is set when a row of the engine has one")]
pub(crate) enum Goal {
    /// The row only informs.
    None,
    /// Left is at least so many times as fast as right, in wall time.
    SpeedAtLeast(f64),
    /// Left takes at most so many times as long as right, in wall time.
    TimesAtMost(f64),
    /// Left takes at most so many seconds.
    SecondsAtMost(f64),
}

/// A benchmark: one side alone, or two that do the same work.
pub(crate) struct Row {
    /// What is done.
    pub(crate) name: &'static str,
    /// What left wants to come to.
    pub(crate) goal: Goal,
    /// The side that the row is about.
    pub(crate) left: Side,
    /// The side that it is held against.
    pub(crate) right: Option<Side>,
}

/// What came of a row.
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) goal: Goal,
    pub(crate) left: Rounds,
    pub(crate) right: Option<Rounds>,
    /// Load averages over one minute, before and after.
    pub(crate) load: [f64; 2],
}

/// What a side took in each round, in seconds.
pub(crate) struct Rounds {
    pub(crate) label: &'static str,
    pub(crate) wall: Vec<f64>,
    pub(crate) cpu: Vec<f64>,
}

impl Outcome {
    /// How many times as fast left is as right, in wall time: the median of the rounds' own ratios, since the two runs of a round are neighbours.
    pub(crate) fn ratio(&self) -> Option<f64> {
        self.right.as_ref().map(|right| median_ratio(&right.wall, &self.left.wall))
    }

    /// How much less processor time left takes, of all rounds together: its clock is too coarse for one round of a short row.
    pub(crate) fn cpu_ratio(&self) -> Option<f64> {
        let sum = |rounds: &Rounds| rounds.cpu.iter().sum::<f64>();
        let left = sum(&self.left);
        self.right.as_ref().filter(|_| left > 0.0).map(|right| sum(right) / left)
    }

    /// Whether the goal is met; `None` where there is no goal.
    pub(crate) fn met(&self) -> Option<bool> {
        match self.goal {
            Goal::None => None,
            Goal::SpeedAtLeast(least) => self.ratio().map(|ratio| ratio >= least),
            Goal::TimesAtMost(most) => self.ratio().map(|ratio| 1.0 / ratio <= most),
            Goal::SecondsAtMost(most) => Some(median(&self.left.wall) <= most),
        }
    }
}

/// Runs every row in `rounds` rounds, after one run of each side that does not count.
pub(crate) fn run(rows: Vec<Row>, rounds: u32) -> anyhow::Result<Vec<Outcome>> {
    rows.into_iter().map(|row| run_row(row, rounds)).collect()
}

fn run_row(row: Row, rounds: u32) -> anyhow::Result<Outcome> {
    eprintln!("{} ...", row.name);
    let load_before = load_average();
    let mut sides: Vec<(Side, Rounds)> = [Some(row.left), row.right].into_iter().flatten().map(with_rounds).collect();
    let mut answers = Vec::new();
    for (side, _) in &mut sides {
        answers.push((side.run)()?.answer);
    }
    ensure!(answers.iter().all(|answer| *answer == answers[0]), "{}: the sides came to different results", row.name);
    for round in 0..rounds {
        // Who goes first changes from round to round: the second finds the caches as the first left them.
        if round > 0 {
            sides.reverse();
        }
        for (side, taken) in &mut sides {
            let measured = (side.run)()?;
            ensure!(measured.answer == answers[0], "{}: `{}` came to another result than before", row.name, side.label);
            taken.wall.push(measured.wall.as_secs_f64());
            taken.cpu.push(measured.cpu.as_secs_f64());
        }
    }
    if rounds.is_multiple_of(2) {
        sides.reverse();
    }
    let mut taken = sides.into_iter().map(|(_, taken)| taken);
    let left = taken.next().context("a row has a left side")?;
    Ok(Outcome { name: row.name, goal: row.goal, left, right: taken.next(), load: [load_before, load_average()] })
}

fn with_rounds(side: Side) -> (Side, Rounds) {
    let label = side.label;
    (side, Rounds { label, wall: Vec::new(), cpu: Vec::new() })
}

/// How many threads of the machine wanted to run over the last minute; 0 where it does not say.
fn load_average() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().and_then(|minute| minute.parse().ok()).unwrap_or(0.0)
}

/// The middle of the values, or of the two in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { (sorted[middle - 1] + sorted[middle]) / 2.0 } else { sorted[middle] }
}

fn median_ratio(left: &[f64], right: &[f64]) -> f64 {
    let ratios: Vec<f64> = left.iter().zip(right).map(|(left, right)| left / right).collect();
    median(&ratios)
}

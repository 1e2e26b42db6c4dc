//! `Tally`: what kills hit.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;

/// Steps that only a restart has: a kill there hits neither a batch nor the write of a log.
const OUTSIDE: [&str; 1] = ["begin"];

/// What the kills of programs hit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) kills: usize,
    /// For each set of steps that the program was in, how often.
    pub(crate) hits: BTreeMap<Vec<String>, usize>,
    /// Batches that were run more than once.
    pub(crate) again: usize,
    /// Records that came out, and batches.
    pub(crate) records: usize,
    pub(crate) batches: usize,
}

impl Tally {
    pub(crate) fn hit(&mut self, steps: Vec<String>) {
        self.kills += 1;
        *self.hits.entry(steps).or_default() += 1;
    }

    /// How many kills hit a batch or the write of a log.
    pub(crate) fn inside(&self) -> usize {
        let counts = |steps: &[String]| steps.iter().any(|step| !OUTSIDE.contains(&step.as_str()));
        self.hits.iter().filter(|(steps, _)| counts(steps)).map(|(_, hits)| hits).sum()
    }

    /// How many kills hit each step; several steps may have been under way.
    fn by_step(&self) -> BTreeMap<&str, usize> {
        let mut by_step = BTreeMap::new();
        for (steps, hits) in &self.hits {
            for step in steps {
                *by_step.entry(step.as_str()).or_default() += hits;
            }
        }
        by_step
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Tally>>(tallies: I) -> Tally {
        tallies.fold(Tally::default(), |mut all, tally| {
            all.kills += tally.kills;
            all.again += tally.again;
            all.records += tally.records;
            all.batches += tally.batches;
            for (steps, hits) in tally.hits {
                *all.hits.entry(steps).or_default() += hits;
            }
            all
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kills, inside) = (self.kills, self.inside());
        write!(f, "{kills} kills, {inside} in a batch or a log write (")?;
        let steps: Vec<String> = self.by_step().iter().map(|(step, hits)| format!("{step} {hits}")).collect();
        let (batches, records, again) = (self.batches, self.records, self.again);
        write!(
            f,
            "{}); {batches} batches, {again} of them more than once, {records} records once each",
            steps.join(", ")
        )
    }
}

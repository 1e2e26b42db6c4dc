//! `Ledger`: what a checkpoint knows of a program's batches, and the entries of the log by which it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidemill_core::Timestamp;
use tidemill_core::ship::Bytes;

use crate::graph::ids::Role;

/// What a checkpoint knows: of the program, and of each batch that is not over for good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) program: Program,
    /// The batches whose input is still needed, by time.
    pub(crate) batches: BTreeMap<Timestamp, Batch>,
    /// The last batch that was ever planned.
    pub(crate) last: Option<Timestamp>,
}

/// What a checkpoint knows of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) interval: Duration,
    /// The time before the first batch.
    pub(crate) zero: Timestamp,
    pub(crate) operators: Vec<OperatorEntry>,
    /// How many operators there are of those that are told apart by a number only.
    pub(crate) twins: BTreeMap<String, u32>,
    /// Settings as the user wrote them, but for secrets.
    pub(crate) settings: Vec<(String, String)>,
    /// What a language above Rust needs to declare the program again.
    pub(crate) code: Option<Bytes>,
}

/// An operator that has an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OperatorEntry {
    pub(crate) id: String,
    pub(crate) role: Role,
    /// Its name and source line.
    pub(crate) operator: String,
}

/// A batch: what it holds, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// What it got of each input, by the input's id.
    pub(crate) inputs: BTreeMap<String, Vec<u8>>,
    pub(crate) is_done: bool,
}

/// An entry of the log. Further kinds are added behind the last; a kind never changes, and is never taken away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Entry {
    /// All that is known: the first entry of each segment.
    Whole(Whole),
    /// A batch and its input.
    Planned(Planned),
    /// Batches that will not be run again, by time.
    Done(Vec<u64>),
    /// The code of the program has changed.
    Code(Bytes),
}

/// A [`Ledger`], written down. Times are microseconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Whole {
    release: String,
    name: String,
    interval_micros: u64,
    zero: u64,
    operators: Vec<OperatorEntry>,
    twins: BTreeMap<String, u32>,
    settings: Vec<(String, String)>,
    code: Option<Bytes>,
    batches: Vec<(Planned, bool)>,
    last: Option<u64>,
    more: More,
}

/// A batch, written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Planned {
    time: u64,
    /// For each input its place among the operators of the segment, and what the batch got of it.
    inputs: Vec<(u32, Bytes)>,
    more: More,
}

/// What later releases add, by name.
type More = Vec<(String, Bytes)>;

/// The log contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Contradiction {
    #[error("an entry names operator {0}, and there are fewer")]
    NoSuchOperator(u32),
}

impl Ledger {
    /// Notes a batch, and says how that is written down.
    pub(super) fn plan(&mut self, time: Timestamp, inputs: BTreeMap<String, Vec<u8>>) -> Entry {
        let batch = Batch { inputs, is_done: false };
        let planned = self.planned(time, &batch);
        self.batches.insert(time, batch);
        self.last = self.last.max(Some(time));
        Entry::Planned(planned)
    }

    /// Notes that batches are done, and says how that is written down.
    pub(super) fn done(&mut self, times: &[Timestamp]) -> Entry {
        for time in times {
            if let Some(batch) = self.batches.get_mut(time) {
                batch.is_done = true;
            }
        }
        Entry::Done(times.iter().map(|time| time.micros()).collect())
    }

    /// Notes a change of the code, and says how that is written down.
    pub(super) fn code(&mut self, code: Vec<u8>) -> Entry {
        self.program.code = Some(Bytes(code.clone()));
        Entry::Code(Bytes(code))
    }

    /// Whether a batch is done.
    pub(crate) fn is_done(&self, time: Timestamp) -> bool {
        self.batches.get(&time).map_or(Some(time) <= self.last, |batch| batch.is_done)
    }

    /// The first batch that would not be done if those of `done` were: the oldest of those that are planned, or the one behind
    /// them.
    pub(crate) fn next_after(&self, done: &[Timestamp]) -> Timestamp {
        let mut unfinished = self.batches.iter().filter(|(time, batch)| !batch.is_done && !done.contains(time));
        let behind = self.last.unwrap_or(self.program.zero) + self.program.interval;
        unfinished.next().map_or(behind, |(time, _)| *time)
    }

    /// Drops the batches before `time` that are done. The last one stays: inputs go on from it.
    pub(crate) fn forget(&mut self, before: Timestamp) {
        let last = self.last;
        self.batches.retain(|time, batch| *time >= before || !batch.is_done || Some(*time) == last);
    }

    /// All of it, written down.
    pub(super) fn whole(&self) -> Entry {
        let Program { name, interval, zero, operators, twins, settings, code } = self.program.clone();
        Entry::Whole(Whole {
            release: env!("CARGO_PKG_VERSION").to_owned(),
            name,
            interval_micros: interval.as_micros() as u64,
            zero: zero.micros(),
            operators,
            twins,
            settings,
            code,
            batches: self.batches.iter().map(|(time, batch)| (self.planned(*time, batch), batch.is_done)).collect(),
            last: self.last.map(Timestamp::micros),
            more: More::new(),
        })
    }

    fn planned(&self, time: Timestamp, batch: &Batch) -> Planned {
        let place = |id: &String| self.program.operators.iter().position(|operator| operator.id == *id);
        let inputs = batch.inputs.iter().filter_map(|(id, entry)| Some((place(id)? as u32, Bytes(entry.clone()))));
        Planned { time: time.micros(), inputs: inputs.collect(), more: More::new() }
    }

    /// Takes in an entry of the log.
    pub(super) fn apply(&mut self, entry: Entry) -> Result<(), Contradiction> {
        match entry {
            Entry::Whole(whole) => *self = Ledger::from_whole(whole)?,
            Entry::Planned(planned) => {
                let (time, batch) = self.batch(planned)?;
                self.last = self.last.max(Some(time));
                self.batches.insert(time, batch);
            }
            Entry::Done(times) => {
                let done: BTreeSet<Timestamp> = times.into_iter().map(Timestamp::from_micros).collect();
                self.batches.iter_mut().filter(|(time, _)| done.contains(time)).for_each(|(_, it)| it.is_done = true);
            }
            Entry::Code(code) => self.program.code = Some(code),
        }
        Ok(())
    }

    fn from_whole(whole: Whole) -> Result<Ledger, Contradiction> {
        let Whole { name, interval_micros, zero, operators, twins, settings, code, batches, last, .. } = whole;
        let (interval, zero) = (Duration::from_micros(interval_micros), Timestamp::from_micros(zero));
        let program = Program { name, interval, zero, operators, twins, settings, code };
        let mut ledger = Ledger { program, batches: BTreeMap::new(), last: last.map(Timestamp::from_micros) };
        for (planned, is_done) in batches {
            let (time, batch) = ledger.batch(planned)?;
            ledger.batches.insert(time, Batch { is_done, ..batch });
        }
        Ok(ledger)
    }

    fn batch(&self, planned: Planned) -> Result<(Timestamp, Batch), Contradiction> {
        let mut inputs = BTreeMap::new();
        for (place, Bytes(entry)) in planned.inputs {
            let operator = self.program.operators.get(place as usize);
            let operator = operator.ok_or(Contradiction::NoSuchOperator(place))?;
            inputs.insert(operator.id.clone(), entry);
        }
        Ok((Timestamp::from_micros(planned.time), Batch { inputs, is_done: false }))
    }
}

#[cfg(test)]
mod tests;

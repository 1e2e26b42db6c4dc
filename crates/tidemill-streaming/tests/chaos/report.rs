//! What a trial went through, in figures.

use std::collections::BTreeMap;
use std::fmt;

/// Counts of many trials.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) programs: u64,
    pub(crate) runs: u64,
    pub(crate) crashes: u64,
    /// Of the crashes, those before the program had begun.
    pub(crate) crashes_at_start: u64,
    pub(crate) clean_stops: u64,
    /// Runs in which the disk failed for a while.
    pub(crate) faults: u64,
    /// Batches that had to wait because of it.
    pub(crate) waited: u64,
    pub(crate) failed_outputs: u64,
    pub(crate) batches: u64,
    pub(crate) deliveries: u64,
    pub(crate) records: u64,
    /// The operations at which there were crashes.
    pub(crate) points: BTreeMap<String, u64>,
}

impl Report {
    pub(crate) fn crashed_at(&mut self, operation: &str, at_start: bool) {
        self.crashes += 1;
        self.crashes_at_start += u64::from(at_start);
        *self.points.entry(point(operation)).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Report) {
        let Report { programs, runs, crashes, crashes_at_start, clean_stops, faults, waited, .. } = other;
        let Report { failed_outputs, batches, deliveries, records, points, .. } = other;
        self.programs += programs;
        self.runs += runs;
        self.crashes += crashes;
        self.crashes_at_start += crashes_at_start;
        self.clean_stops += clean_stops;
        self.faults += faults;
        self.waited += waited;
        self.failed_outputs += failed_outputs;
        self.batches += batches;
        self.deliveries += deliveries;
        self.records += records;
        points.iter().for_each(|(point, count)| *self.points.entry(point.clone()).or_default() += count);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { programs, runs, crashes, crashes_at_start, clean_stops, faults, waited, .. } = self;
        let Report { failed_outputs, batches, deliveries, records, points, .. } = self;
        writeln!(f, "{crashes} crashes ({crashes_at_start} of them while a run began) of {programs} random programs")?;
        writeln!(f, "{runs} runs, {clean_stops} stopped cleanly, {faults} with a disk that failed for a while")?;
        writeln!(f, "{batches} batches, {waited} waited for the disk, {failed_outputs} with a failed output")?;
        writeln!(f, "{deliveries} deliveries; {records} records: 0 lost, 0 doubled")?;
        writeln!(f, "crashes by the operation that did not come through:")?;
        let mut points: Vec<_> = points.iter().collect();
        points.sort_by_key(|(point, count)| (std::cmp::Reverse(**count), *point));
        points.into_iter().try_for_each(|(point, count)| writeln!(f, "{count:>7}  {point}"))
    }
}

/// The name of a crash point: the operation without the numbers and ids in its file's name.
fn point(operation: &str) -> String {
    let (action, path) = operation.rsplit_once(' ').unwrap_or((operation, ""));
    let part = |part: &str| match part {
        _ if part.starts_with(".new") => ".new".to_owned(),
        _ if part.contains('=') || part.contains("stream") || part.contains('(') => "<operator>".to_owned(),
        _ => part.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect(),
    };
    let parts: Vec<String> = path.split('/').map(part).collect();
    let mut path = parts.join("/");
    while path.contains("##") {
        path = path.replace("##", "#");
    }
    format!("{action} {}", path.strip_prefix("#/").unwrap_or(&path))
}

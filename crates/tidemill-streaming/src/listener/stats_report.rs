//! `StatsReportListener`: logs how the delays of the last batches are distributed.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::event::BatchInfo;
use crate::listener::StreamingListener;

/// How many batches a report looks back.
const BATCHES: usize = 10;
/// The quantiles of a report, in percent, as Spark's.
const PERCENT: [usize; 9] = [0, 5, 10, 25, 50, 75, 90, 95, 100];

/// After each batch, logs at INFO how total delay and processing time of the last batches are distributed: Spark's
/// `StatsReportListener` (behaviour 1.65).
#[derive(Debug)]
pub struct StatsReportListener {
    batches: usize,
    total: VecDeque<Duration>,
    processing: VecDeque<Duration>,
}

impl StatsReportListener {
    /// Reports on the last `batches` batches.
    pub fn new(batches: usize) -> StatsReportListener {
        StatsReportListener { batches: batches.max(1), total: VecDeque::new(), processing: VecDeque::new() }
    }

    /// The distributions of total delay and of processing time, once a batch was completed.
    pub fn report(&self) -> Option<(Distribution, Distribution)> {
        Some((Distribution::of(&self.total)?, Distribution::of(&self.processing)?))
    }
}

impl Default for StatsReportListener {
    /// Reports on the last 10 batches.
    fn default() -> StatsReportListener {
        StatsReportListener::new(BATCHES)
    }
}

impl StreamingListener for StatsReportListener {
    fn on_batch_completed(&mut self, batch: &BatchInfo) {
        for (known, delay) in [(&mut self.total, batch.total_delay()), (&mut self.processing, batch.processing_delay())]
        {
            known.extend(delay);
            known.drain(..known.len().saturating_sub(self.batches));
        }
        if let Some((total, processing)) = self.report() {
            tracing::info!(batches = self.total.len(), "Total delay: {total}. Processing time: {processing}.");
        }
    }
}

/// Quantiles of durations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// The percentage, and the duration that so many do not exceed.
    pub quantiles: Vec<(usize, Duration)>,
}

impl Distribution {
    /// That of `durations`; `None` if there are none.
    pub fn of<'a>(durations: impl IntoIterator<Item = &'a Duration>) -> Option<Distribution> {
        let mut sorted: Vec<Duration> = durations.into_iter().copied().collect();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        let at = |percent: usize| sorted.get((percent * sorted.len() / 100).min(last)).copied();
        Some(Distribution { quantiles: PERCENT.iter().filter_map(|&percent| Some((percent, at(percent)?))).collect() })
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (percent, duration)) in self.quantiles.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{percent} %: {:.1} ms", duration.as_secs_f64() * 1e3)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_durations_that_occurred() {
        // behaviour 1.65
        let millis: Vec<_> = (1..=20).rev().map(Duration::from_millis).collect();
        let distribution = Distribution::of(&millis).unwrap();
        let expected = [(0, 1), (5, 2), (10, 3), (25, 6), (50, 11), (75, 16), (90, 19), (95, 20), (100, 20)];
        assert_eq!(distribution.quantiles, expected.map(|(percent, at)| (percent, Duration::from_millis(at))));
        assert_eq!(Distribution::of(&[]), None);
        let one = Distribution::of(&[Duration::from_micros(1500)]).unwrap().to_string();
        assert!(one.starts_with("0 %: 1.5 ms, 5 %: 1.5 ms"), "{one}");
    }
}

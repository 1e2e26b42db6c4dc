//! `PidEstimator`: the rate that batches can keep up with, by Spark's formula.

use std::time::Duration;

/// Finds the rate at which records can be dealt with, from what each batch took (behaviour 2.30): Spark's
/// `PIDRateEstimator`. A controller with a proportional, an integral and a derived part, in Spark's units and order of
/// operations, so that the same batches give the same rates.
#[derive(Clone, Debug)]
pub struct PidEstimator {
    interval_millis: f64,
    weights: PidWeights,
    min_rate: f64,
    last: Option<Last>,
}

/// The weights of the three parts (behaviour 4.4, 4.5, 4.6). None is negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PidWeights {
    /// Of the present error: how much the last rate was above what was dealt with.
    pub proportional: f64,
    /// Of the errors so far, which show as batches that wait.
    pub integral: f64,
    /// Of the change of the error.
    pub derived: f64,
}

/// What the last batch that counted left.
#[derive(Clone, Copy, Debug)]
struct Last {
    millis: u64,
    rate: f64,
    error: f64,
}

impl PidEstimator {
    /// For batches that are `interval` apart; the rate never falls below `min_rate` records a second (behaviour 4.7).
    pub fn new(interval: Duration, weights: PidWeights, min_rate: f64) -> PidEstimator {
        PidEstimator { interval_millis: interval.as_millis() as f64, weights, min_rate, last: None }
    }

    /// A batch with so many records ended at `millis` after having waited for `scheduling` and run for `processing`: the
    /// new rate in records a second. `None` after the first batch, which only measures, and after those that measure
    /// nothing: empty ones, such as took less than a millisecond, and those that end before an earlier one.
    pub fn compute(&mut self, millis: u64, records: u64, processing: Duration, scheduling: Duration) -> Option<f64> {
        let (processing, scheduling) = (processing.as_millis() as f64, scheduling.as_millis() as f64);
        if self.last.is_some_and(|last| millis <= last.millis) || records == 0 || processing == 0.0 {
            return None;
        }
        let dealt_with = records as f64 / processing * 1000.0;
        let Some(last) = self.last else {
            self.last = Some(Last { millis, rate: dealt_with, error: 0.0 });
            return None;
        };
        let seconds = (millis - last.millis) as f64 / 1000.0;
        let error = last.rate - dealt_with;
        let waiting = scheduling * dealt_with / self.interval_millis; // records that wait, as a rate over one interval
        let change = (error - last.error) / seconds;
        let PidWeights { proportional, integral, derived } = self.weights;
        let rate = (last.rate - proportional * error - integral * waiting - derived * change).max(self.min_rate);
        self.last = Some(Last { millis, rate, error });
        Some(rate)
    }
}

#[cfg(test)]
mod tests;

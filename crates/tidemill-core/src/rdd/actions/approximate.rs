//! `count_approx`, `sum_approx`, `mean_approx`: what can be said after a given time.

use std::time::Duration;

use super::numbers::Number;
use super::{Partial, run_job_within};
use crate::Cause;
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::Rdd;
use crate::ship::Function;
use crate::stat_counter::StatCounter;

mod quantiles;

/// An estimate: the true value lies from `low` to `high` with a probability of `confidence`. Spark's `BoundedDouble`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundedFloat {
    /// The likeliest value.
    pub mean: f64,
    /// 1 for a value that is exact, the asked for confidence otherwise; 0 where nothing is known.
    pub confidence: f64,
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl BoundedFloat {
    fn exact(value: f64) -> BoundedFloat {
        BoundedFloat { mean: value, confidence: 1.0, low: value, high: value }
    }

    fn around(mean: f64, deviation: f64, confidence: f64) -> BoundedFloat {
        BoundedFloat { mean, confidence, low: mean - deviation, high: mean + deviation }
    }
}

impl<T: 'static> Rdd<T> {
    /// How many elements there are, as far as `timeout_ms` milliseconds allow: Spark's `RDD.countApprox`. From the partitions
    /// done by then the others are estimated; these are cancelled.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let count = context.parallelize(0..1000, 10).count_approx(60_000, 0.95)?;
    /// assert_eq!((count.mean, count.confidence), (1000.0, 1.0));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn count_approx(&self, timeout_ms: u64, confidence: f64) -> Result<BoundedFloat, Error> {
        let operator = Operator::here("count_approx");
        check(confidence, &operator)?;
        let (timeout, code) = (Duration::from_millis(timeout_ms), Function { env: (), call: () });
        let counts = run_job_within(self, &operator, timeout, code, |drawn, _| drawn.count())?;
        Ok(estimate_count(counts.values.iter().sum(), counts.share(), confidence))
    }
}

impl<T: Number> Rdd<T> {
    /// The sum, as far as `timeout_ms` milliseconds allow: Spark's `RDD.sumApprox`. From the partitions done by then the
    /// others are estimated; these are cancelled.
    #[track_caller]
    pub fn sum_approx(&self, timeout_ms: u64, confidence: f64) -> Result<BoundedFloat, Error> {
        let operator = Operator::here("sum_approx");
        let (stats, done) = self.stats_within(timeout_ms, confidence, &operator)?;
        Ok(estimate_sum(&stats, done, confidence))
    }

    /// The mean, as far as `timeout_ms` milliseconds allow: Spark's `RDD.meanApprox`. Partitions that are not done by then
    /// are cancelled.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let mean = context.parallelize([1, 2, 6], 2).mean_approx(60_000, 0.95)?;
    /// assert_eq!((mean.low, mean.mean, mean.high), (3.0, 3.0, 3.0));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn mean_approx(&self, timeout_ms: u64, confidence: f64) -> Result<BoundedFloat, Error> {
        let operator = Operator::here("mean_approx");
        let (stats, done) = self.stats_within(timeout_ms, confidence, &operator)?;
        Ok(estimate_mean(&stats, done, confidence))
    }

    fn stats_within(
        &self,
        timeout_ms: u64,
        confidence: f64,
        operator: &Operator,
    ) -> Result<(StatCounter, Share), Error> {
        check(confidence, operator)?;
        let (timeout, code) = (Duration::from_millis(timeout_ms), Function { env: (), call: () });
        let parts = run_job_within(self, operator, timeout, code, |drawn, _| {
            drawn.fold(StatCounter::new(), |mut stats, value| {
                stats.merge(value.to_f64());
                stats
            })
        })?;
        let mut stats = StatCounter::new();
        parts.values.iter().for_each(|part| stats.merge_stats(part));
        Ok((stats, parts.share()))
    }
}

fn check(confidence: f64, operator: &Operator) -> Result<(), Error> {
    if (0.0..1.0).contains(&confidence) {
        return Ok(());
    }
    let why = format!("the confidence must be at least 0 and less than 1, not {confidence}");
    Err(Error::driver(operator, Cause::Invalid(why)))
}

/// How much of an RDD is known.
#[derive(Clone, Copy, PartialEq)]
enum Share {
    Nothing,
    /// Above 0, below 1.
    Part(f64),
    All,
}

impl<R> Partial<R> {
    fn share(&self) -> Share {
        match self.values.len() {
            done if done == self.partitions => Share::All,
            0 => Share::Nothing,
            done => Share::Part(done as f64 / self.partitions as f64),
        }
    }
}

/// What the partitions that are done say of all: how many elements the others have is taken to be a negative binomial
/// variable, as in Spark, and its quantiles those of the normal distribution.
fn estimate_count(count: u64, share: Share, confidence: f64) -> BoundedFloat {
    let known = count as f64;
    match share {
        Share::All => BoundedFloat::exact(known),
        Share::Part(p) if count > 0 => {
            let deviation = quantiles::normal((1.0 + confidence) / 2.0) * (known * (1.0 - p)).sqrt() / p;
            let estimate = BoundedFloat::around(known / p, deviation, confidence);
            BoundedFloat { low: estimate.low.max(known), ..estimate }
        }
        _ => BoundedFloat { mean: 0.0, confidence: 0.0, low: 0.0, high: f64::INFINITY },
    }
}

const UNKNOWN: BoundedFloat = BoundedFloat { mean: 0.0, confidence: 0.0, low: f64::NEG_INFINITY, high: f64::INFINITY };

fn estimate_mean(stats: &StatCounter, share: Share, confidence: f64) -> BoundedFloat {
    match (share, stats.count()) {
        (Share::All, _) => BoundedFloat::exact(stats.mean()),
        (Share::Nothing, _) | (_, 0) => UNKNOWN,
        (_, 1) => BoundedFloat::around(stats.mean(), f64::INFINITY, confidence),
        (_, count) => {
            let deviation = (stats.sample_variance() / count as f64).sqrt();
            BoundedFloat::around(stats.mean(), quantiles::factor(count, confidence) * deviation, confidence)
        }
    }
}

/// The product of the estimated count and the estimated mean, as in Spark.
fn estimate_sum(stats: &StatCounter, share: Share, confidence: f64) -> BoundedFloat {
    let (known, mean) = (stats.count() as f64, stats.mean());
    match (share, stats.count()) {
        (Share::All, _) => BoundedFloat::exact(stats.sum()),
        (Share::Nothing, _) | (_, 0) => UNKNOWN,
        (Share::Part(p), 1) => BoundedFloat::around(mean * known / p, f64::INFINITY, confidence),
        (Share::Part(p), count) => {
            let of_mean = stats.sample_variance() / known;
            let of_count = known * (1.0 - p) / (p * p);
            let estimate = known / p;
            let variance = mean * mean * of_count + estimate * estimate * of_mean + of_mean * of_count;
            let deviation = quantiles::factor(count, confidence) * variance.sqrt();
            BoundedFloat::around(mean * estimate, deviation, confidence)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_reach_from_nothing_to_exact() {
        let stats: StatCounter = [1.0, 2.0, 3.0].into_iter().collect();
        assert_eq!(estimate_count(3, Share::All, 0.9), BoundedFloat::exact(3.0));
        assert_eq!(estimate_sum(&stats, Share::All, 0.9), BoundedFloat::exact(6.0));
        assert_eq!(estimate_mean(&stats, Share::All, 0.9), BoundedFloat::exact(2.0));
        assert_eq!(estimate_count(0, Share::Nothing, 0.9).high, f64::INFINITY);
        assert_eq!(estimate_sum(&StatCounter::new(), Share::Nothing, 0.9), UNKNOWN);
        assert_eq!(estimate_mean(&StatCounter::new(), Share::Part(0.5), 0.9), UNKNOWN);
        let one = StatCounter::from_iter([4.0]);
        assert_eq!(estimate_sum(&one, Share::Part(0.5), 0.9), BoundedFloat::around(8.0, f64::INFINITY, 0.9));
    }

    #[test]
    fn estimates_are_wider_the_surer_they_are_to_be() {
        let stats: StatCounter = (0..50).map(f64::from).collect();
        let estimates = |confidence| {
            let share = Share::Part(0.5);
            [
                estimate_count(50, share, confidence),
                estimate_sum(&stats, share, confidence),
                estimate_mean(&stats, share, confidence),
            ]
        };
        for (narrow, wide) in estimates(0.5).into_iter().zip(estimates(0.99)) {
            assert!(wide.low < narrow.low && narrow.low < narrow.mean);
            assert!(narrow.mean < narrow.high && narrow.high < wide.high);
        }
        assert_eq!(estimates(0.9).map(|estimate| estimate.mean), [100.0, 2450.0, 24.5]);
        // mean 100, variance 50 * 0.5 / 0.25: 1.645 * 10 on either side
        let count = estimates(0.9)[0];
        assert!((count.high - 116.45).abs() < 0.01 && (count.low - 83.55).abs() < 0.01, "{count:?}");
    }
}

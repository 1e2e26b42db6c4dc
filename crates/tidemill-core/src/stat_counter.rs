//! `StatCounter`: count, mean, variance and range of numbers, in one pass and merged without loss.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Count, mean, variance, smallest and greatest of numbers: Spark's `StatCounter`.
///
/// Two of them merge into what one would have counted of all. The formulas are Spark's: they keep the sum of squared
/// distances from the running mean, which loses no precision where the mean is large and the variance small.
///
/// ```
/// use tidemill_core::stat_counter::StatCounter;
///
/// let stats: StatCounter = [1.0, 2.0, 3.0].into_iter().collect();
/// assert_eq!((stats.mean(), stats.sum(), stats.sample_variance()), (2.0, 6.0, 1.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatCounter {
    count: u64,
    mean: f64,
    /// The sum of the squares of the distances from the mean.
    squares: f64,
    min: f64,
    max: f64,
}

impl StatCounter {
    /// Of no numbers.
    pub fn new() -> StatCounter {
        StatCounter { count: 0, mean: 0.0, squares: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }

    /// Counts one more number. After a NaN all but the count is NaN.
    pub fn merge(&mut self, value: f64) {
        let delta = value - self.mean;
        self.count += 1;
        self.mean += delta / self.count as f64;
        self.squares += delta * (value - self.mean);
        self.min = smaller(self.min, value);
        self.max = -smaller(-self.max, -value);
    }

    /// Counts all that `other` has counted.
    pub fn merge_stats(&mut self, other: &StatCounter) {
        match (self.count, other.count) {
            (_, 0) => {}
            (0, _) => *self = *other,
            _ => self.merge_both(other),
        }
    }

    fn merge_both(&mut self, other: &StatCounter) {
        let (mine, others) = (self.count as f64, other.count as f64);
        let delta = other.mean - self.mean;
        let all = mine + others;
        // The mean of the larger part is moved rather than both weighed: as in Spark, for precision.
        if others * 10.0 < mine {
            self.mean += delta * others / all;
        } else if mine * 10.0 < others {
            self.mean = other.mean - delta * mine / all;
        } else {
            self.mean = (self.mean * mine + other.mean * others) / all;
        }
        self.squares += other.squares + delta * delta * mine * others / all;
        self.count += other.count;
        self.min = smaller(self.min, other.min);
        self.max = -smaller(-self.max, -other.max);
    }

    /// How many numbers there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; 0 where there are none, as in Spark.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Their sum, from the mean.
    pub fn sum(&self) -> f64 {
        self.count as f64 * self.mean
    }

    /// The smallest; infinity where there are none.
    pub fn min(&self) -> f64 {
        self.min
    }

    /// The greatest; negative infinity where there are none.
    pub fn max(&self) -> f64 {
        self.max
    }

    /// Their variance as a whole population; NaN where there are none.
    pub fn variance(&self) -> f64 {
        self.squares / self.count as f64 // 0 / 0 is NaN
    }

    /// The variance estimated from them as a sample; NaN for fewer than two.
    pub fn sample_variance(&self) -> f64 {
        if self.count < 2 { f64::NAN } else { self.squares / (self.count - 1) as f64 }
    }

    /// The square root of [`variance`](StatCounter::variance).
    pub fn stdev(&self) -> f64 {
        self.variance().sqrt()
    }

    /// The square root of [`sample_variance`](StatCounter::sample_variance).
    pub fn sample_stdev(&self) -> f64 {
        self.sample_variance().sqrt()
    }
}

/// NaN if one of them is, unlike `f64::min`.
fn smaller(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}

impl Default for StatCounter {
    fn default() -> Self {
        StatCounter::new()
    }
}

impl FromIterator<f64> for StatCounter {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> StatCounter {
        let mut stats = StatCounter::new();
        values.into_iter().for_each(|value| stats.merge(value));
        stats
    }
}

/// As Spark prints it.
impl fmt::Display for StatCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, mean, stdev) = (self.count, self.mean, self.stdev());
        write!(f, "(count: {count}, mean: {mean:?}, stdev: {stdev:?}, max: {:?}, min: {:?})", self.max, self.min)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_nothing_and_of_one() {
        let none = StatCounter::new();
        assert_eq!((none.count(), none.mean(), none.sum()), (0, 0.0, 0.0));
        assert!(none.variance().is_nan() && none.sample_variance().is_nan() && none.stdev().is_nan());
        assert_eq!((none.min(), none.max()), (f64::INFINITY, f64::NEG_INFINITY));
        let one = StatCounter::from_iter([4.0]);
        assert_eq!((one.variance(), one.min(), one.max()), (0.0, 4.0, 4.0));
        assert!(one.sample_variance().is_nan());
        assert_eq!(one.to_string(), "(count: 1, mean: 4.0, stdev: 0.0, max: 4.0, min: 4.0)");
        let mut both = one;
        both.merge_stats(&none);
        assert_eq!(both, one);
        let nan = StatCounter::from_iter([1.0, f64::NAN, 2.0]);
        assert!(nan.count() == 3 && nan.mean().is_nan() && nan.min().is_nan() && nan.max().is_nan());
    }

    #[test]
    fn a_small_variance_around_a_large_mean_survives() {
        let stats: StatCounter = (0..1000).map(|i| 1e9 + f64::from(i % 2)).collect();
        assert!((stats.variance() - 0.25).abs() < 1e-6, "{stats}");
    }

    proptest! {
        /// behaviour 3.16
        #[test]
        fn parts_merge_into_the_whole(values in proptest::collection::vec(-1e3..1e3_f64, 1..60), cut in any::<proptest::sample::Index>()) {
            let (left, right) = values.split_at(cut.index(values.len()));
            let mut merged: StatCounter = left.iter().copied().collect();
            merged.merge_stats(&right.iter().copied().collect());
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
            prop_assert_eq!(merged.count(), values.len() as u64);
            prop_assert!((merged.mean() - mean).abs() < 1e-9);
            prop_assert!((merged.variance() - variance).abs() < 1e-6 * variance.max(1.0));
            prop_assert_eq!(merged.max(), values.iter().copied().fold(f64::MIN, f64::max));
        }
    }
}

//! `histogram`: how many numbers fall between given bounds.

use super::numbers::Number;
use crate::Cause;
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;

impl<T: Number> Rdd<T> {
    /// Cuts the range of the elements into `buckets` of equal width, and returns their bounds (one more than buckets) and
    /// how many elements fall into each: Spark's `RDD.histogram(bucketCount)`.
    ///
    /// A bucket is closed below and open above, the last one closed at both ends. Where all elements are equal there is one
    /// bucket. No elements, a NaN or an infinite one are an error.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let (bounds, counts) = context.parallelize([0, 1, 9, 10], 2).histogram(2)?;
    /// assert_eq!((bounds, counts), (vec![0.0, 5.0, 10.0], vec![2, 2]));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn histogram(&self, buckets: usize) -> Result<(Vec<f64>, Vec<u64>), Error> {
        let operator = Operator::here("histogram");
        let invalid = |why: &str| Err(Error::driver(&operator, Cause::Invalid(why.into())));
        if buckets == 0 {
            return invalid("the number of buckets must be at least 1");
        }
        let stats = self.stats_as(operator.clone())?;
        let (min, max) = (stats.min(), stats.max());
        if !(min.is_finite() && max.is_finite()) {
            return invalid("Histogram on either an empty RDD or RDD containing +/-infinity or NaN");
        }
        let buckets = if min == max { 1 } else { buckets };
        let width = max - min;
        let mut bounds: Vec<f64> = (0..buckets).map(|i| min + i as f64 * width / buckets as f64).collect();
        bounds.push(max);
        let even = Even { min, max, buckets: buckets as u64 };
        let code = Function { env: even, call: () };
        let parts = run_job(self, operator, self.all_partitions(), code, |drawn, even: &Function<Even, ()>| {
            drawn.fold(vec![0; even.env.buckets as usize], |counts, value| {
                counted(counts, even.env.bucket(value.to_f64()))
            })
        })?;
        Ok((bounds, added(parts, buckets)))
    }

    /// How many elements fall between neighbouring `bounds`: Spark's `RDD.histogram(buckets)`.
    ///
    /// A bucket is closed below and open above, the last one closed at both ends; what lies outside all is not counted, nor
    /// is NaN. The bounds must be at least two, in rising order, none of them twice.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.parallelize([1, 2, 3, 50, 99], 2).histogram_between(&[1.0, 3.0, 50.0])?, [2, 2]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn histogram_between(&self, bounds: &[f64]) -> Result<Vec<u64>, Error> {
        let operator = Operator::here("histogram_between");
        let invalid = |why: &str| Err(Error::driver(&operator, Cause::Invalid(why.into())));
        if bounds.len() < 2 {
            return invalid("buckets array must have at least two elements");
        }
        if !bounds.is_sorted_by(|low, high| low < high) {
            return invalid("the bounds of buckets must rise: none may stand twice, and none may be NaN");
        }
        let code = Function { env: bounds.to_vec(), call: () };
        let parts = run_job(self, operator, self.all_partitions(), code, |drawn, bounds: &Function<Vec<f64>, ()>| {
            drawn.fold(vec![0; bounds.env.len() - 1], |counts, value| {
                counted(counts, bucket_between(&bounds.env, value.to_f64()))
            })
        })?;
        Ok(added(parts, bounds.len() - 1))
    }
}

fn counted(mut counts: Vec<u64>, bucket: Option<usize>) -> Vec<u64> {
    if let Some(count) = bucket.and_then(|bucket| counts.get_mut(bucket)) {
        *count += 1;
    }
    counts
}

fn added(parts: Vec<Vec<u64>>, buckets: usize) -> Vec<u64> {
    parts.into_iter().fold(vec![0; buckets], |mut sums, counts| {
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        sums
    })
}

/// Buckets of equal width: found by a division instead of a search.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Even {
    min: f64,
    max: f64,
    buckets: u64,
}

impl Even {
    fn bucket(&self, value: f64) -> Option<usize> {
        if !(self.min..=self.max).contains(&value) {
            return None;
        }
        // Where all are equal, 0 / 0 is NaN, and as an integer 0.
        let bucket = (value - self.min) / (self.max - self.min) * self.buckets as f64;
        Some((bucket as u64).min(self.buckets - 1) as usize)
    }
}

/// The bucket of `value` between sorted bounds. A value equal to several bounds belongs to the last bucket that it begins.
fn bucket_between(bounds: &[f64], value: f64) -> Option<usize> {
    let last = *bounds.last()?;
    if value == last {
        return Some(bounds.len() - 2);
    }
    let not_above = bounds.partition_point(|bound| *bound <= value);
    (not_above > 0 && value < last).then(|| not_above - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_belong_to_the_bucket_that_they_begin_but_the_last() {
        let bounds = [0.0, 1.0, 5.0, 6.0];
        let cases = [
            (-0.1, None),
            (0.0, Some(0)),
            (0.9, Some(0)),
            (1.0, Some(1)),
            (4.9, Some(1)),
            (5.0, Some(2)),
            (6.0, Some(2)),
            (6.1, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (f64::NEG_INFINITY, None),
        ];
        for (value, bucket) in cases {
            assert_eq!(bucket_between(&bounds, value), bucket, "{value}");
        }
    }

    #[test]
    fn even_buckets_are_those_of_their_bounds() {
        let even = Even { min: -2.0, max: 6.0, buckets: 4 };
        let bounds = [-2.0, 0.0, 2.0, 4.0, 6.0];
        for step in -30..80 {
            let value = f64::from(step) / 10.0;
            assert_eq!(even.bucket(value), bucket_between(&bounds, value), "{value}");
        }
        assert_eq!(even.bucket(f64::NAN), None);
        assert_eq!(Even { min: 3.0, max: 3.0, buckets: 1 }.bucket(3.0), Some(0));
    }
}

//! Actions on numbers: `sum`, `mean`, `stats` and what follows from them.

use std::iter::Sum;

use crate::Element;
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;
use crate::stat_counter::StatCounter;

/// A number that statistics can be made of.
pub trait Number: Element + Copy {
    /// The number as an `f64`, the nearest one where there is none.
    fn to_f64(self) -> f64;
}

macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl Number for $number {
            fn to_f64(self) -> f64 {
                self as f64
            }
        })*
    };
}

numbers!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64);

impl<T: Element> Rdd<T> {
    /// The sum of all elements; zero where there are none: Spark's `RDD.sum`.
    ///
    /// It is of the elements' type and must fit into it, as with `Iterator::sum`: map small integers to larger ones before.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.parallelize(1..=4_i64, 2).sum()?, 10);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn sum(&self) -> Result<T, Error>
    where
        T: Sum<T>,
    {
        let code = Function { env: (), call: () };
        let sums = run_job(self, Operator::here("sum"), self.all_partitions(), code, |mut drawn, _| {
            let (mut sum, mut run) = (std::iter::empty().sum::<T>(), Vec::new());
            while drawn.next(&mut run)? {
                sum = std::iter::once(sum).chain(run.drain(..)).sum();
            }
            Ok(sum)
        })?;
        Ok(sums.into_iter().sum())
    }
}

impl<T: Number> Rdd<T> {
    /// Count, mean, variance, smallest and greatest of the elements, in one pass: Spark's `RDD.stats`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let stats = context.parallelize([2.0, 4.0, 9.0], 2).stats()?;
    /// assert_eq!((stats.count(), stats.mean(), stats.max()), (3, 5.0, 9.0));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn stats(&self) -> Result<StatCounter, Error> {
        self.stats_as(Operator::here("stats"))
    }

    /// The mean; 0 where there are no elements, as in Spark: Spark's `RDD.mean`.
    #[track_caller]
    pub fn mean(&self) -> Result<f64, Error> {
        Ok(self.stats_as(Operator::here("mean"))?.mean())
    }

    /// The variance of the elements as a whole population: Spark's `RDD.variance`.
    #[track_caller]
    pub fn variance(&self) -> Result<f64, Error> {
        Ok(self.stats_as(Operator::here("variance"))?.variance())
    }

    /// The standard deviation of the elements as a whole population: Spark's `RDD.stdev`.
    #[track_caller]
    pub fn stdev(&self) -> Result<f64, Error> {
        Ok(self.stats_as(Operator::here("stdev"))?.stdev())
    }

    /// The variance, estimated from the elements as a sample (divided by n - 1): Spark's `RDD.sampleVariance`.
    #[track_caller]
    pub fn sample_variance(&self) -> Result<f64, Error> {
        Ok(self.stats_as(Operator::here("sample_variance"))?.sample_variance())
    }

    /// The standard deviation, estimated from the elements as a sample: Spark's `RDD.sampleStdev`.
    #[track_caller]
    pub fn sample_stdev(&self) -> Result<f64, Error> {
        Ok(self.stats_as(Operator::here("sample_stdev"))?.sample_stdev())
    }

    pub(super) fn stats_as(&self, operator: Operator) -> Result<StatCounter, Error> {
        let code = Function { env: (), call: () };
        let parts = run_job(self, operator, self.all_partitions(), code, |drawn, _| {
            drawn.fold(StatCounter::new(), |mut stats, value| {
                stats.merge(value.to_f64());
                stats
            })
        })?;
        Ok(parts.iter().fold(StatCounter::new(), |mut stats, part| {
            stats.merge_stats(part);
            stats
        }))
    }
}

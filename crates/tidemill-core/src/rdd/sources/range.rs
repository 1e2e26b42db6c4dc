//! `range`: whole numbers, made as they are needed.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::Rdd;
use crate::rdd::sources::parts::Part;
use crate::runs::{Runs, run_len};
use crate::{Cause, Stop};

impl Context {
    /// The whole numbers of a range, cut into `partitions` parts as by [`parallelize`](Context::parallelize), which are
    /// never stored: Spark's `SparkContext.range`. No partitions are taken as one.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.range(0..5, 2).glom().collect()?, [vec![0, 1], vec![2, 3, 4]]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn range(&self, numbers: Range<i64>, partitions: usize) -> Rdd<i64> {
        let count = if numbers.start < numbers.end { numbers.start.abs_diff(numbers.end) } else { 0 };
        self.steps("range", numbers.start, 1, count, partitions)
    }

    /// Every `step`-th number from `start` up to `end`, or down to it if `step` is negative; `end` itself is left out.
    /// No partitions are taken as one.
    ///
    /// Error: `step` is 0.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.range_by(0, 10, 4, 2)?.collect()?, [0, 4, 8]);
    /// assert_eq!(context.range_by(5, 0, -2, 2)?.collect()?, [5, 3, 1]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn range_by(&self, start: i64, end: i64, step: i64, partitions: usize) -> Result<Rdd<i64>, Error> {
        if step == 0 {
            let cause = Cause::Invalid("the step of a range cannot be 0".into());
            return Err(Error::driver(&Operator::here("range_by"), cause));
        }
        let leads_there = if step > 0 { start < end } else { start > end };
        let count = if leads_there { start.abs_diff(end).div_ceil(step.unsigned_abs()) } else { 0 };
        Ok(self.steps("range_by", start, step, count, partitions))
    }

    #[track_caller]
    fn steps(&self, name: &'static str, start: i64, step: i64, count: u64, partitions: usize) -> Rdd<i64> {
        let partitions = partitions.max(1) as u128;
        let bound = |i: u128| (i * u128::from(count) / partitions) as u64;
        let parts = (0..partitions).map(|i| Steps { start, step, at: bound(i), end: bound(i + 1) });
        self.parts(name, parts.collect(), |part| Ok(Box::new(RangeRuns(part))))
    }
}

/// The numbers `start + i * step` for `i` from `at` to `end`. All of them are within `i64`, so wrapping arithmetic is
/// exact.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Steps {
    start: i64,
    step: i64,
    at: u64,
    end: u64,
}

struct RangeRuns(Part<Steps>);

impl Runs<i64> for RangeRuns {
    fn next(&mut self, into: &mut Vec<i64>) -> Result<bool, Stop> {
        self.0.cx.check()?;
        let Steps { start, step, at, end } = &mut self.0.part;
        let count = (*end - *at).min(run_len::<i64>() as u64);
        let (first, step) = (start.wrapping_add(step.wrapping_mul(*at as i64)), *step);
        match step {
            1 => into.extend((0..count as i64).map(|i| first.wrapping_add(i))), // without a multiplication
            _ => into.extend((0..count as i64).map(|i| first.wrapping_add(step.wrapping_mul(i)))),
        }
        *at += count;
        Ok(count > 0)
    }
}

//! `count_approx_distinct`: about how many different elements there are, in little memory.

use std::hash::Hash;

use datasketches::hll::{HllSketch, HllType, HllUnion};

use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;
use crate::{Cause, Stop};

impl<T: Hash + 'static> Rdd<T> {
    /// About how many different elements there are, with a relative standard deviation of about `relative_sd`: Spark's
    /// `RDD.countApproxDistinct`, whose usual value is 0.05. Smaller values take more memory: 0.05 is 0.5 KiB a task, 0.001 is
    /// 2 MiB. From 0.00073 (the least that is possible) to 1.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let distinct = context.parallelize((0..10_000).map(|i| i % 1000), 4).count_approx_distinct(0.02)?;
    /// assert!((900..=1100).contains(&distinct));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn count_approx_distinct(&self, relative_sd: f64) -> Result<u64, Error> {
        let operator = Operator::here("count_approx_distinct");
        let failed = |stop| match stop {
            Stop::Failed(cause) => Error::driver(&operator, cause),
            other => Error::driver(&operator, Cause::Invalid(other.to_string())),
        };
        let log_registers = log_registers(relative_sd).map_err(|cause| Error::driver(&operator, cause))?;
        let code = Function { env: log_registers, call: () };
        let all = self.all_partitions();
        let sketches = run_job(self, operator.clone(), all, code, |mut drawn, code: &Function<u8, ()>| {
            let mut sketch = HllSketch::new(code.env, HllType::Hll8).map_err(sketching)?;
            drawn.for_each_run(|run| {
                run.drain(..).for_each(|element| sketch.update(element));
                Ok(())
            })?;
            Ok(sketch.serialize())
        })?;
        let mut union = HllUnion::new(log_registers).map_err(sketching).map_err(failed)?;
        for bytes in sketches {
            union.update(&HllSketch::deserialize(&bytes).map_err(sketching).map_err(failed)?);
        }
        Ok(union.estimate().round() as u64)
    }
}

/// The relative standard error of a sketch times the square root of the number of its registers.
const ERROR_OF_ONE: f64 = 1.054;

/// The numbers of registers that a sketch may have, as powers of two.
const LOG_REGISTERS: std::ops::RangeInclusive<u8> = 4..=21;

/// The power of two that makes enough registers.
fn log_registers(relative_sd: f64) -> Result<u8, Cause> {
    let log = (2.0 * (ERROR_OF_ONE / relative_sd).log2()).ceil();
    if !(relative_sd > 0.0 && relative_sd <= 1.0 && log <= f64::from(*LOG_REGISTERS.end())) {
        return Err(Cause::Invalid(format!("the relative accuracy must be between 0.00073 and 1, not {relative_sd}")));
    }
    Ok((log as u8).max(*LOG_REGISTERS.start()))
}

fn sketching(error: datasketches::error::Error) -> Stop {
    Cause::Invalid(format!("the distinct elements cannot be counted: {error}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_suffice_for_the_error_asked_for() {
        for (relative_sd, expected) in [(0.05, 9), (0.01, 14), (0.5, 4), (1.0, 4), (0.00073, 21)] {
            assert_eq!(log_registers(relative_sd).unwrap(), expected, "{relative_sd}");
        }
        for wrong in [0.0, -1.0, 1.5, 0.0001, f64::NAN] {
            assert!(log_registers(wrong).is_err(), "{wrong}");
        }
    }
}

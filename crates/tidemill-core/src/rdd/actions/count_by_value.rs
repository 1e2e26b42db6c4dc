//! `count_by_value`: how often each element is there.

use std::collections::HashMap;

use crate::Key;
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;

impl<T: Key> Rdd<T> {
    /// How often each element is there: Spark's `RDD.countByValue`. All distinct elements must fit into the driver's
    /// memory; where they do not, count by `map(|x| (x, 1)).reduce_by_key(..)`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let counts = context.parallelize(["a", "b", "a"].map(String::from), 2).count_by_value()?;
    /// assert_eq!((counts["a"], counts["b"]), (2, 1));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn count_by_value(&self) -> Result<HashMap<T, u64>, Error> {
        let code = Function { env: (), call: () };
        let operator = Operator::here("count_by_value");
        let parts = run_job(self, operator, self.all_partitions(), code, |mut drawn, _| {
            let mut counts: HashMap<T, u64> = HashMap::new();
            drawn.for_each_run(|run| {
                run.drain(..).for_each(|element| *counts.entry(element).or_default() += 1);
                Ok(())
            })?;
            Ok(counts)
        })?;
        let mut counts = HashMap::new();
        for (element, count) in parts.into_iter().flatten() {
            *counts.entry(element).or_default() += count;
        }
        Ok(counts)
    }
}

//! `count`: how many elements there are.

use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;

impl<T: 'static> Rdd<T> {
    /// How many elements there are: Spark's `RDD.count`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.parallelize(1..=4, 3).filter(|x| *x > 1).count()?, 3);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn count(&self) -> Result<u64, Error> {
        let code = Function { env: (), call: () };
        let counts = run_job(self, Operator::here("count"), self.all_partitions(), code, |drawn, _| drawn.count())?;
        Ok(counts.into_iter().sum())
    }
}

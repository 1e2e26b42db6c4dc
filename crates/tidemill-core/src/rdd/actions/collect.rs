//! `collect`: all elements, in the driver.

use crate::Element;
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;

impl<T: 'static> Rdd<T> {
    /// All elements, partition after partition: Spark's `RDD.collect`.
    ///
    /// Error: they take more than `tidemill.memory.results.limit` (4.68), by a sample.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.parallelize(1..=4, 3).collect()?, [1, 2, 3, 4]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn collect(&self) -> Result<Vec<T>, Error>
    where
        T: Element,
    {
        let code = Function { env: (), call: () };
        let parts = run_job(self, Operator::here("collect"), self.all_partitions(), code, |drawn, _| drawn.all())?;
        Ok(flatten(parts))
    }
}

pub(super) fn flatten<T>(mut parts: Vec<Vec<T>>) -> Vec<T> {
    if parts.len() == 1 {
        return parts.pop().unwrap_or_default();
    }
    let mut all = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    parts.iter_mut().for_each(|part| all.append(part));
    all
}

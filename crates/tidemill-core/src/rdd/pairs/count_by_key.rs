//! `count_by_key`: how many pairs each key has.

use std::collections::HashMap;

use crate::Key;
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// How many pairs each key has, as a map in the driver: Spark's `RDD.countByKey` (behaviour 3.5). The keys must fit
    /// into memory there; for more of them, count with [`reduce_by_key`](Rdd::reduce_by_key).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let counts = context.parallelize([('a', 1), ('b', 2), ('a', 3)], 2).count_by_key()?;
    /// assert_eq!((counts[&'a'], counts[&'b']), (2, 1));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn count_by_key(&self) -> Result<HashMap<K, u64>, Error>
    where
        K: Key,
    {
        let code = Function { env: (), call: () };
        let parts = run_job(self, Operator::here("count_by_key"), self.all_partitions(), code, |mut drawn, _| {
            let mut counts = HashMap::new();
            drawn.for_each_run(|run| {
                run.drain(..).for_each(|(key, _)| *counts.entry(key).or_insert(0_u64) += 1);
                Ok(())
            })?;
            Ok(counts)
        })?;
        let mut counts = HashMap::new();
        for (key, count) in parts.into_iter().flatten() {
            *counts.entry(key).or_insert(0) += count;
        }
        Ok(counts)
    }
}

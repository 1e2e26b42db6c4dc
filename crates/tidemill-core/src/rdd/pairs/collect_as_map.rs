//! `collect_as_map`: all pairs as a map, in the driver.

use std::collections::HashMap;

use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;
use crate::{Element, Key};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// All pairs as a map; of the values of one key the last one counts: Spark's `RDD.collectAsMap` (behaviour 3.5).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let map = context.parallelize([(1, 'a'), (2, 'b'), (1, 'c')], 2).collect_as_map()?;
    /// assert_eq!((map.len(), map[&1]), (2, 'c'));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn collect_as_map(&self) -> Result<HashMap<K, V>, Error>
    where
        K: Key,
        V: Element,
    {
        let code = Function { env: (), call: () };
        let maps = run_job(self, Operator::here("collect_as_map"), self.all_partitions(), code, |mut drawn, _| {
            let mut map = HashMap::new();
            drawn.for_each_run(|run| {
                map.extend(run.drain(..));
                Ok(())
            })?;
            Ok(map)
        })?;
        Ok(maps.into_iter().flatten().collect())
    }
}

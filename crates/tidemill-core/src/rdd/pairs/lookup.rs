//! `lookup`: the values of one key.

use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;
use crate::{Element, Key};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// All values of `key`, in order: Spark's `RDD.lookup` (behaviour 3.5). Where the layout is known only the partition of
    /// the key is computed.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let pairs = context.parallelize([(1, 'a'), (2, 'b'), (1, 'c')], 3);
    /// assert_eq!(pairs.lookup(&1)?, ['a', 'c']);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn lookup(&self, key: &K) -> Result<Vec<V>, Error>
    where
        K: Key,
        V: Element,
    {
        let operator = Operator::here("lookup");
        let partitions = match self.layout().and_then(|layout| layout.route::<K>()) {
            None => self.all_partitions(),
            Some(route) => match route.partition(key) {
                partition if partition < self.num_partitions() => vec![partition as u32],
                _ => return Err(Error::driver(&operator, route.out_of_range(key))),
            },
        };
        let code = Function { env: key.clone(), call: () };
        let found = run_job(self, operator, partitions, code, |mut drawn, sought| {
            let mut values = Vec::new();
            drawn.for_each_run(|run| {
                values.extend(run.drain(..).filter(|(key, _)| *key == sought.env).map(|(_, value)| value));
                Ok(())
            })?;
            Ok(values)
        })?;
        Ok(found.into_iter().flatten().collect())
    }
}

//! `reduce_by_key_locally`: merges the values of each key and brings the results to the driver, without a shuffle.

use std::collections::HashMap;

use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;
use crate::{Element, Key};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// Merges the values of each key with an associative function, within each partition and then in the driver: Spark's
    /// `RDD.reduceByKeyLocally` (behaviour 3.5). The keys must fit into memory there.
    ///
    /// The function is needed on both sides, so it is one that can be copied: every closure that captures nothing, or
    /// only what can be copied or cloned.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let pairs = context.parallelize([('a', 1), ('b', 2), ('a', 3)], 2);
    /// let sums = pairs.reduce_by_key_locally(|x, y| x + y)?;
    /// assert_eq!((sums[&'a'], sums[&'b']), (4, 2));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn reduce_by_key_locally<F>(&self, f: F) -> Result<HashMap<K, V>, Error>
    where
        K: Key,
        V: Element,
        F: Fn(V, V) -> V + Clone + Send + Sync + 'static,
    {
        let (operator, code) = (Operator::here("reduce_by_key_locally"), Function { env: (), call: f.clone() });
        let parts = run_job(self, operator, self.all_partitions(), code, |mut drawn, f: &Function<(), F>| {
            let mut merged = HashMap::new();
            drawn.for_each_run(|run| {
                run.drain(..).for_each(|(key, value)| merge(&mut merged, key, value, &f.call));
                Ok(())
            })?;
            Ok(merged)
        })?;
        let mut merged = HashMap::new();
        parts.into_iter().flatten().for_each(|(key, value)| merge(&mut merged, key, value, &f));
        Ok(merged)
    }
}

fn merge<K: Key, V>(merged: &mut HashMap<K, V>, key: K, value: V, f: impl Fn(V, V) -> V) {
    let value = match merged.remove(&key) {
        Some(held) => f(held, value),
        None => value,
    };
    merged.insert(key, value);
}

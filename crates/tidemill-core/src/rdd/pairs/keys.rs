//! `keys` and `values`: one half of each pair.

use crate::rdd::{Keeps, Map, Rdd};
use crate::ship::Function;

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// The key of each pair: Spark's `RDD.keys` (behaviour 3.5).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.parallelize([(1, 'a'), (2, 'b')], 2).keys().collect()?, [1, 2]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn keys(&self) -> Rdd<K> {
        self.narrow("keys", Keeps::Nothing, Function { env: (), call: () }, |input, _| {
            Ok(Box::new(Map { input, run: Vec::new(), f: |(key, _)| key }))
        })
    }

    /// The value of each pair: Spark's `RDD.values` (behaviour 3.5).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.parallelize([(1, 'a'), (2, 'b')], 2).values().collect()?, ['a', 'b']);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn values(&self) -> Rdd<V> {
        self.narrow("values", Keeps::Nothing, Function { env: (), call: () }, |input, _| {
            Ok(Box::new(Map { input, run: Vec::new(), f: |(_, value)| value }))
        })
    }
}

//! `flat_map_values`: each value becomes any number of others under its key.

use std::sync::Arc;

use crate::rdd::{FlatMap, Keeps, Rdd};
use crate::ship::Function;

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// Pairs each key with all that the iterator of `f` yields of its value: Spark's `RDD.flatMapValues` (behaviour
    /// 3.5). The layout stays.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let pairs = context.parallelize([(1, 2), (2, 0), (3, 1)], 2);
    /// assert_eq!(pairs.flat_map_values(|n| 0..n).collect()?, [(1, 0), (1, 1), (3, 0)]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn flat_map_values<I, F>(&self, f: F) -> Rdd<(K, I::Item)>
    where
        K: Clone,
        I: IntoIterator + 'static,
        F: Fn(V) -> I + Send + Sync + 'static,
    {
        let code = Function { env: (), call: f };
        self.narrow("flat_map_values", Keeps::Layout, code, |input, f: Arc<Function<(), F>>| {
            let expand = move |(key, value): (K, V)| (f.call)(value).into_iter().map(move |part| (key.clone(), part));
            Ok(Box::new(FlatMap::new(input, expand)))
        })
    }
}

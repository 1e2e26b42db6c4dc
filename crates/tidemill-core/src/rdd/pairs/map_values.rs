//! `map_values`: each value becomes another, keys stay where they are.

use std::sync::Arc;

use crate::Element;
use crate::rdd::{Keeps, Map, Rdd};
use crate::ship::Function;

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// Makes of each value another one: Spark's `RDD.mapValues` (behaviour 3.5). The layout stays, so that a join
    /// afterwards needs no shuffle.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let pairs = context.parallelize([("a", 1), ("b", 2)].map(|(k, v)| (k.to_string(), v)), 2);
    /// assert_eq!(pairs.map_values(|v| v * 10).values().collect()?, [10, 20]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn map_values<W: 'static, F: Fn(V) -> W + Send + Sync + 'static>(&self, f: F) -> Rdd<(K, W)> {
        self.narrow("map_values", Keeps::Layout, Function { env: (), call: f }, |input, f: Arc<Function<(), F>>| {
            Ok(Box::new(Map { input, run: Vec::new(), f: move |(key, value)| (key, (f.call)(value)) }))
        })
    }

    /// [`map_values`](Rdd::map_values) with a value that every task is given.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let pairs = context.parallelize([(1, 1), (2, 2)], 2);
    /// assert_eq!(pairs.map_values_with(10, |factor, v| factor * v).values().collect()?, [10, 20]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn map_values_with<E, W, F>(&self, env: E, f: F) -> Rdd<(K, W)>
    where
        E: Element,
        W: 'static,
        F: Fn(&E, V) -> W + Send + Sync + 'static,
    {
        self.narrow("map_values_with", Keeps::Layout, Function { env, call: f }, |input, f: Arc<Function<E, F>>| {
            Ok(Box::new(Map { input, run: Vec::new(), f: move |(key, value)| (key, (f.call)(&f.env, value)) }))
        })
    }
}

//! `map_values` and `flat_map_values`: values become others, keys stay where they are.

use tidemill_core::Element;

use crate::dstream::DStream;

impl<K: 'static, V: 'static> DStream<(K, V)> {
    /// Makes of each value another one: Spark's `DStream.mapValues` (behaviour 1.34). The layout stays, so that a join
    /// afterwards needs no shuffle.
    ///
    /// ```text
    /// batch 1: [("a", 1), ("b", 2)]  ->  [("a", 10), ("b", 20)]
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check([vec![('a', 1), ('b', 2)]], |pairs| pairs.map_values(|v| v * 10), [vec![('a', 10), ('b', 20)]]);
    /// ```
    #[track_caller]
    pub fn map_values<W: 'static>(&self, f: impl Fn(V) -> W + Clone + Send + Sync + 'static) -> DStream<(K, W)> {
        self.derived("map_values", move |rdd, _| rdd.map_values(f.clone()))
    }

    /// [`map_values`](DStream::map_values) with a value that every task is given.
    ///
    /// ```text
    /// batch 1: [("a", 1)]  ->  [("a", 10)]
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check([vec![('a', 1)]], |pairs| pairs.map_values_with(10, |factor, v| factor * v), [vec![('a', 10)]]);
    /// ```
    #[track_caller]
    pub fn map_values_with<E: Element, W: 'static>(
        &self,
        env: E,
        f: impl Fn(&E, V) -> W + Clone + Send + Sync + 'static,
    ) -> DStream<(K, W)> {
        self.derived("map_values_with", move |rdd, _| rdd.map_values_with(env.clone(), f.clone()))
    }

    /// Pairs each key with all that the iterator of `f` yields of its value: Spark's `DStream.flatMapValues` (behaviour
    /// 1.35). The layout stays.
    ///
    /// ```text
    /// batch 1: [("a", 2), ("b", 0)]  ->  [("a", 0), ("a", 1)]
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check([vec![('a', 2), ('b', 0)]], |pairs| pairs.flat_map_values(|n| 0..n), [vec![('a', 0), ('a', 1)]]);
    /// ```
    #[track_caller]
    pub fn flat_map_values<I: IntoIterator + 'static>(
        &self,
        f: impl Fn(V) -> I + Clone + Send + Sync + 'static,
    ) -> DStream<(K, I::Item)>
    where
        K: Clone,
    {
        self.derived("flat_map_values", move |rdd, _| rdd.flat_map_values(f.clone()))
    }
}

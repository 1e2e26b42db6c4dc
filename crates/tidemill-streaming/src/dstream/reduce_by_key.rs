//! `reduce_by_key`: merges the values of each key within each batch.

use tidemill_core::{Element, Key};

use crate::dstream::DStream;

impl<K: Key, V: Element> DStream<(K, V)> {
    /// Merges the values of each key of a batch with an associative function: Spark's `DStream.reduceByKey` (behaviour
    /// 1.29), in as many partitions as `default_parallelism` says. Values are merged before they are moved, and keys come
    /// in first-seen order within each partition.
    ///
    /// ```text
    /// batch 1: [("b", 1), ("a", 2), ("b", 3)]  ->  [("b", 4), ("a", 2)]
    /// batch 2: [("b", 5)]                      ->  [("b", 5)]
    /// ```
    ///
    /// ```no_run
    /// # fn example(words: tidemill_streaming::DStream<tidemill_core::Text>) {
    /// let counts = words.map(|word| (word, 1)).reduce_by_key(|a, b| a + b);
    /// # }
    /// ```
    #[track_caller]
    pub fn reduce_by_key(&self, f: impl Fn(V, V) -> V + Clone + Send + Sync + 'static) -> DStream<(K, V)> {
        self.derived("reduce_by_key", move |rdd, _| rdd.reduce_by_key(f.clone()))
    }

    /// [`reduce_by_key`](DStream::reduce_by_key) into a number of partitions; 0 is taken as 1.
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![('b', 1), ('a', 2), ('b', 3)], vec![('b', 5)]],
    ///     |pairs| pairs.reduce_by_key_into(|x, y| x + y, 1),
    ///     [vec![('b', 4), ('a', 2)], vec![('b', 5)]],
    /// );
    /// ```
    #[track_caller]
    pub fn reduce_by_key_into(
        &self,
        f: impl Fn(V, V) -> V + Clone + Send + Sync + 'static,
        partitions: usize,
    ) -> DStream<(K, V)> {
        self.derived("reduce_by_key", move |rdd, _| rdd.reduce_by_key_into(f.clone(), partitions))
    }
}

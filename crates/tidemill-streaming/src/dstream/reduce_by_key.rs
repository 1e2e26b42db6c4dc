//! `reduce_by_key`: merges the values of each key within each batch.

use tidemill_core::{Element, Key};

use crate::dstream::DStream;

impl<K: Key, V: Element> DStream<(K, V)> {
    /// Merges the values of each key of a batch with an associative function: Spark's `DStream.reduceByKey`.
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
}

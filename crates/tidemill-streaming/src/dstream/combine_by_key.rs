//! `combine_by_key`: what all aggregations by key are made of, within each batch.

use tidemill_core::{Element, Key};

use crate::dstream::DStream;

impl<K: Key, V: Element> DStream<(K, V)> {
    /// Makes of the values of each key of a batch one combined value: Spark's `DStream.combineByKey` (behaviour 1.30), in
    /// as many partitions as `default_parallelism` says.
    ///
    /// `create` makes it of a key's first value in a partition, `merge_value` adds a value, `merge` joins two of different
    /// partitions. Values are combined before they are moved.
    ///
    /// ```text
    /// batch 1: [("a", 1), ("b", 5), ("a", 3)]  ->  [("a", (4, 2)), ("b", (5, 1))]     sums and counts
    /// batch 2: [("a", 9)]                      ->  [("a", (9, 1))]
    /// ```
    ///
    /// See [`combine_by_key_into`](DStream::combine_by_key_into) for an example.
    #[track_caller]
    pub fn combine_by_key<C, A, B, M>(&self, create: A, merge_value: B, merge: M) -> DStream<(K, C)>
    where
        C: Element,
        A: Fn(V) -> C + Clone + Send + Sync + 'static,
        B: Fn(C, V) -> C + Clone + Send + Sync + 'static,
        M: Fn(C, C) -> C + Clone + Send + Sync + 'static,
    {
        self.derived("combine_by_key", move |rdd, _| {
            rdd.combine_by_key(create.clone(), merge_value.clone(), merge.clone())
        })
    }

    /// [`combine_by_key`](DStream::combine_by_key) into a number of partitions; 0 is taken as 1.
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![('a', 1), ('b', 5), ('a', 3)], vec![('a', 9)]],
    ///     |pairs| pairs.combine_by_key_into(|v| (v, 1), |(s, n), v| (s + v, n + 1), |(s, n), (t, m)| (s + t, n + m), 1),
    ///     [vec![('a', (4, 2)), ('b', (5, 1))], vec![('a', (9, 1))]],
    /// );
    /// ```
    #[track_caller]
    pub fn combine_by_key_into<C, A, B, M>(
        &self,
        create: A,
        merge_value: B,
        merge: M,
        partitions: usize,
    ) -> DStream<(K, C)>
    where
        C: Element,
        A: Fn(V) -> C + Clone + Send + Sync + 'static,
        B: Fn(C, V) -> C + Clone + Send + Sync + 'static,
        M: Fn(C, C) -> C + Clone + Send + Sync + 'static,
    {
        self.derived("combine_by_key", move |rdd, _| {
            rdd.combine_by_key_into(create.clone(), merge_value.clone(), merge.clone(), partitions)
        })
    }
}

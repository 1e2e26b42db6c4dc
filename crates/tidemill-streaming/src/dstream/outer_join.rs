//! `left_outer_join`, `right_outer_join` and `full_outer_join`: joins that keep keys which one stream lacks in a batch.

use tidemill_core::{Element, Key};

use crate::dstream::DStream;
use crate::error::Error;

impl<K: Key, V: Element> DStream<(K, V)> {
    /// [`join`](DStream::join) with each pair of this stream kept: where `other` has no value for its key in the batch,
    /// with `None`: Spark's `DStream.leftOuterJoin` (behaviour 1.48).
    ///
    /// ```text
    /// batch 1: [("a", 1), ("b", 2)] and [("a", 9)]  ->  [("a", (1, Some(9))), ("b", (2, None))]
    /// batch 2: []                   and [("c", 7)]  ->  []
    /// ```
    ///
    /// # Errors
    /// As [`join`](DStream::join).
    ///
    /// See [`left_outer_join_into`](DStream::left_outer_join_into) for an example.
    #[track_caller]
    pub fn left_outer_join<W: Element>(&self, other: &DStream<(K, W)>) -> Result<DStream<(K, (V, Option<W>))>, Error> {
        self.together("left_outer_join", other, |one, two, _| one.left_outer_join(&two))
    }

    /// [`left_outer_join`](DStream::left_outer_join) into a number of partitions; 0 is taken as 1.
    ///
    /// # Errors
    /// As [`join`](DStream::join).
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![('a', 1), ('b', 2)]],
    ///     |pairs| pairs.left_outer_join_into(&pairs.filter(|(k, _)| *k == 'a'), 1).unwrap(),
    ///     [vec![('a', (1, Some(1))), ('b', (2, None))]],
    /// );
    /// ```
    #[track_caller]
    pub fn left_outer_join_into<W: Element>(
        &self,
        other: &DStream<(K, W)>,
        partitions: usize,
    ) -> Result<DStream<(K, (V, Option<W>))>, Error> {
        self.together("left_outer_join", other, move |one, two, _| one.left_outer_join_into(&two, partitions))
    }

    /// [`join`](DStream::join) with each pair of `other` kept: where this stream has no value for its key in the batch,
    /// with `None`: Spark's `DStream.rightOuterJoin` (behaviour 1.48).
    ///
    /// ```text
    /// batch 1: [("a", 1), ("b", 2)] and [("a", 9)]  ->  [("a", (Some(1), 9))]
    /// batch 2: []                   and [("c", 7)]  ->  [("c", (None, 7))]
    /// ```
    ///
    /// # Errors
    /// As [`join`](DStream::join).
    ///
    /// See [`right_outer_join_into`](DStream::right_outer_join_into) for an example.
    #[track_caller]
    pub fn right_outer_join<W: Element>(&self, other: &DStream<(K, W)>) -> Result<DStream<(K, (Option<V>, W))>, Error> {
        self.together("right_outer_join", other, |one, two, _| one.right_outer_join(&two))
    }

    /// [`right_outer_join`](DStream::right_outer_join) into a number of partitions; 0 is taken as 1.
    ///
    /// # Errors
    /// As [`join`](DStream::join).
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![('a', 1), ('b', 2)]],
    ///     |pairs| pairs.filter(|(k, _)| *k == 'a').right_outer_join_into(pairs, 1).unwrap(),
    ///     [vec![('a', (Some(1), 1)), ('b', (None, 2))]],
    /// );
    /// ```
    #[track_caller]
    pub fn right_outer_join_into<W: Element>(
        &self,
        other: &DStream<(K, W)>,
        partitions: usize,
    ) -> Result<DStream<(K, (Option<V>, W))>, Error> {
        self.together("right_outer_join", other, move |one, two, _| one.right_outer_join_into(&two, partitions))
    }

    /// [`join`](DStream::join) with each pair of either stream kept: where the other has no value for its key in the
    /// batch, with `None`: Spark's `DStream.fullOuterJoin` (behaviour 1.48).
    ///
    /// ```text
    /// batch 1: [("a", 1), ("b", 2)] and [("a", 9)]  ->  [("a", (Some(1), Some(9))), ("b", (Some(2), None))]
    /// batch 2: []                   and [("c", 7)]  ->  [("c", (None, Some(7)))]
    /// ```
    ///
    /// # Errors
    /// As [`join`](DStream::join).
    ///
    /// See [`full_outer_join_into`](DStream::full_outer_join_into) for an example.
    #[track_caller]
    pub fn full_outer_join<W: Element>(
        &self,
        other: &DStream<(K, W)>,
    ) -> Result<DStream<(K, (Option<V>, Option<W>))>, Error> {
        self.together("full_outer_join", other, |one, two, _| one.full_outer_join(&two))
    }

    /// [`full_outer_join`](DStream::full_outer_join) into a number of partitions; 0 is taken as 1.
    ///
    /// # Errors
    /// As [`join`](DStream::join).
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![('a', 1), ('b', 2)]],
    ///     |pairs| pairs.full_outer_join_into(&pairs.map_values(|v| v * 10), 1).unwrap(),
    ///     [vec![('a', (Some(1), Some(10))), ('b', (Some(2), Some(20)))]],
    /// );
    /// ```
    #[track_caller]
    pub fn full_outer_join_into<W: Element>(
        &self,
        other: &DStream<(K, W)>,
        partitions: usize,
    ) -> Result<DStream<(K, (Option<V>, Option<W>))>, Error> {
        self.together("full_outer_join", other, move |one, two, _| one.full_outer_join_into(&two, partitions))
    }
}

//! `join`: the pairs of values that two streams have under one key, batch by batch.

use tidemill_core::{Element, Key};

use crate::dstream::DStream;
use crate::error::Error;

impl<K: Key, V: Element> DStream<(K, V)> {
    /// Pairs each value of a key in a batch here with each in the same batch of `other`: Spark's `DStream.join` (behaviour
    /// 1.48). To join with what came earlier, join windows. The pairs of a key come as a cross product in order of arrival,
    /// the values of this stream outermost.
    ///
    /// The partitions are those of the layout that either RDD has, or as many as `default_parallelism` says. A stream that
    /// has no RDD for a batch loses that batch.
    ///
    /// ```text
    /// batch 1: [("a", 1), ("a", 2)] and [("a", 9)]  ->  [("a", (1, 9)), ("a", (2, 9))]
    /// batch 2: [("b", 3)]           and [("a", 9)]  ->  []
    /// ```
    ///
    /// # Errors
    /// [`Error::DifferentSlides`] and [`Error::DifferentContexts`].
    ///
    /// See [`join_into`](DStream::join_into) for an example.
    #[track_caller]
    pub fn join<W: Element>(&self, other: &DStream<(K, W)>) -> Result<DStream<(K, (V, W))>, Error> {
        self.together("join", other, |one, two, _| one.join(&two))
    }

    /// [`join`](DStream::join) into a number of partitions; 0 is taken as 1.
    ///
    /// # Errors
    /// As [`join`](DStream::join).
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![('a', 1), ('a', 2)], vec![('b', 3)]],
    ///     |pairs| pairs.join_into(&pairs.filter(|(_, v)| *v == 2), 1).unwrap(),
    ///     [vec![('a', (1, 2)), ('a', (2, 2))], vec![]],
    /// );
    /// ```
    #[track_caller]
    pub fn join_into<W: Element>(
        &self,
        other: &DStream<(K, W)>,
        partitions: usize,
    ) -> Result<DStream<(K, (V, W))>, Error> {
        self.together("join", other, move |one, two, _| one.join_into(&two, partitions))
    }
}

//! `cogroup`: the values of each key in two streams, side by side, batch by batch.

use tidemill_core::{Element, Key};

use crate::dstream::DStream;
use crate::error::Error;

impl<K: Key, V: Element> DStream<(K, V)> {
    /// The values of each key of a batch here and in `other`, as two lists in order of arrival: Spark's `DStream.cogroup`
    /// (behaviour 1.47). Within a partition the keys of this stream come first, then the new ones of `other`.
    ///
    /// The partitions are those of the layout that either RDD has, or as many as `default_parallelism` says. A stream that
    /// has no RDD for a batch loses that batch.
    ///
    /// ```text
    /// batch 1: [("a", 1), ("a", 2)] and [("a", 9), ("b", 8)]  ->  [("a", ([1, 2], [9])), ("b", ([], [8]))]
    /// batch 2: [("c", 3)]           and []                    ->  [("c", ([3], []))]
    /// ```
    ///
    /// # Errors
    /// [`Error::DifferentSlides`] and [`Error::DifferentContexts`].
    ///
    /// See [`cogroup_into`](DStream::cogroup_into) for an example.
    #[track_caller]
    pub fn cogroup<W: Element>(&self, other: &DStream<(K, W)>) -> Result<DStream<(K, (Vec<V>, Vec<W>))>, Error> {
        self.together("cogroup", other, |one, two, _| one.cogroup(&two))
    }

    /// [`cogroup`](DStream::cogroup) into a number of partitions; 0 is taken as 1.
    ///
    /// # Errors
    /// As [`cogroup`](DStream::cogroup).
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![('a', 1), ('a', 2)], vec![('c', 3)]],
    ///     |pairs| pairs.cogroup_into(&pairs.filter(|(_, v)| *v == 2), 1).unwrap(),
    ///     [vec![('a', (vec![1, 2], vec![2]))], vec![('c', (vec![3], vec![]))]],
    /// );
    /// ```
    #[track_caller]
    pub fn cogroup_into<W: Element>(
        &self,
        other: &DStream<(K, W)>,
        partitions: usize,
    ) -> Result<DStream<(K, (Vec<V>, Vec<W>))>, Error> {
        self.together("cogroup", other, move |one, two, _| one.cogroup_into(&two, partitions))
    }
}

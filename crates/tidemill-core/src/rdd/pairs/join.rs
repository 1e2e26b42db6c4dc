//! `join`: the pairs of values that two RDDs have under one key.

use crate::layout::Layout;
use crate::rdd::{FlatMap, Keeps, Rdd};
use crate::ship::Function;
use crate::{Element, Key};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// Pairs each value of a key here with each in `other`: Spark's `RDD.join` (behaviour 3.5).
    ///
    /// The pairs of a key come as a cross product in order of arrival, the values of this RDD outermost (behaviour 1.48),
    /// keys in first-seen order of this RDD. Layouts are as for [`cogroup`](Rdd::cogroup): inputs of one layout join
    /// without a shuffle (behaviour 3.24). A partition may hold more than memory does; the values of a single key, on
    /// both sides, may not. Their cross product may.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// let left = context.parallelize([('a', 1), ('b', 2), ('a', 3)], 2);
    /// let right = context.parallelize([('a', 10), ('c', 20), ('a', 30)], 2);
    /// let joined = left.join(&right).collect()?;
    /// assert_eq!(joined, [('a', (1, 10)), ('a', (1, 30)), ('a', (3, 10)), ('a', (3, 30))]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn join<W: Element>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (V, W))>
    where
        K: Key,
        V: Element,
    {
        self.joined(other, &self.layout_among(&[other.key_layout()]))
    }

    /// [`join`](Rdd::join) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn join_into<W: Element>(&self, other: &Rdd<(K, W)>, partitions: usize) -> Rdd<(K, (V, W))>
    where
        K: Key,
        V: Element,
    {
        self.joined(other, &self.context().hash_layout::<K>(partitions))
    }

    #[track_caller]
    fn joined<W: Element>(&self, other: &Rdd<(K, W)>, layout: &Layout) -> Rdd<(K, (V, W))>
    where
        K: Key,
        V: Element,
    {
        let code = Function { env: (), call: () };
        self.cogrouped("join", other, layout).narrow("join", Keeps::Layout, code, |input, _| {
            Ok(Box::new(FlatMap::new(input, |(key, (left, right))| Cross::new(key, left, right))))
        })
    }
}

/// The pairs of two lists under one key, the left list outermost. Values are cloned but for the last pair's.
pub(super) struct Cross<K, A, B> {
    /// `None` after the last pair.
    key: Option<K>,
    left: Vec<A>,
    right: Vec<B>,
    /// The next pair, as indices of the lists.
    at: (usize, usize),
}

impl<K, A, B> Cross<K, A, B> {
    pub(super) fn new(key: K, left: Vec<A>, right: Vec<B>) -> Cross<K, A, B> {
        let is_empty = left.is_empty() || right.is_empty();
        Cross { key: (!is_empty).then_some(key), left, right, at: (0, 0) }
    }
}

impl<K: Clone, A: Clone, B: Clone> Iterator for Cross<K, A, B> {
    type Item = (K, (A, B));

    fn next(&mut self) -> Option<(K, (A, B))> {
        let (row, column) = self.at;
        if column + 1 < self.right.len() {
            self.at = (row, column + 1);
        } else if row + 1 < self.left.len() {
            self.at = (row + 1, 0);
        } else {
            return Some((self.key.take()?, (self.left.pop()?, self.right.pop()?)));
        }
        Some((self.key.clone()?, (self.left.get(row)?.clone(), self.right.get(column)?.clone())))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.key.is_none() {
            return (0, Some(0));
        }
        let (row, column) = self.at;
        let rest = self.left.len().saturating_mul(self.right.len()) - row * self.right.len() - column;
        (rest, Some(rest))
    }
}

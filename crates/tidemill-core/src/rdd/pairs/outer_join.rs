//! `left_outer_join`, `right_outer_join` and `full_outer_join`: joins that keep keys of one side alone.

use crate::layout::Layout;
use crate::rdd::pairs::join::Cross;
use crate::rdd::{FlatMap, Keeps, Rdd};
use crate::ship::Function;
use crate::{Element, Key};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// [`join`](Rdd::join) that keeps all of this RDD, with `None` where `other` has no value of the key: Spark's
    /// `RDD.leftOuterJoin` (behaviour 1.48, 3.5).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// let left = context.parallelize([('a', 1), ('b', 2)], 2);
    /// let right = context.parallelize([('c', 10), ('a', 20)], 2);
    /// let joined = left.left_outer_join(&right).collect()?;
    /// assert_eq!(joined, [('a', (1, Some(20))), ('b', (2, None))]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn left_outer_join<W: Element>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (V, Option<W>))>
    where
        K: Key,
        V: Element,
    {
        self.left_joined(other, &self.layout_among(&[other.key_layout()]))
    }

    /// [`left_outer_join`](Rdd::left_outer_join) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn left_outer_join_into<W: Element>(&self, other: &Rdd<(K, W)>, partitions: usize) -> Rdd<(K, (V, Option<W>))>
    where
        K: Key,
        V: Element,
    {
        self.left_joined(other, &self.context().hash_layout::<K>(partitions))
    }

    /// [`join`](Rdd::join) that keeps all of `other`, with `None` where this RDD has no value of the key: Spark's
    /// `RDD.rightOuterJoin` (behaviour 1.48, 3.5). Keys that are in both come first.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// let left = context.parallelize([('a', 1), ('b', 2)], 2);
    /// let right = context.parallelize([('c', 10), ('a', 20)], 2);
    /// let joined = left.right_outer_join(&right).collect()?;
    /// assert_eq!(joined, [('a', (Some(1), 20)), ('c', (None, 10))]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn right_outer_join<W: Element>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (Option<V>, W))>
    where
        K: Key,
        V: Element,
    {
        self.right_joined(other, &self.layout_among(&[other.key_layout()]))
    }

    /// [`right_outer_join`](Rdd::right_outer_join) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn right_outer_join_into<W: Element>(&self, other: &Rdd<(K, W)>, partitions: usize) -> Rdd<(K, (Option<V>, W))>
    where
        K: Key,
        V: Element,
    {
        self.right_joined(other, &self.context().hash_layout::<K>(partitions))
    }

    /// [`join`](Rdd::join) that keeps all of both, with `None` for what is missing: Spark's `RDD.fullOuterJoin`
    /// (behaviour 1.48, 3.5). Within a partition the keys of this RDD come first, then the new ones of `other`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// let left = context.parallelize([('a', 1), ('b', 2)], 2);
    /// let right = context.parallelize([('c', 10), ('a', 20)], 2);
    /// let joined = left.full_outer_join(&right).collect()?;
    /// assert_eq!(joined, [('a', (Some(1), Some(20))), ('b', (Some(2), None)), ('c', (None, Some(10)))]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn full_outer_join<W: Element>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (Option<V>, Option<W>))>
    where
        K: Key,
        V: Element,
    {
        self.full_joined(other, &self.layout_among(&[other.key_layout()]))
    }

    /// [`full_outer_join`](Rdd::full_outer_join) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn full_outer_join_into<W: Element>(
        &self,
        other: &Rdd<(K, W)>,
        partitions: usize,
    ) -> Rdd<(K, (Option<V>, Option<W>))>
    where
        K: Key,
        V: Element,
    {
        self.full_joined(other, &self.context().hash_layout::<K>(partitions))
    }

    #[track_caller]
    fn left_joined<W: Element>(&self, other: &Rdd<(K, W)>, layout: &Layout) -> Rdd<(K, (V, Option<W>))>
    where
        K: Key,
        V: Element,
    {
        let (name, code) = ("left_outer_join", Function { env: (), call: () });
        self.cogrouped(name, other, layout).narrow(name, Keeps::Layout, code, |input, _| {
            Ok(Box::new(FlatMap::new(input, |(key, (left, right))| Cross::new(key, left, some_or_none(right)))))
        })
    }

    #[track_caller]
    fn right_joined<W: Element>(&self, other: &Rdd<(K, W)>, layout: &Layout) -> Rdd<(K, (Option<V>, W))>
    where
        K: Key,
        V: Element,
    {
        let (name, code) = ("right_outer_join", Function { env: (), call: () });
        self.cogrouped(name, other, layout).narrow(name, Keeps::Layout, code, |input, _| {
            Ok(Box::new(FlatMap::new(input, |(key, (left, right))| Cross::new(key, some_or_none(left), right))))
        })
    }

    #[track_caller]
    fn full_joined<W: Element>(&self, other: &Rdd<(K, W)>, layout: &Layout) -> Rdd<(K, (Option<V>, Option<W>))>
    where
        K: Key,
        V: Element,
    {
        let (name, code) = ("full_outer_join", Function { env: (), call: () });
        self.cogrouped(name, other, layout).narrow(name, Keeps::Layout, code, |input, _| {
            let cross = |(key, (left, right))| Cross::new(key, some_or_none(left), some_or_none(right));
            Ok(Box::new(FlatMap::new(input, cross)))
        })
    }
}

/// The values, or one `None` where there are none.
fn some_or_none<T>(values: Vec<T>) -> Vec<Option<T>> {
    if values.is_empty() { vec![None] } else { values.into_iter().map(Some).collect() }
}

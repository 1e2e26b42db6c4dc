//! `combine_by_key`: what all aggregations by key are made of.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::exchange::Shuffled;
use crate::exchange::combine::{Combine, Combiner};
use crate::layout::Layout;
use crate::memory::Pool;
use crate::rdd::{Keeps, Rdd};
use crate::ship::{Code, NotShippable, ShipError, captures_nothing, conjure};
use crate::table::SpillTable;
use crate::{Element, Key};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// Makes of the values of each key one combined value: Spark's `RDD.combineByKey`.
    ///
    /// `create` makes it of a key's first value, `merge_value` adds a value, `merge` joins two of different partitions.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let pairs = context.parallelize([("a".to_string(), 1), ("a".to_string(), 3)], 2);
    /// let sums = pairs.combine_by_key(|v| (v, 1), |(s, n), v| (s + v, n + 1), |(s, n), (t, m)| (s + t, n + m));
    /// assert_eq!(sums.collect()?, [("a".to_string(), (4, 2))]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn combine_by_key<C, A, B, M>(&self, create: A, merge_value: B, merge: M) -> Rdd<(K, C)>
    where
        K: Key,
        V: Element,
        C: Element,
        A: Fn(V) -> C + Send + Sync + 'static,
        B: Fn(C, V) -> C + Send + Sync + 'static,
        M: Fn(C, C) -> C + Send + Sync + 'static,
    {
        let functions = Functions { create, merge_value, merge, types: PhantomData };
        self.combined("combine_by_key", self.default_layout(), functions)
    }

    /// [`combine_by_key`](Rdd::combine_by_key) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn combine_by_key_into<C, A, B, M>(&self, create: A, merge_value: B, merge: M, partitions: usize) -> Rdd<(K, C)>
    where
        K: Key,
        V: Element,
        C: Element,
        A: Fn(V) -> C + Send + Sync + 'static,
        B: Fn(C, V) -> C + Send + Sync + 'static,
        M: Fn(C, C) -> C + Send + Sync + 'static,
    {
        let functions = Functions { create, merge_value, merge, types: PhantomData };
        self.combined("combine_by_key", self.context().hash_layout::<K>(partitions), functions)
    }

    /// Combines by key into a layout; without a shuffle where the pairs lie by it already (behaviour 3.24).
    #[track_caller]
    pub(crate) fn combined<C: Combiner<V>>(
        &self,
        name: &'static str,
        layout: Layout,
        combiner: C,
    ) -> Rdd<(K, C::Combined)>
    where
        K: Key,
        V: Element,
    {
        if self.layout() == Some(&layout) {
            return self.combined_in_place(name, combiner);
        }
        let context = self.context();
        let Some(route) = layout.route::<K>() else { return self.combined_in_place(name, combiner) };
        let meta = context.meta(name, layout.partitions(), Some(layout));
        let (seed, combiner) = (context.environment().seed, Arc::new(combiner));
        let exchange = Combine { seed, route, combiner, values: PhantomData };
        let parent = Arc::clone(self.node());
        let node = Shuffled::new(meta, context.next_shuffle(), parent, exchange, context.environment());
        Rdd::new(context, Arc::new(node))
    }

    /// Combines by key within each partition, where all pairs of a key are.
    #[track_caller]
    pub(crate) fn combined_in_place<C: Combiner<V>>(&self, name: &'static str, combiner: C) -> Rdd<(K, C::Combined)>
    where
        K: Key,
        V: Element,
    {
        self.narrow(name, Keeps::Layout, combiner, |mut input, combiner: Arc<C>| {
            let environment = Arc::clone(input.cx.environment());
            let mut table = SpillTable::new(environment.memory.grant(Pool::Shuffle), &environment.spill);
            let mut run = Vec::new();
            while input.next(&mut run)? {
                let hash = |key: &K| environment.seed.hash(key);
                table.merge_run(&mut run, hash, |v| combiner.create(v), |c, v| combiner.merge_value(c, v))?;
            }
            Ok(table.finish(move |earlier, later| combiner.merge(earlier, later))?)
        })
    }
}

struct Functions<V, C, A, B, M> {
    create: A,
    merge_value: B,
    merge: M,
    types: PhantomData<fn(V) -> C>,
}

impl<V, C, A, B, M> Code for Functions<V, C, A, B, M>
where
    V: 'static,
    C: 'static,
    A: Send + Sync + 'static,
    B: Send + Sync + 'static,
    M: Send + Sync + 'static,
{
    fn pack(&self) -> Result<Vec<u8>, NotShippable> {
        if captures_nothing::<(A, B, M)>() { Ok(Vec::new()) } else { Err(NotShippable::closure()) }
    }

    fn unpack(_: &[u8]) -> Result<Self, ShipError> {
        Ok(Functions { create: conjure()?, merge_value: conjure()?, merge: conjure()?, types: PhantomData })
    }
}

impl<V, C, A, B, M> Combiner<V> for Functions<V, C, A, B, M>
where
    V: Element,
    C: Element,
    A: Fn(V) -> C + Send + Sync + 'static,
    B: Fn(C, V) -> C + Send + Sync + 'static,
    M: Fn(C, C) -> C + Send + Sync + 'static,
{
    type Combined = C;

    fn create(&self, value: V) -> C {
        (self.create)(value)
    }

    fn merge_value(&self, combined: C, value: V) -> C {
        (self.merge_value)(combined, value)
    }

    fn merge(&self, earlier: C, later: C) -> C {
        (self.merge)(earlier, later)
    }
}

//! `distinct`: each element once.

use crate::Key;
use crate::exchange::combine::Combiner;
use crate::layout::Layout;
use crate::rdd::{Keeps, Map, Rdd};
use crate::ship::{Code, Function, NotShippable, ShipError};

impl<T: 'static> Rdd<T> {
    /// Each element once, in first-seen order within each partition: Spark's `RDD.distinct` (behaviour 3.4, 3.22).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// assert_eq!(context.parallelize([3, 1, 3, 2, 1], 2).distinct().collect()?, [3, 1, 2]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn distinct(&self) -> Rdd<T>
    where
        T: Key,
    {
        self.distinct_into(self.context().default_parallelism())
    }

    /// [`distinct`](Rdd::distinct) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn distinct_into(&self, partitions: usize) -> Rdd<T>
    where
        T: Key,
    {
        let layout = self.context().hash_layout::<T>(partitions);
        self.as_keys("distinct").combined("distinct", layout, First).keys_alone("distinct")
    }

    /// Each element as a key, as the first step of the operator called `name`.
    #[track_caller]
    pub(super) fn as_keys(&self, name: &'static str) -> Rdd<(T, ())> {
        self.narrow(name, Keeps::Nothing, Function { env: (), call: () }, |input, _| {
            Ok(Box::new(Map { input, run: Vec::new(), f: |element| (element, ()) }))
        })
    }
}

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// The keys, as the last step of the operator called `name`.
    #[track_caller]
    pub(super) fn keys_alone(&self, name: &'static str) -> Rdd<K> {
        self.narrow(name, Keeps::Nothing, Function { env: (), call: () }, |input, _| {
            Ok(Box::new(Map { input, run: Vec::new(), f: |(key, _)| key }))
        })
    }

    /// The keys beside nothing, in `layout`: for operators that only ask which keys there are. Where keys move, each
    /// moves once for each partition.
    #[track_caller]
    pub(super) fn keys_in(&self, name: &'static str, layout: &Layout) -> Rdd<(K, ())>
    where
        K: Key,
    {
        let keys = self.narrow(name, Keeps::Layout, Function { env: (), call: () }, |input, _| {
            Ok(Box::new(Map { input, run: Vec::new(), f: |(key, _)| (key, ()) }))
        });
        if keys.layout() == Some(layout) { keys } else { keys.combined(name, layout.clone(), First) }
    }
}

/// Keeps nothing but that a key was there.
struct First;

impl Code for First {
    fn pack(&self) -> Result<Vec<u8>, NotShippable> {
        Ok(Vec::new())
    }

    fn unpack(_: &[u8]) -> Result<Self, ShipError> {
        Ok(First)
    }
}

impl Combiner<()> for First {
    type Combined = ();

    fn create(&self, (): ()) {}

    fn merge_value(&self, (): (), (): ()) {}

    fn merge(&self, (): (), (): ()) {}
}

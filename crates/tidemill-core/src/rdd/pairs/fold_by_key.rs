//! `fold_by_key`: merges the values of each key, starting from a zero.

use crate::exchange::combine::Combiner;
use crate::rdd::Rdd;
use crate::ship::{Code, Function, NotShippable, ShipError};
use crate::{Element, Key};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// Merges the values of each key with an associative function, starting from `zero`: Spark's `RDD.foldByKey`
    /// (behaviour 3.5).
    ///
    /// A key starts from `zero` once in each partition that has it, more often where memory does not suffice: `zero` is
    /// to be a value that changes nothing.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// let pairs = context.parallelize([("a", 2), ("b", 3), ("a", 4)].map(|(k, v)| (k.to_string(), v)), 2);
    /// let products = pairs.fold_by_key_into(1, |x, y| x * y, 1);
    /// assert_eq!(products.collect()?, [("a".to_string(), 8), ("b".to_string(), 3)]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn fold_by_key<F: Fn(V, V) -> V + Send + Sync + 'static>(&self, zero: V, f: F) -> Rdd<(K, V)>
    where
        K: Key,
        V: Element,
    {
        self.combined("fold_by_key", self.default_layout(), Fold(Function { env: zero, call: f }))
    }

    /// [`fold_by_key`](Rdd::fold_by_key) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn fold_by_key_into<F>(&self, zero: V, f: F, partitions: usize) -> Rdd<(K, V)>
    where
        K: Key,
        V: Element,
        F: Fn(V, V) -> V + Send + Sync + 'static,
    {
        let layout = self.context().hash_layout::<K>(partitions);
        self.combined("fold_by_key", layout, Fold(Function { env: zero, call: f }))
    }
}

struct Fold<V, F>(Function<V, F>);

impl<V: Element, F: Send + Sync + 'static> Code for Fold<V, F> {
    fn pack(&self) -> Result<Vec<u8>, NotShippable> {
        self.0.pack()
    }

    fn unpack(bytes: &[u8]) -> Result<Self, ShipError> {
        Function::unpack(bytes).map(Fold)
    }
}

impl<V: Element, F: Fn(V, V) -> V + Send + Sync + 'static> Combiner<V> for Fold<V, F> {
    type Combined = V;

    fn create(&self, value: V) -> V {
        (self.0.call)(self.0.env.clone(), value)
    }

    fn merge_value(&self, combined: V, value: V) -> V {
        (self.0.call)(combined, value)
    }

    fn merge(&self, earlier: V, later: V) -> V {
        (self.0.call)(earlier, later)
    }
}

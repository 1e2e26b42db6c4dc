//! `reduce_by_key`: merges the values of each key.

use crate::error::Error;
use crate::exchange::combine::Combiner;
use crate::layout::Layout;
use crate::rdd::Rdd;
use crate::rdd::pairs::partition_by::check_keys;
use crate::ship::{Code, Function, NotShippable, ShipError};
use crate::{Element, Key};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// Merges the values of each key with an associative function: Spark's `RDD.reduceByKey`, in as many partitions as
    /// `default_parallelism` says. Keys come in first-seen order within each partition (behaviour 3.22).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// let pairs = context.parallelize([("b", 1), ("a", 2), ("b", 3)].map(|(k, v)| (k.to_string(), v)), 1);
    /// let sums = pairs.reduce_by_key(|x, y| x + y).collect()?;
    /// assert_eq!(sums, [("b".to_string(), 4), ("a".to_string(), 2)]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn reduce_by_key<F: Fn(V, V) -> V + Send + Sync + 'static>(&self, f: F) -> Rdd<(K, V)>
    where
        K: Key,
        V: Element,
    {
        self.combined("reduce_by_key", self.default_layout(), Reduce(Function { env: (), call: f }))
    }

    /// [`reduce_by_key`](Rdd::reduce_by_key) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn reduce_by_key_into<F: Fn(V, V) -> V + Send + Sync + 'static>(&self, f: F, partitions: usize) -> Rdd<(K, V)>
    where
        K: Key,
        V: Element,
    {
        let layout = self.context().hash_layout::<K>(partitions);
        self.combined("reduce_by_key", layout, Reduce(Function { env: (), call: f }))
    }

    /// [`reduce_by_key`](Rdd::reduce_by_key) with keys where `layout` has them; pairs that lie so already stay where they are.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let squares = context.parallelize((0..5).map(|n| (n, n * n)), 2).partition_by_hash(3);
    /// let counts = context.parallelize((0..100).map(|n| (n % 5, 1)), 4);
    /// let counts = counts.reduce_by_key_at(|a, b| a + b, squares.layout().expect("it was partitioned"))?;
    /// assert_eq!((counts.layout(), counts.count()?), (squares.layout(), 5));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The layout is one of keys of another type.
    #[track_caller]
    pub fn reduce_by_key_at<F>(&self, f: F, layout: &Layout) -> Result<Rdd<(K, V)>, Error>
    where
        K: Key,
        V: Element,
        F: Fn(V, V) -> V + Send + Sync + 'static,
    {
        check_keys::<K>("reduce_by_key", layout)?;
        Ok(self.combined("reduce_by_key", layout.clone(), Reduce(Function { env: (), call: f })))
    }
}

pub(crate) struct Reduce<F>(pub(crate) Function<(), F>);

impl<F: Send + Sync + 'static> Code for Reduce<F> {
    fn pack(&self) -> Result<Vec<u8>, NotShippable> {
        self.0.pack()
    }

    fn unpack(bytes: &[u8]) -> Result<Self, ShipError> {
        Function::unpack(bytes).map(Reduce)
    }
}

impl<V: Element, F: Fn(V, V) -> V + Send + Sync + 'static> Combiner<V> for Reduce<F> {
    type Combined = V;

    #[inline(always)]
    fn create(&self, value: V) -> V {
        value
    }

    #[inline(always)]
    fn merge_value(&self, combined: V, value: V) -> V {
        (self.0.call)(combined, value)
    }

    #[inline(always)]
    fn merge(&self, earlier: V, later: V) -> V {
        (self.0.call)(earlier, later)
    }
}

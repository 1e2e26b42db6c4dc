//! `aggregate_by_key`: adds the values of each key to a zero of another type.

use crate::exchange::combine::Combiner;
use crate::rdd::Rdd;
use crate::ship::{Code, Function, NotShippable, ShipError};
use crate::{Element, Key};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// Adds the values of each key to `zero` with `add`, and joins the sums of different partitions with `merge`:
    /// Spark's `RDD.aggregateByKey` (behaviour 3.5).
    ///
    /// A key starts from `zero` once in each partition that has it, more often where memory does not suffice: `zero` is
    /// to be a value that changes nothing.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// let pairs = context.parallelize([('a', 2), ('b', 3), ('a', 4)], 2);
    /// let sums = pairs.aggregate_by_key((0, 0), |(sum, n), v| (sum + v, n + 1), |(s, n), (t, m)| (s + t, n + m));
    /// assert_eq!(sums.collect()?, [('a', (6, 2)), ('b', (3, 1))]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn aggregate_by_key<C, A, M>(&self, zero: C, add: A, merge: M) -> Rdd<(K, C)>
    where
        K: Key,
        V: Element,
        C: Element,
        A: Fn(C, V) -> C + Send + Sync + 'static,
        M: Fn(C, C) -> C + Send + Sync + 'static,
    {
        let aggregate = Aggregate(Function { env: zero, call: (add, merge) });
        self.combined("aggregate_by_key", self.default_layout(), aggregate)
    }

    /// [`aggregate_by_key`](Rdd::aggregate_by_key) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn aggregate_by_key_into<C, A, M>(&self, zero: C, add: A, merge: M, partitions: usize) -> Rdd<(K, C)>
    where
        K: Key,
        V: Element,
        C: Element,
        A: Fn(C, V) -> C + Send + Sync + 'static,
        M: Fn(C, C) -> C + Send + Sync + 'static,
    {
        let aggregate = Aggregate(Function { env: zero, call: (add, merge) });
        self.combined("aggregate_by_key", self.context().hash_layout::<K>(partitions), aggregate)
    }
}

struct Aggregate<C, A, M>(Function<C, (A, M)>);

impl<C: Element, A: Send + Sync + 'static, M: Send + Sync + 'static> Code for Aggregate<C, A, M> {
    fn pack(&self) -> Result<Vec<u8>, NotShippable> {
        self.0.pack()
    }

    fn unpack(bytes: &[u8]) -> Result<Self, ShipError> {
        Function::unpack(bytes).map(Aggregate)
    }
}

impl<V, C, A, M> Combiner<V> for Aggregate<C, A, M>
where
    V: Element,
    C: Element,
    A: Fn(C, V) -> C + Send + Sync + 'static,
    M: Fn(C, C) -> C + Send + Sync + 'static,
{
    type Combined = C;

    fn create(&self, value: V) -> C {
        (self.0.call.0)(self.0.env.clone(), value)
    }

    fn merge_value(&self, combined: C, value: V) -> C {
        (self.0.call.0)(combined, value)
    }

    fn merge(&self, earlier: C, later: C) -> C {
        (self.0.call.1)(earlier, later)
    }
}

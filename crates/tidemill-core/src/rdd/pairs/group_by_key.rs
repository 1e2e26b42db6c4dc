//! `group_by_key`: all values of each key in one list.

use crate::exchange::combine::Combiner;
use crate::layout::Layout;
use crate::rdd::Rdd;
use crate::ship::{Code, NotShippable, ShipError};
use crate::{Element, Key};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// The values of each key as one list, in order of arrival: Spark's `RDD.groupByKey` (behaviour 3.5, 3.22).
    ///
    /// Nothing is combined before the shuffle: for sums and the like, [`reduce_by_key`](Rdd::reduce_by_key) moves far
    /// less. A partition may hold more than memory does; the values of a single key may not.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// let pairs = context.parallelize([('b', 1), ('a', 2), ('b', 3)], 2);
    /// assert_eq!(pairs.group_by_key().collect()?, [('b', vec![1, 3]), ('a', vec![2])]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn group_by_key(&self) -> Rdd<(K, Vec<V>)>
    where
        K: Key,
        V: Element,
    {
        self.grouped("group_by_key", &self.default_layout())
    }

    /// [`group_by_key`](Rdd::group_by_key) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn group_by_key_into(&self, partitions: usize) -> Rdd<(K, Vec<V>)>
    where
        K: Key,
        V: Element,
    {
        self.grouped("group_by_key", &self.context().hash_layout::<K>(partitions))
    }

    #[track_caller]
    pub(crate) fn grouped(&self, name: &'static str, layout: &Layout) -> Rdd<(K, Vec<V>)>
    where
        K: Key,
        V: Element,
    {
        self.laid_out(name, layout).combined_in_place(name, Listing)
    }
}

/// Lists values.
struct Listing;

impl Code for Listing {
    fn pack(&self) -> Result<Vec<u8>, NotShippable> {
        Ok(Vec::new())
    }

    fn unpack(_: &[u8]) -> Result<Self, ShipError> {
        Ok(Listing)
    }
}

impl<V: Element> Combiner<V> for Listing {
    type Combined = Vec<V>;

    fn create(&self, value: V) -> Vec<V> {
        vec![value]
    }

    fn merge_value(&self, mut values: Vec<V>, value: V) -> Vec<V> {
        values.push(value);
        values
    }

    fn merge(&self, mut earlier: Vec<V>, mut later: Vec<V>) -> Vec<V> {
        earlier.append(&mut later);
        earlier
    }
}

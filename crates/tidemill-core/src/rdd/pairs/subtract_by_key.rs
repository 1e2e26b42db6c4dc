//! `subtract_by_key`: the pairs whose key another RDD does not have.

use std::sync::Arc;

use crate::layout::Layout;
use crate::memory::Pool;
use crate::rdd::{FlatMap, Inputs, Meeting, Rdd};
use crate::runs::BoxRuns;
use crate::table::SpillTable;
use crate::{Element, Key, Stop};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// The pairs whose key `other` does not have: Spark's `RDD.subtractByKey` (behaviour 3.5).
    ///
    /// The pairs of a key stand together, keys in first-seen order. Layouts are as for [`cogroup`](Rdd::cogroup); of
    /// `other` only keys move.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// let left = context.parallelize([('a', 1), ('b', 2), ('a', 3)], 2);
    /// let right = context.parallelize([('b', "x".to_string())], 1);
    /// assert_eq!(left.subtract_by_key(&right).collect()?, [('a', 1), ('a', 3)]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn subtract_by_key<W: 'static>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, V)>
    where
        K: Key,
        V: Element,
    {
        self.without("subtract_by_key", other, &self.layout_among(&[other.key_layout()]))
    }

    /// [`subtract_by_key`](Rdd::subtract_by_key) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn subtract_by_key_into<W: 'static>(&self, other: &Rdd<(K, W)>, partitions: usize) -> Rdd<(K, V)>
    where
        K: Key,
        V: Element,
    {
        self.without("subtract_by_key", other, &self.context().hash_layout::<K>(partitions))
    }

    #[track_caller]
    pub(super) fn without<W: 'static>(&self, name: &'static str, other: &Rdd<(K, W)>, layout: &Layout) -> Rdd<(K, V)>
    where
        K: Key,
        V: Element,
    {
        let (left, right) = (self.laid_out(name, layout), other.keys_in(name, layout));
        left.both(&right, name, Meeting::Same, Some(layout.clone()), |inputs| {
            let expand = |(key, (values, taken)): (K, (Vec<V>, bool))| {
                let values = if taken { Vec::new() } else { values };
                values.into_iter().map(move |value| (key.clone(), value))
            };
            Ok(Box::new(FlatMap::over(without_runs(inputs)?, expand)))
        })
    }
}

/// The values of each key on the left, with whether the right has the key.
fn without_runs<K: Key, V: Element>(inputs: Inputs<(K, V), (K, ())>) -> Result<BoxRuns<(K, (Vec<V>, bool))>, Stop> {
    let environment = Arc::clone(inputs.cx.environment());
    let mut table = SpillTable::new(environment.memory.grant(Pool::Shuffle), &environment.spill);
    let hash = |key: &K| environment.seed.hash(key);
    let (mut left, mut run) = (inputs.left()?, Vec::new());
    while left.next(&mut run)? {
        let add = |(mut values, taken): (Vec<V>, bool), value| {
            values.push(value);
            (values, taken)
        };
        table.merge_run(&mut run, hash, |value| (vec![value], false), add)?;
    }
    drop(left);
    let (mut right, mut run) = (inputs.right()?, Vec::new());
    while right.next(&mut run)? {
        table.merge_run(&mut run, hash, |()| (Vec::new(), true), |_, ()| (Vec::new(), true))?;
    }
    Ok(table.finish(|mut earlier: (Vec<V>, bool), mut later: (Vec<V>, bool)| {
        earlier.0.append(&mut later.0);
        (earlier.0, earlier.1 || later.1)
    })?)
}

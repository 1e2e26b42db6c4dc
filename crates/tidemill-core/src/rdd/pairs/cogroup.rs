//! `cogroup` and `group_with`: the values of each key in several RDDs, side by side.

use std::sync::Arc;

use crate::layout::Layout;
use crate::memory::Pool;
use crate::rdd::{Inputs, Keeps, Map, Meeting, Rdd};
use crate::runs::BoxRuns;
use crate::ship::Function;
use crate::table::SpillTable;
use crate::{Element, Key, Stop};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// The values of each key here and in `other`, as two lists in order of arrival: Spark's `RDD.cogroup` (behaviour
    /// 3.5).
    ///
    /// Both are brought to one layout: the one that either has (with more partitions if both have one), else by hash in
    /// as many partitions as `default_parallelism` says. What lies by it already is not shuffled (behaviour 3.24). Within
    /// a partition the keys of this RDD come first, then the new ones of `other`.
    ///
    /// A partition may hold more than memory does; the values of a single key may not.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// let left = context.parallelize([('a', 1), ('b', 2), ('a', 3)], 2);
    /// let right = context.parallelize([('c', "x".to_string()), ('a', "y".to_string())], 2);
    /// let both = left.cogroup(&right).collect()?;
    /// assert_eq!(both[0], ('a', (vec![1, 3], vec!["y".to_string()])));
    /// assert_eq!(both[1], ('b', (vec![2], vec![])));
    /// assert_eq!(both[2], ('c', (vec![], vec!["x".to_string()])));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn cogroup<W: Element>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (Vec<V>, Vec<W>))>
    where
        K: Key,
        V: Element,
    {
        self.cogrouped("cogroup", other, &self.layout_among(&[other.key_layout()]))
    }

    /// [`cogroup`](Rdd::cogroup) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn cogroup_into<W: Element>(&self, other: &Rdd<(K, W)>, partitions: usize) -> Rdd<(K, (Vec<V>, Vec<W>))>
    where
        K: Key,
        V: Element,
    {
        self.cogrouped("cogroup", other, &self.context().hash_layout::<K>(partitions))
    }

    /// The values of each key in three RDDs: Spark's `groupWith`, `cogroup` of two others. Layout and order are as for
    /// [`cogroup`](Rdd::cogroup).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// let pairs = |values: Vec<(char, i32)>| context.parallelize(values, 2);
    /// let all = pairs(vec![('a', 1)]).group_with(&pairs(vec![('b', 2)]), &pairs(vec![('a', 3)]));
    /// assert_eq!(all.collect()?, [('a', (vec![1], vec![], vec![3])), ('b', (vec![], vec![2], vec![]))]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn group_with<W: Element, X: Element>(
        &self,
        second: &Rdd<(K, W)>,
        third: &Rdd<(K, X)>,
    ) -> Rdd<(K, (Vec<V>, Vec<W>, Vec<X>))>
    where
        K: Key,
        V: Element,
    {
        let layout = self.layout_among(&[second.key_layout(), third.key_layout()]);
        let both = self.cogrouped("group_with", second, &layout);
        let all = both.cogrouped("group_with", third, &layout);
        all.narrow("group_with", Keeps::Layout, Function { env: (), call: () }, |input, _| {
            let flat = |(key, (mut both, third)): (K, (Vec<(Vec<V>, Vec<W>)>, Vec<X>))| {
                let (first, second) = both.pop().unwrap_or_default(); // a key has one group, or none
                (key, (first, second, third))
            };
            Ok(Box::new(Map { input, run: Vec::new(), f: flat }))
        })
    }

    /// Both sides in `layout`, grouped by key, for the operator called `name`.
    #[track_caller]
    pub(super) fn cogrouped<W: Element>(
        &self,
        name: &'static str,
        other: &Rdd<(K, W)>,
        layout: &Layout,
    ) -> Rdd<(K, (Vec<V>, Vec<W>))>
    where
        K: Key,
        V: Element,
    {
        let (left, right) = (self.laid_out(name, layout), other.laid_out(name, layout));
        left.both(&right, name, Meeting::Same, Some(layout.clone()), cogroup_runs)
    }
}

/// Groups two inputs by key: the keys of the left one first, then the new ones of the right one.
fn cogroup_runs<K: Key, V: Element, W: Element>(
    inputs: Inputs<(K, V), (K, W)>,
) -> Result<BoxRuns<(K, (Vec<V>, Vec<W>))>, Stop> {
    let environment = Arc::clone(inputs.cx.environment());
    let mut table = SpillTable::new(environment.memory.grant(Pool::Shuffle), &environment.spill);
    let hash = |key: &K| environment.seed.hash(key);
    let (mut left, mut run) = (inputs.left()?, Vec::new());
    while left.next(&mut run)? {
        table.merge_run(
            &mut run,
            hash,
            |value| (vec![value], Vec::new()),
            |both, value| pushed(both, value, left_list),
        )?;
    }
    drop(left);
    let (mut right, mut run) = (inputs.right()?, Vec::new());
    while right.next(&mut run)? {
        table.merge_run(
            &mut run,
            hash,
            |value| (Vec::new(), vec![value]),
            |both, value| pushed(both, value, right_list),
        )?;
    }
    Ok(table.finish(|mut earlier: (Vec<V>, Vec<W>), mut later: (Vec<V>, Vec<W>)| {
        earlier.0.append(&mut later.0);
        earlier.1.append(&mut later.1);
        earlier
    })?)
}

fn pushed<L, T>(mut lists: L, value: T, list: impl Fn(&mut L) -> &mut Vec<T>) -> L {
    list(&mut lists).push(value);
    lists
}

fn left_list<V, W>(lists: &mut (Vec<V>, Vec<W>)) -> &mut Vec<V> {
    &mut lists.0
}

fn right_list<V, W>(lists: &mut (Vec<V>, Vec<W>)) -> &mut Vec<W> {
    &mut lists.1
}

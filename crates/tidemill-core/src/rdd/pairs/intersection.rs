//! `intersection`: the elements that two RDDs have in common.

use std::sync::Arc;

use crate::memory::Pool;
use crate::rdd::{FlatMap, Input, Rdd};
use crate::runs::BoxRuns;
use crate::ship::Function;
use crate::table::SpillTable;
use crate::{Key, Stop};

impl<T: 'static> Rdd<T> {
    /// The elements that both have, each once, in first-seen order of this RDD: Spark's `RDD.intersection` (behaviour
    /// 3.4).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// let left = context.parallelize([3, 1, 2, 3], 2);
    /// assert_eq!(left.intersection(&context.parallelize([4, 2, 3], 2)).collect()?, [3, 2]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn intersection(&self, other: &Rdd<T>) -> Rdd<T>
    where
        T: Key,
    {
        self.intersection_into(other, self.context().default_parallelism())
    }

    /// [`intersection`](Rdd::intersection) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn intersection_into(&self, other: &Rdd<T>, partitions: usize) -> Rdd<T>
    where
        T: Key,
    {
        let (name, layout) = ("intersection", self.context().hash_layout::<T>(partitions));
        let left = self.as_keys(name).keys_in(name, &layout);
        let right = other.as_keys(name).keys_in(name, &layout);
        left.narrow_both(&right, name, None, Function { env: (), call: () }, |left, right, _| {
            let common = |(element, sides): (T, u8)| (sides == LEFT | RIGHT).then_some(element);
            Ok(Box::new(FlatMap::new(sides_of(left, right)?, common)))
        })
    }
}

const LEFT: u8 = 1;
const RIGHT: u8 = 2;

/// On which sides each element is.
fn sides_of<T: Key>(mut left: Input<(T, ())>, mut right: Input<(T, ())>) -> Result<BoxRuns<(T, u8)>, Stop> {
    let environment = Arc::clone(left.cx.environment());
    let mut table = SpillTable::new(environment.memory.grant(Pool::Shuffle), &environment.spill);
    let mut run = Vec::new();
    for (side, input) in [(LEFT, &mut left), (RIGHT, &mut right)] {
        while input.next(&mut run)? {
            table.merge_run(&mut run, |key| environment.seed.hash(key), |()| side, |sides, ()| sides | side)?;
        }
    }
    Ok(table.finish(|earlier, later| earlier | later)?)
}

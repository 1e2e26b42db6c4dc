//! `intersection`: the elements that two RDDs have in common.

use std::sync::Arc;

use crate::memory::Pool;
use crate::rdd::{FlatMap, Inputs, Meeting, Rdd};
use crate::runs::BoxRuns;
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
        left.both(&right, name, Meeting::Same, None, |inputs| {
            let common = |(element, sides): (T, u8)| (sides == LEFT | RIGHT).then_some(element);
            Ok(Box::new(FlatMap::over(sides_of(inputs)?, common)))
        })
    }
}

const LEFT: u8 = 1;
const RIGHT: u8 = 2;

/// On which sides each element is.
fn sides_of<T: Key>(inputs: Inputs<(T, ()), (T, ())>) -> Result<BoxRuns<(T, u8)>, Stop> {
    let environment = Arc::clone(inputs.cx.environment());
    let mut table = SpillTable::new(environment.memory.grant(Pool::Shuffle), &environment.spill);
    let mut run = Vec::new();
    for (side, mut input) in [(LEFT, inputs.left()?), (RIGHT, inputs.right()?)] {
        while input.next(&mut run)? {
            table.merge_run(&mut run, |key| environment.seed.hash(key), |()| side, |sides, ()| sides | side)?;
        }
    }
    Ok(table.finish(|earlier, later| earlier | later)?)
}

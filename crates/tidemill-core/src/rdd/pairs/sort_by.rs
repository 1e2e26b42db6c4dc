//! `sort_by`: all elements in the order of a key that a function makes of them.

use crate::error::Error;
use crate::rdd::Rdd;
use crate::rdd::{Keeps, Map};
use crate::ship::Function;
use crate::{Element, Key};

impl<T: 'static> Rdd<T> {
    /// All elements in the order of the keys that `f` makes of them, falling unless `ascending`, in at most `partitions`
    /// partitions (0 is taken as 1): Spark's `RDD.sortBy` (behaviour 3.4). Elements of equal keys stay in order.
    ///
    /// Keys are ordered by `Ord`, which floats do not have: make a key of them that has, as `(x * 1000.0) as i64`. A job
    /// runs, as for [`sort_by_key`](Rdd::sort_by_key).
    ///
    /// # Errors
    /// Those of the job that samples.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let words = context.parallelize(["mill", "a", "tide"].map(String::from), 2);
    /// assert_eq!(words.sort_by(|word| word.len(), true, 2)?.collect()?, ["a", "mill", "tide"]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn sort_by<K, F>(&self, f: F, ascending: bool, partitions: usize) -> Result<Rdd<T>, Error>
    where
        T: Element,
        K: Key + Ord,
        F: Fn(&T) -> K + Send + Sync + 'static,
    {
        let keyed = self.keyed("sort_by", f);
        let layout = keyed.range_layout("sort_by", ascending, partitions)?;
        let sorted = keyed.laid_out("sort_by", &layout).sorted_in_place("sort_by", ascending);
        Ok(sorted.narrow("sort_by", Keeps::Nothing, Function { env: (), call: () }, |input, _| {
            Ok(Box::new(Map { input, run: Vec::new(), f: |(_, element)| element }))
        }))
    }
}

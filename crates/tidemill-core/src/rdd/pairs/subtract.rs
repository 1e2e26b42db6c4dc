//! `subtract`: the elements that another RDD does not have.

use crate::Key;
use crate::rdd::Rdd;

impl<T: 'static> Rdd<T> {
    /// The elements that `other` does not have, as often as they are here: Spark's `RDD.subtract` (behaviour 3.4).
    ///
    /// Equal elements stand together, in first-seen order within each partition.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// let left = context.parallelize([3, 1, 2, 3], 2);
    /// assert_eq!(left.subtract(&context.parallelize([1], 1)).collect()?, [3, 3, 2]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn subtract(&self, other: &Rdd<T>) -> Rdd<T>
    where
        T: Key,
    {
        self.subtract_into(other, self.context().default_parallelism())
    }

    /// [`subtract`](Rdd::subtract) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn subtract_into(&self, other: &Rdd<T>, partitions: usize) -> Rdd<T>
    where
        T: Key,
    {
        let layout = self.context().hash_layout::<T>(partitions);
        let rest = self.as_keys("subtract").without("subtract", &other.as_keys("subtract"), &layout);
        rest.keys_alone("subtract")
    }
}

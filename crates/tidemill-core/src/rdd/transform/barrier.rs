//! `barrier`: functions over whole partitions that all run at once, so that they may wait for each other.

use super::mark::Mark;
use crate::Element;
use crate::rdd::{Elements, Rdd};

impl<T: 'static> Rdd<T> {
    /// Has all partitions computed at the same time by what comes next: Spark's `RDD.barrier`.
    ///
    /// The tasks of the whole stage start together, and when one of them fails they all start anew together. So a job that
    /// has more partitions than the context has threads fails at once, and so does one that wants only some of them
    /// (`take`, `first`) or computes several in one task (`coalesce`): there the tasks could wait for each other for ever.
    ///
    /// ```
    /// use std::sync::{Arc, Barrier};
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// let meeting = Arc::new(Barrier::new(2));
    /// let met = context.parallelize(1..=4, 2).barrier().map_partitions(move |elements| {
    ///     meeting.wait(); // passes only when both tasks are here
    ///     elements
    /// });
    /// assert_eq!(met.collect()?, [1, 2, 3, 4]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn barrier(&self) -> RddBarrier<T> {
        RddBarrier { rdd: self.marked("barrier", Mark::Barrier) }
    }
}

/// An RDD whose partitions are computed at the same time: Spark's `RDDBarrier`. Made by [`Rdd::barrier`].
pub struct RddBarrier<T: 'static> {
    rdd: Rdd<T>,
}

impl<T: 'static> Clone for RddBarrier<T> {
    fn clone(&self) -> Self {
        RddBarrier { rdd: self.rdd.clone() }
    }
}

impl<T: 'static> RddBarrier<T> {
    /// The RDD itself, for operators of other crates.
    pub fn rdd(&self) -> &Rdd<T> {
        &self.rdd
    }

    /// [`Rdd::map_partitions`], with all partitions at once: Spark's `RDDBarrier.mapPartitions`. See [`Rdd::barrier`] for
    /// an example.
    #[track_caller]
    pub fn map_partitions<I: IntoIterator + 'static, F: Fn(Elements<T>) -> I + Send + Sync + 'static>(
        &self,
        f: F,
    ) -> Rdd<I::Item> {
        self.rdd.map_partitions(f)
    }

    /// [`Rdd::map_partitions_with`], with all partitions at once.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let scaled = context.parallelize(1..=4, 2).barrier().map_partitions_with(10, |by, elements| {
    ///     let by = *by;
    ///     elements.map(move |x| x * by)
    /// });
    /// assert_eq!(scaled.collect()?, [10, 20, 30, 40]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn map_partitions_with<E, I, F>(&self, env: E, f: F) -> Rdd<I::Item>
    where
        E: Element,
        I: IntoIterator + 'static,
        F: Fn(&E, Elements<T>) -> I + Send + Sync + 'static,
    {
        self.rdd.map_partitions_with(env, f)
    }

    /// [`Rdd::map_partitions_with_index`], with all partitions at once: Spark's `RDDBarrier.mapPartitionsWithIndex`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let numbers = context.parallelize(1..=4, 2);
    /// let sums = numbers.barrier().map_partitions_with_index(|p, elements| [(p, elements.sum::<i32>())]);
    /// assert_eq!(sums.collect()?, [(0, 3), (1, 7)]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn map_partitions_with_index<I, F>(&self, f: F) -> Rdd<I::Item>
    where
        I: IntoIterator + 'static,
        F: Fn(usize, Elements<T>) -> I + Send + Sync + 'static,
    {
        self.rdd.map_partitions_with_index(f)
    }
}

//! `union`: the elements of several RDDs.

use std::sync::Arc;

use crate::context::Context;
use crate::lineage::{Arrangement, Concat};
use crate::rdd::Rdd;

impl<T: 'static> Rdd<T> {
    /// The elements of both, those of `other` in further partitions: Spark's `RDD.union`. See [`Context::union`].
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let all = context.parallelize(1..=2, 2).union(&context.parallelize(3..=4, 1));
    /// assert_eq!(all.glom().collect()?, [vec![1], vec![2], vec![3, 4]]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn union(&self, other: &Rdd<T>) -> Rdd<T> {
        self.context().union(&[self.clone(), other.clone()])
    }
}

impl Context {
    /// The elements of all RDDs, duplicates kept: Spark's `SparkContext.union`.
    ///
    /// The partitions of one RDD come after those of the one before it. If all RDDs have one layout, so has the union:
    /// partition `p` is then made of partition `p` of each, and no shuffle is needed to work by key (behaviour 3.24). RDDs
    /// without partitions do not count.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let parts = [context.parallelize(1..=2, 1), context.empty(), context.parallelize(3..=4, 1)];
    /// assert_eq!(context.union(&parts).collect()?, [1, 2, 3, 4]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn union<T: 'static>(&self, rdds: &[Rdd<T>]) -> Rdd<T> {
        let rdds: Vec<&Rdd<T>> = rdds.iter().filter(|rdd| rdd.num_partitions() > 0).collect();
        let parents = rdds.iter().map(|rdd| rdd.parent()).collect();
        let shared = rdds.first().and_then(|first| first.layout());
        let shared = shared.filter(|layout| rdds.iter().all(|rdd| rdd.layout() == Some(layout))).cloned();
        let (partitions, arrangement) = match &shared {
            Some(layout) => (layout.partitions(), Arrangement::Alongside),
            None => (rdds.iter().map(|rdd| rdd.num_partitions()).sum(), Arrangement::InTurn),
        };
        Rdd::new(self, Arc::new(Concat::new(self.meta("union", partitions, shared), parents, arrangement)))
    }
}

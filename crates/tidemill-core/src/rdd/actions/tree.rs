//! `tree_reduce` and `tree_aggregate`: merged in tasks, level by level, so that the driver gets few values.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::reduce::NOTHING_TO_REDUCE;
use crate::error::Error;
use crate::exchange::combine::Combiner;
use crate::layout::{Layout, Partitioner};
use crate::lineage::Operator;
use crate::rdd::{Keeps, Rdd};
use crate::runs::VecRuns;
use crate::ship::{Code, Function, NotShippable, ShipError};
use crate::{Cause, Element, Runs};

impl<T: 'static> Rdd<T> {
    /// As [`reduce`](Rdd::reduce), but merges the partitions' results in tasks, in `depth` levels: Spark's
    /// `RDD.treeReduce`, whose usual depth is 2. Worth it where there are many partitions and the values are large.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.parallelize(1..=100, 20).tree_reduce(|a, b| a + b, 2)?, 5050);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn tree_reduce<F: Fn(T, T) -> T + Send + Sync + 'static>(&self, f: F, depth: usize) -> Result<T, Error>
    where
        T: Element,
    {
        let f = Arc::new(Function { env: (), call: f });
        let code = Arc::clone(&f);
        let parts = self.narrow("tree_reduce", Keeps::Nothing, code, |mut input, f: Arc<Arc<Function<(), F>>>| {
            let (mut reduced, mut run) = (None, Vec::new());
            while input.next(&mut run)? {
                reduced = reduced.take().into_iter().chain(run.drain(..)).reduce(&f.call);
            }
            Ok(Box::new(VecRuns::new(reduced.into_iter().collect())))
        });
        parts.merge_levels("tree_reduce", f, depth)?.ok_or(NOTHING_TO_REDUCE)
    }

    /// As [`aggregate`](Rdd::aggregate), but merges the partitions' results in tasks, in `depth` levels: Spark's
    /// `RDD.treeAggregate`, whose usual depth is 2. The zero is merged in once for each partition.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let squares = context.parallelize(1..=10, 10).tree_aggregate(0, |sum, x| sum + x * x, |a, b| a + b, 2)?;
    /// assert_eq!(squares, 385);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn tree_aggregate<A, F, M>(&self, zero: A, add: F, merge: M, depth: usize) -> Result<A, Error>
    where
        A: Element,
        F: Fn(A, T) -> A + Send + Sync + 'static,
        M: Fn(A, A) -> A + Send + Sync + 'static,
    {
        let code = Function { env: zero.clone(), call: add };
        let parts = self.narrow("tree_aggregate", Keeps::Nothing, code, |mut input, add: Arc<Function<A, F>>| {
            let (mut sum, mut run) = (add.env.clone(), Vec::new());
            while input.next(&mut run)? {
                sum = run.drain(..).fold(sum, &add.call);
            }
            Ok(Box::new(VecRuns::new(vec![sum])))
        });
        let merge = Arc::new(Function { env: (), call: merge });
        Ok(parts.merge_levels("tree_aggregate", merge, depth)?.unwrap_or(zero))
    }

    /// Merges neighbouring partitions, which hold at most one element each, until few enough are left for the driver.
    #[track_caller]
    fn merge_levels<M>(&self, name: &'static str, merge: Arc<Function<(), M>>, depth: usize) -> Result<Option<T>, Error>
    where
        T: Element,
        M: Fn(T, T) -> T + Send + Sync + 'static,
    {
        let operator = Operator::here(name);
        if depth == 0 {
            let why = "Depth must be greater than or equal to 1 but got 0; 2 is usual";
            return Err(Error::driver(&operator, Cause::Invalid(why.into())));
        }
        let mut parts = self.clone();
        let scale = ((self.num_partitions() as f64).powf(1.0 / depth as f64).ceil() as usize).max(2);
        while parts.num_partitions() > scale + parts.num_partitions().div_ceil(scale) {
            let groups = Groups { of: parts.num_partitions() as u64, groups: (parts.num_partitions() / scale) as u64 };
            let keyed = parts.narrow(name, Keeps::Nothing, Function { env: groups, call: () }, |input, groups| {
                let group = groups.env.group(input.partition as u64);
                Ok(Box::new(Keyed { group, input, run: Vec::new() }))
            });
            let layout = Layout::custom::<u64, Groups>(groups)?;
            parts = keyed.combined(name, layout, Merge(Arc::clone(&merge))).map(|(_, merged)| merged);
        }
        let merged = super::run_job(
            &parts,
            operator,
            parts.all_partitions(),
            Arc::clone(&merge),
            |drawn, merge: &Arc<Function<(), M>>| drawn.reduce(&merge.call),
        )?;
        Ok(merged.into_iter().flatten().reduce(|earlier, later| (merge.call)(earlier, later)))
    }
}

/// Puts neighbouring partitions together, so that merging keeps their order.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Groups {
    of: u64,
    groups: u64,
}

impl Groups {
    fn group(&self, partition: u64) -> u64 {
        partition * self.groups / self.of
    }
}

/// Group numbers are partition numbers.
impl Partitioner<u64> for Groups {
    fn partitions(&self) -> usize {
        self.groups as usize
    }

    fn partition(&self, group: &u64) -> usize {
        *group as usize
    }
}

/// Elements with the number of their group.
struct Keyed<T> {
    group: u64,
    input: crate::rdd::Input<T>,
    run: Vec<T>,
}

impl<T> Runs<(u64, T)> for Keyed<T> {
    fn next(&mut self, into: &mut Vec<(u64, T)>) -> Result<bool, crate::Stop> {
        let more = self.input.next(&mut self.run)?;
        into.extend(self.run.drain(..).map(|element| (self.group, element)));
        Ok(more)
    }
}

/// Merges the values of a group.
struct Merge<M>(Arc<Function<(), M>>);

impl<M: Send + Sync + 'static> Code for Merge<M> {
    fn pack(&self) -> Result<Vec<u8>, NotShippable> {
        self.0.pack()
    }

    fn unpack(bytes: &[u8]) -> Result<Self, ShipError> {
        Code::unpack(bytes).map(Merge)
    }
}

impl<T: Element, M: Fn(T, T) -> T + Send + Sync + 'static> Combiner<T> for Merge<M> {
    type Combined = T;

    fn create(&self, value: T) -> T {
        value
    }

    fn merge_value(&self, combined: T, value: T) -> T {
        (self.0.call)(combined, value)
    }

    fn merge(&self, earlier: T, later: T) -> T {
        (self.0.call)(earlier, later)
    }
}

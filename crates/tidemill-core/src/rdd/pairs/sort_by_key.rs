//! `sort_by_key`: all pairs in the order of their keys, over all partitions.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::error::Error;
use crate::layout::{Layout, RangePartitioner};
use crate::lineage::Operator;
use crate::memory::Pool;
use crate::rdd::pairs::ranges::sampled_ranges;
use crate::rdd::{Input, Keeps, Rdd};
use crate::runs::BoxRuns;
use crate::ship::Function;
use crate::sorter::SpillSorter;
use crate::task::blame::During;
use crate::{Element, Key, Stop};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// All pairs in the order of their keys, falling unless `ascending`, in as many partitions as there are now: Spark's
    /// `RDD.sortByKey` (behaviour 3.5). Pairs of equal keys stay in order of arrival.
    ///
    /// The ranges of the partitions are found by a sample, which runs a job (none for one partition). They are data of the
    /// layout, and equal pairs in equal partitions get equal ranges: then the sorted RDDs join without a shuffle. There
    /// are fewer partitions than asked for where there are too few keys. What does not fit into memory is sorted on disk.
    ///
    /// # Errors
    /// Those of the job that samples.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let pairs = context.parallelize([(3, 'c'), (1, 'a'), (2, 'b'), (1, 'z')], 2);
    /// assert_eq!(pairs.sort_by_key(true)?.collect()?, [(1, 'a'), (1, 'z'), (2, 'b'), (3, 'c')]);
    /// assert_eq!(pairs.sort_by_key(false)?.collect()?, [(3, 'c'), (2, 'b'), (1, 'a'), (1, 'z')]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn sort_by_key(&self, ascending: bool) -> Result<Rdd<(K, V)>, Error>
    where
        K: Key + Ord,
        V: Element,
    {
        self.sort_by_key_into(ascending, self.num_partitions())
    }

    /// [`sort_by_key`](Rdd::sort_by_key) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn sort_by_key_into(&self, ascending: bool, partitions: usize) -> Result<Rdd<(K, V)>, Error>
    where
        K: Key + Ord,
        V: Element,
    {
        let layout = self.range_layout("sort_by_key", ascending, partitions)?;
        Ok(self.laid_out("sort_by_key", &layout).sorted_in_place("sort_by_key", ascending))
    }

    /// The layout in which keys rise, or fall, from partition to partition.
    #[track_caller]
    pub(super) fn range_layout(&self, name: &'static str, ascending: bool, partitions: usize) -> Result<Layout, Error>
    where
        K: Key + Ord,
    {
        let operator = Operator::here(name);
        let ranges: RangePartitioner<K> = sampled_ranges(self, &operator, ascending, partitions.max(1))?;
        Ok(Layout::custom::<K, _>(ranges).map_err(|e| e.at(&operator))?)
    }

    /// Sorts each partition by key.
    #[track_caller]
    pub(super) fn sorted_in_place(&self, name: &'static str, ascending: bool) -> Rdd<(K, V)>
    where
        K: Key + Ord,
        V: Element,
    {
        let code = Function { env: ascending, call: () };
        self.narrow(name, Keeps::Layout, code, |input, ascending: Arc<Function<bool, ()>>| {
            if ascending.env { sorted(input, |a, b| a.0.cmp(&b.0)) } else { sorted(input, |a, b| b.0.cmp(&a.0)) }
        })
    }
}

/// All of `input`, sorted.
fn sorted<T: Element>(mut input: Input<T>, compare: impl Fn(&T, &T) -> Ordering + 'static) -> Result<BoxRuns<T>, Stop> {
    let environment = Arc::clone(input.cx.environment());
    let mut sorter = SpillSorter::new(environment.memory.grant(Pool::Shuffle), &environment.spill, compare);
    let mut run = Vec::new();
    while input.next(&mut run)? {
        sorter.push_run(&mut run)?;
    }
    Ok(Box::new(During { runs: sorter.finish()?, cx: Arc::clone(&input.cx), node: input.node() }))
}

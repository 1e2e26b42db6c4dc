//! `max`, `min`, `top`, `take_ordered`: the greatest and the smallest.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::Element;
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;

impl<T: Element> Rdd<T> {
    /// The greatest element: Spark's `RDD.max`. An RDD without elements is an error: "Can not reduce() empty RDD"
    /// (behaviour 3.25). Of equal ones the first.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.parallelize([3, 9, 4], 2).max()?, 9);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn max(&self) -> Result<T, Error>
    where
        T: Ord,
    {
        self.reduce_as(Operator::here("max"), |a, b| if b > a { b } else { a })
    }

    /// The greatest element by `compare`, as in `max_by(f64::total_cmp)`: Spark's `RDD.max` with an ordering.
    #[track_caller]
    pub fn max_by<F: Fn(&T, &T) -> Ordering + Send + Sync + 'static>(&self, compare: F) -> Result<T, Error> {
        self.reduce_as(Operator::here("max_by"), move |a, b| if compare(&b, &a).is_gt() { b } else { a })
    }

    /// The smallest element: Spark's `RDD.min`. An RDD without elements is an error: "Can not reduce() empty RDD"
    /// (behaviour 3.25). Of equal ones the first.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.parallelize([3, 9, 4], 2).min()?, 3);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn min(&self) -> Result<T, Error>
    where
        T: Ord,
    {
        self.reduce_as(Operator::here("min"), |a, b| if b < a { b } else { a })
    }

    /// The smallest element by `compare`, as in `min_by(f64::total_cmp)`: Spark's `RDD.min` with an ordering.
    #[track_caller]
    pub fn min_by<F: Fn(&T, &T) -> Ordering + Send + Sync + 'static>(&self, compare: F) -> Result<T, Error> {
        self.reduce_as(Operator::here("min_by"), move |a, b| if compare(&b, &a).is_lt() { b } else { a })
    }

    /// The `n` greatest elements, greatest first: Spark's `RDD.top`. Each task keeps at most twice as many.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.parallelize([3, 9, 4, 7], 2).top(2)?, [9, 7]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn top(&self, n: usize) -> Result<Vec<T>, Error>
    where
        T: Ord,
    {
        self.smallest(Operator::here("top"), n, |a, b| b.cmp(a))
    }

    /// The `n` smallest elements, smallest first: Spark's `RDD.takeOrdered`. Each task keeps at most twice as many.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.parallelize([3, 9, 4, 7], 2).take_ordered(2)?, [3, 4]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn take_ordered(&self, n: usize) -> Result<Vec<T>, Error>
    where
        T: Ord,
    {
        self.smallest(Operator::here("take_ordered"), n, T::cmp)
    }

    /// The first `n` elements by `compare`; of equal ones the earlier: Spark's `RDD.takeOrdered` with a key. For the last
    /// ones swap the arguments of `compare`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let words = context.parallelize(["tide", "be", "mill", "a"].map(String::from), 2);
    /// assert_eq!(words.take_ordered_by(2, |a, b| b.len().cmp(&a.len()))?, ["tide", "mill"]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn take_ordered_by<F>(&self, n: usize, compare: F) -> Result<Vec<T>, Error>
    where
        F: Fn(&T, &T) -> Ordering + Send + Sync + 'static,
    {
        self.smallest(Operator::here("take_ordered_by"), n, compare)
    }

    fn smallest<F>(&self, operator: Operator, n: usize, compare: F) -> Result<Vec<T>, Error>
    where
        F: Fn(&T, &T) -> Ordering + Send + Sync + 'static,
    {
        let compare = Arc::new(Function { env: n as u64, call: compare });
        let partitions = if n == 0 { Vec::new() } else { self.all_partitions() };
        let code = Arc::clone(&compare);
        let parts = run_job(self, operator, partitions, code, |mut drawn, f: &Arc<Function<u64, F>>| {
            let mut smallest = Smallest::new(f.env as usize, &f.call);
            drawn.for_each_run(|run| {
                run.drain(..).for_each(|element| smallest.push(element));
                Ok(())
            })?;
            Ok(smallest.finish())
        })?;
        let mut smallest = Smallest::new(n, &compare.call);
        parts.into_iter().flatten().for_each(|element| smallest.push(element));
        Ok(smallest.finish())
    }
}

/// The `n` smallest of what is pushed; of equal ones the earlier.
struct Smallest<'a, T, F> {
    n: usize,
    compare: &'a F,
    /// The first `sorted` are in order; whatever is not below the last of them, once there are `n`, has no place.
    held: Vec<T>,
    sorted: usize,
}

impl<'a, T, F: Fn(&T, &T) -> Ordering> Smallest<'a, T, F> {
    fn new(n: usize, compare: &'a F) -> Self {
        Smallest { n, compare, held: Vec::new(), sorted: 0 }
    }

    fn push(&mut self, element: T) {
        let full = self.sorted == self.n;
        let last = self.held.get(self.sorted.wrapping_sub(1)).filter(|_| full);
        if last.is_some_and(|last| (self.compare)(&element, last).is_ge()) {
            return;
        }
        self.held.push(element);
        if self.held.len() >= self.n.saturating_mul(2) {
            self.keep_smallest();
        }
    }

    fn keep_smallest(&mut self) {
        self.held.sort_by(self.compare);
        self.held.truncate(self.n);
        self.sorted = self.held.len();
    }

    fn finish(mut self) -> Vec<T> {
        self.keep_smallest();
        self.held
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_smallest_are_those_of_a_stable_sort(values in proptest::collection::vec((0..9_u8, any::<u8>()), 0..90), n in 1..9_usize) {
            let by_key = |a: &(u8, u8), b: &(u8, u8)| a.0.cmp(&b.0);
            let mut smallest = Smallest::new(n, &by_key);
            values.iter().for_each(|value| smallest.push(*value));
            let mut expected = values;
            expected.sort_by(by_key);
            expected.truncate(n);
            prop_assert_eq!(smallest.finish(), expected);
        }
    }
}

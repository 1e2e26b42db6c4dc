//! `fold` and `aggregate`: all elements, merged into what starts as a zero.

use std::sync::Arc;

use crate::Element;
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;

impl<T: 'static> Rdd<T> {
    /// Merges all elements, starting from `zero`, with an associative function: Spark's `RDD.fold`.
    ///
    /// The zero is merged in once for each partition and once more in the driver (behaviour 3.25): it should change nothing.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.parallelize(1..=4, 2).fold(0, |a, b| a + b)?, 10);
    /// assert_eq!(context.parallelize(1..=4, 2).fold(100, |a, b| a + b)?, 310);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn fold<F: Fn(T, T) -> T + Send + Sync + 'static>(&self, zero: T, f: F) -> Result<T, Error>
    where
        T: Element,
    {
        let f = Arc::new(Function { env: zero.clone(), call: f });
        let (operator, code) = (Operator::here("fold"), Arc::clone(&f));
        let parts = run_job(self, operator, self.all_partitions(), code, |drawn, f: &Arc<Function<T, F>>| {
            drawn.fold(f.env.clone(), &f.call)
        })?;
        Ok(parts.into_iter().fold(zero, &f.call))
    }

    /// Adds all elements of each partition to a copy of `zero` by `add`, and merges these in the driver, in order of their
    /// partitions, by `merge`: Spark's `RDD.aggregate`.
    ///
    /// The zero is merged in once for each partition and once more in the driver (behaviour 3.25): it should change nothing.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let words = context.parallelize(["to", "be", "not"].map(String::from), 2);
    /// let letters = words.aggregate(0, |sum, word| sum + word.len(), |a, b| a + b)?;
    /// assert_eq!(letters, 7);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn aggregate<A, F, M>(&self, zero: A, add: F, merge: M) -> Result<A, Error>
    where
        A: Element,
        F: Fn(A, T) -> A + Send + Sync + 'static,
        M: Fn(A, A) -> A,
    {
        let code = Function { env: zero.clone(), call: add };
        let operator = Operator::here("aggregate");
        let parts = run_job(self, operator, self.all_partitions(), code, |drawn, add: &Function<A, F>| {
            drawn.fold(add.env.clone(), &add.call)
        })?;
        Ok(parts.into_iter().fold(zero, merge))
    }
}

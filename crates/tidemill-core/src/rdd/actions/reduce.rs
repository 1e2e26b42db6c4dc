//! `reduce`: all elements, merged into one.

use std::sync::Arc;

use crate::Element;
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;

/// What an action says that needs an element where there is none (behaviour 3.25).
pub(super) const NOTHING_TO_REDUCE: Error = Error::Empty("Can not reduce() empty RDD");

impl<T: 'static> Rdd<T> {
    /// Merges all elements into one with an associative function: Spark's `RDD.reduce`. Each partition is merged by its
    /// task, the partitions' results in the driver, in their order.
    ///
    /// An RDD without elements is an error: "Can not reduce() empty RDD" (behaviour 3.25).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.parallelize(["a", "b", "c"].map(String::from), 2).reduce(|a, b| a + &b)?, "abc");
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn reduce<F: Fn(T, T) -> T + Send + Sync + 'static>(&self, f: F) -> Result<T, Error>
    where
        T: Element,
    {
        self.reduce_as(Operator::here("reduce"), f)
    }

    pub(super) fn reduce_as<F: Fn(T, T) -> T + Send + Sync + 'static>(
        &self,
        operator: Operator,
        f: F,
    ) -> Result<T, Error>
    where
        T: Element,
    {
        let f = Arc::new(Function { env: (), call: f });
        let code = Arc::clone(&f);
        let parts = run_job(self, operator, self.all_partitions(), code, |drawn, f: &Arc<Function<(), F>>| {
            drawn.reduce(&f.call)
        })?;
        parts.into_iter().flatten().reduce(|earlier, later| (f.call)(earlier, later)).ok_or(NOTHING_TO_REDUCE)
    }
}

//! `run_job`: any function over chosen partitions.

use crate::context::Context;
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Elements, Rdd, of_elements};
use crate::ship::Function;
use crate::{Cause, Element};

impl Context {
    /// Calls `f` with the elements of each of the given partitions, in tasks, and returns its results in the order of
    /// `partitions`: Spark's `SparkContext.runJob`, of which every action is made.
    ///
    /// A partition that the RDD does not have is an error.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let numbers = context.parallelize(0..9, 3);
    /// let sums = context.run_job(&numbers, [2, 0], |elements| elements.sum::<i32>())?;
    /// assert_eq!(sums, [21, 3]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn run_job<T, R, F>(
        &self,
        rdd: &Rdd<T>,
        partitions: impl IntoIterator<Item = usize>,
        f: F,
    ) -> Result<Vec<R>, Error>
    where
        T: 'static,
        R: Element,
        F: Fn(Elements<T>) -> R + Send + Sync + 'static,
    {
        let operator = Operator::here("run_job");
        let count = rdd.num_partitions();
        let missing = |partition| {
            let why = format!("there is no partition {partition}: the RDD has {count}, counted from 0");
            Error::driver(&operator, Cause::Invalid(why))
        };
        let existing = |partition| if partition < count { Ok(partition as u32) } else { Err(missing(partition)) };
        let partitions = partitions.into_iter().map(existing).collect::<Result<Vec<u32>, Error>>()?;
        let code = Function { env: (), call: f };
        super::run_job(rdd, operator, partitions, code, |drawn, f: &Function<(), F>| {
            of_elements(drawn.into_input(), &f.call)
        })
    }
}

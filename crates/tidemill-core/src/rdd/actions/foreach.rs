//! `foreach` and `foreach_partition`: call a function for its effects.

use std::error::Error as StdError;
use std::sync::Arc;

use crate::Cause;
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Elements, Rdd, of_elements, run_job};
use crate::ship::Function;

impl<T: 'static> Rdd<T> {
    /// Calls `f` with each element, in tasks: Spark's `RDD.foreach`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let sum = context.accumulator(0, |sum, more| *sum += more);
    /// let adder = sum.clone();
    /// context.parallelize(1..=4, 2).foreach(move |x| adder.add(x))?;
    /// assert_eq!(sum.value(), 10);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn foreach<F: Fn(T) + Send + Sync + 'static>(&self, f: F) -> Result<(), Error> {
        let code = Function { env: (), call: f };
        let operator = Operator::here("foreach");
        run_job(self, operator, self.all_partitions(), code, |mut drawn, f: &Function<(), F>| {
            drawn.for_each_run(|run| {
                run.drain(..).for_each(&f.call);
                Ok(())
            })
        })?;
        Ok(())
    }

    /// Calls `f` with all elements of each partition, in tasks: Spark's `RDD.foreachPartition`. What is costly to set up,
    /// like a connection, is set up once for all of them.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let sizes = context.accumulator(Vec::new(), |all, more| all.extend(more));
    /// let adder = sizes.clone();
    /// context.parallelize(1..=5, 2).foreach_partition(move |elements| adder.add(vec![elements.count()]))?;
    /// let mut sizes = sizes.value();
    /// sizes.sort();
    /// assert_eq!(sizes, [2, 3]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn foreach_partition<F: Fn(Elements<T>) + Send + Sync + 'static>(&self, f: F) -> Result<(), Error> {
        let code = Function { env: (), call: f };
        let operator = Operator::here("foreach_partition");
        run_job(self, operator, self.all_partitions(), code, |drawn, f: &Function<(), F>| {
            of_elements(drawn.into_input(), &f.call)
        })?;
        Ok(())
    }

    /// [`foreach_partition`](Rdd::foreach_partition) for a function that may fail, as one that writes to a database: an
    /// error is a failure of the task, which is tried again as often as `spark.task.maxFailures` allows.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("sum");
    /// context.parallelize(1..=4, 1).try_foreach_partition(move |elements| {
    ///     std::fs::write(&path, elements.sum::<i32>().to_string())
    /// })?;
    /// assert_eq!(std::fs::read_to_string(folder.path().join("sum"))?, "10");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn try_foreach_partition<E, F>(&self, f: F) -> Result<(), Error>
    where
        E: StdError + Send + Sync + 'static,
        F: Fn(Elements<T>) -> Result<(), E> + Send + Sync + 'static,
    {
        let code = Function { env: (), call: f };
        let operator = Operator::here("try_foreach_partition");
        run_job(self, operator, self.all_partitions(), code, |drawn, f: &Function<(), F>| {
            let done = of_elements(drawn.into_input(), &f.call)?;
            Ok(done.map_err(|error| Cause::User(Arc::new(error)))?)
        })?;
        Ok(())
    }
}

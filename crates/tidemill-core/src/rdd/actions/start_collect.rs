//! `start_collect`: elements of chosen partitions, from a job that nobody waits for yet.

use std::time::Duration;

use super::run::{Submitted, submit_job};
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::Rdd;
use crate::ship::Function;
use crate::{Cause, Element};

impl<T: Element> Rdd<T> {
    /// Starts a job that brings the elements of chosen partitions to the driver: Spark's `collectAsync`, and what `runJob`
    /// does of it. A partition that the RDD does not have is an error.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let numbers = context.parallelize(0..9, 3);
    /// let (last, first) = (numbers.start_collect(&[2])?, numbers.start_collect(&[0, 1])?);
    /// assert_eq!(last.wait()?, [[6, 7, 8]]);
    /// assert_eq!(first.wait()?, [[0, 1, 2], [3, 4, 5]]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn start_collect(&self, partitions: &[usize]) -> Result<Collecting<T>, Error> {
        let operator = Operator::here("start_collect");
        let count = self.num_partitions();
        let existing = |partition: &usize| {
            let why = || Cause::Invalid(format!("there is no partition {partition}: the RDD has {count}, from 0"));
            if *partition < count { Ok(*partition as u32) } else { Err(Error::driver(&operator, why())) }
        };
        let partitions = partitions.iter().map(existing).collect::<Result<Vec<u32>, Error>>()?;
        let code = Function { env: (), call: () };
        let job = submit_job(self.clone(), operator, partitions, code, |drawn, _| drawn.all())?;
        Ok(Collecting { job })
    }
}

/// A job that collects partitions. Dropping it lets the job run on.
pub struct Collecting<T> {
    job: Submitted<Vec<T>>,
}

impl<T: 'static> Collecting<T> {
    /// The job's number.
    pub fn job(&self) -> u64 {
        self.job.id()
    }

    /// Waits for the elements of each partition, in the order asked for.
    pub fn wait(self) -> Result<Vec<Vec<T>>, Error> {
        self.job.wait()
    }

    /// Waits no longer than `timeout` and gives up what is not done by then: those partitions are `None`.
    pub fn wait_within(self, timeout: Duration) -> Result<Vec<Option<Vec<T>>>, Error> {
        self.job.wait_within(timeout)
    }

    /// Gives the job up.
    pub fn cancel(&self) {
        self.job.cancel();
    }
}

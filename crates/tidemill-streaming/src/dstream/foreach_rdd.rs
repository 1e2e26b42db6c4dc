//! `foreach_rdd`: an output that does with each batch's RDD what the user's function does.

use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;

use tidemill_core::lineage::{Operator, called_at};
use tidemill_core::{Cause, Rdd, Timestamp};

use crate::dstream::{DStream, Stream};
use crate::error::Error;
use crate::graph::{BatchJob, Output};

/// What a user's function may fail with.
pub(crate) type AnyError = Box<dyn StdError + Send + Sync>;

impl<T: 'static> DStream<T> {
    /// Calls `f` with the RDD and the time of each batch, in the driver: Spark's `DStream.foreachRDD`. Batches come in
    /// order, and the outputs of a batch in order of registration (behaviour 2.38).
    ///
    /// An error or a panic of `f` is an error of that batch: later batches go on, and `await_termination` reports it
    /// (behaviour 2.39).
    ///
    /// ```no_run
    /// # fn example(lines: tidemill_streaming::DStream<tidemill_core::Text>) {
    /// lines.foreach_rdd(|rdd, time| {
    ///     println!("{time}: {} lines", rdd.count()?);
    ///     Ok(())
    /// });
    /// # }
    /// ```
    #[track_caller]
    pub fn foreach_rdd<F>(&self, f: F)
    where
        F: Fn(Rdd<T>, Timestamp) -> Result<(), AnyError> + Send + Sync + 'static,
    {
        self.output("foreach_rdd", f);
    }

    #[track_caller]
    pub(crate) fn output<F>(&self, name: &'static str, f: F)
    where
        F: Fn(Rdd<T>, Timestamp) -> Result<(), AnyError> + Send + Sync + 'static,
    {
        let (operator, location) = (Operator::here(name), Location::caller());
        let (stream, f, of) = (self.clone(), Arc::new(f), operator.clone());
        let job = move |time: Timestamp| {
            let Some(rdd) = stream.rdd(time)? else { return Ok(None) };
            let (f, output) = (Arc::clone(&f), of.clone());
            let job: BatchJob = Box::new(move || {
                let done = catch_unwind(AssertUnwindSafe(|| called_at(location, || f(rdd, time))));
                match done {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => Err(output_error(time, output, error)),
                    Err(panic) => Err(Error::Output { time, output, cause: Cause::panic(&*panic).to_string() }),
                }
            });
            Ok(Some(job))
        };
        if let Some(streaming) = self.context() {
            let of = Arc::clone(self.node()) as Arc<dyn Stream>;
            streaming.add_output(Output { operator, location, stream: of, job: Box::new(job) });
        }
    }
}

fn output_error(time: Timestamp, output: Operator, error: AnyError) -> Error {
    match error.downcast::<tidemill_core::Error>() {
        Ok(cause) => Error::Batch { time, output, cause: Arc::new(*cause) },
        Err(other) => Error::Output { time, output, cause: other.to_string() },
    }
}

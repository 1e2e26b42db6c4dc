//! `foreach_rdd`: an output that does with each batch's RDD what the user's function does.

use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tidemill_core::lineage::{CallSite, Operator};
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
    /// ```text
    /// batch        1 (at 1000 ms)              2 (at 2000 ms)
    /// in           a, b
    /// f is given   the RDD of a, b; 1000 ms    an RDD without elements; 2000 ms
    /// ```
    ///
    /// An error or a panic of `f` is an error of that batch: later batches go on, and `await_termination` reports it
    /// (behaviour 2.39).
    ///
    /// ```
    /// use std::sync::mpsc::sync_channel;
    /// use tidemill_streaming::testing::TestContext;
    ///
    /// let test = TestContext::new();
    /// let (feed, lines) = test.input();
    /// let (sender, counts) = sync_channel(10);
    /// lines.foreach_rdd(move |rdd, time| Ok(sender.send((time.millis(), rdd.count()?))?));
    /// feed.push(["a".to_string(), "b".to_string()]);
    /// test.tick()?;
    /// test.tick()?;
    /// assert_eq!(counts.try_iter().collect::<Vec<_>>(), [(1000, 2), (2000, 0)]);
    /// # Ok::<(), tidemill_streaming::Error>(())
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
        let (operator, site) = (Operator::here(name), CallSite::here());
        let (stream, f, of, line) = (self.clone(), Arc::new(f), operator.clone(), site.clone());
        let job = move |time: Timestamp| {
            let Some(rdd) = stream.rdd(time)? else { return Ok(None) };
            let (f, output, site) = (Arc::clone(&f), of.clone(), line.clone());
            let job: BatchJob = Box::new(move || {
                let done = catch_unwind(AssertUnwindSafe(|| site.on_behalf(|| f(rdd, time))));
                match done {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => Err(output_error(time, output, error)),
                    Err(panic) => Err(Error::Output { time, output, cause: Cause::panic(&*panic) }),
                }
            });
            Ok(Some(job))
        };
        if let Some(streaming) = self.context() {
            let of = Arc::clone(self.node()) as Arc<dyn Stream>;
            streaming.add_output(Output { operator, site, stream: of, job: Box::new(job) });
        }
    }
}

fn output_error(time: Timestamp, output: Operator, error: AnyError) -> Error {
    match error.downcast::<tidemill_core::Error>() {
        Ok(cause) => Error::Batch { time, output, cause: Arc::new(*cause) },
        Err(other) => Error::Output { time, output, cause: Cause::User(other.into()) },
    }
}

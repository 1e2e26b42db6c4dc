//! The threads of a streaming context: the batch clock, the block clock, and the one that runs batches.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use tidemill_core::lineage::called_at;
use tidemill_core::settings::keys;
use tidemill_core::{Cause, Timestamp, Woken};

use crate::batch::Batch;
use crate::context::StreamingContext;
use crate::error::Error;
use crate::graph::{BatchJob, Output};
use crate::scheduler::{Action, Event};

/// The property under which the jobs of one streaming context are cancelled together.
const GROUP_PREFIX: &str = "tidemill.streaming";

impl StreamingContext {
    /// Ticks at every batch time until it is stopped.
    pub(super) fn run_clock(&self, first: Timestamp) {
        let mut next = first;
        while self.inner.clock.wait_until(next, &self.inner.tick) != Woken::Stopped {
            if self.inner.clock.now() < next {
                continue; // woken for another reason
            }
            self.tell(Event::Tick(next));
            next = next + self.interval();
        }
    }

    /// Closes blocks at every block interval, so that a batch has several partitions. Every tick of the batch clock
    /// closes them too.
    pub(super) fn run_block_clock(&self) {
        let interval = self.context().config().get(keys::BLOCK_INTERVAL);
        if interval >= self.interval() {
            return;
        }
        let inputs = self.live().graph.inputs.clone();
        let mut next = self.inner.clock.now() + interval;
        while self.inner.clock.wait_until(next, &self.inner.tick) != Woken::Stopped {
            inputs.iter().for_each(|input| input.cut_block());
            next = next + interval;
        }
    }

    /// Tells the scheduler and does what it wants done.
    pub(super) fn tell(&self, event: Event) {
        let mut live = self.live();
        let mut actions = Vec::new();
        live.scheduler.on(event, &mut actions);
        for action in actions {
            match action {
                Action::Allocate(batch) => live.graph.inputs.iter().for_each(|input| input.allocate(batch.time)),
                Action::Run(batch) => live.to_run = Some(batch),
                Action::Finished => live.finished = true,
            }
        }
        drop(live);
        self.inner.changed.notify_all();
    }

    /// Runs batches as the scheduler hands them out, until there will be no more.
    pub(super) fn run_batches(&self) {
        self.context().set_local_properties(Arc::clone(&self.live().properties));
        self.context().set_job_group(&self.group(), "Streaming job");
        loop {
            let idle = |live: &mut super::Live| live.to_run.is_none() && !live.finished;
            let live = self.live();
            let mut live = self.inner.changed.wait_while(live, idle).unwrap_or_else(PoisonError::into_inner);
            let Some(batch) = live.to_run.take() else {
                drop(live);
                return self.end();
            };
            let outputs = live.graph.outputs.clone();
            drop(live);
            self.run_batch(batch, &outputs);
            self.forget(batch.time);
            self.tell(Event::Done(batch.time));
        }
    }

    /// Makes the jobs of all outputs, then runs them in order. An error in making them loses the batch (behaviour 2.40),
    /// an error in one output only that output (behaviour 2.39).
    fn run_batch(&self, batch: Batch, outputs: &[Arc<Output>]) {
        let jobs: Result<Vec<_>, Error> =
            outputs.iter().map(|output| Ok((output, generate(output, batch.time)?))).collect();
        let jobs = match jobs {
            Ok(jobs) => jobs,
            Err(error) => return self.report(error),
        };
        for (number, (output, job)) in jobs.into_iter().enumerate() {
            let Some(job) = job else { continue };
            if self.live().cancelled {
                return;
            }
            let description = format!("{}, batch {}, output {number}", output.operator.name, batch.time);
            self.context().set_job_description(&description);
            if let Err(error) = job() {
                self.report(error);
            }
        }
    }

    /// Keeps an error for `await_termination`, unless the batch failed because it was cancelled.
    fn report(&self, error: Error) {
        let mut live = self.live();
        if live.cancelled {
            return tracing::debug!(%error, "A batch was cancelled.");
        }
        tracing::error!(%error, "A batch failed; later batches go on.");
        live.error = Some(error);
        drop(live);
        self.inner.changed.notify_all();
    }

    /// Drops what was remembered for batches up to `time`.
    fn forget(&self, time: Timestamp) {
        let live = self.live();
        let streams: Vec<_> = live.graph.remembering.iter().filter_map(std::sync::Weak::upgrade).collect();
        let inputs = live.graph.inputs.clone();
        drop(live);
        streams.iter().for_each(|stream| stream.forget(time));
        inputs.iter().for_each(|input| input.forget(time));
    }

    /// Ends the jobs of the running batch.
    pub(super) fn cancel_running(&self) {
        self.context().cancel_job_group(&self.group());
    }

    fn group(&self) -> String {
        format!("{GROUP_PREFIX}.{:p}", Arc::as_ptr(&self.inner))
    }
}

/// Makes the job of an output. Functions of the user run here, those of `transform`: what they panic with is an error.
fn generate(output: &Output, time: Timestamp) -> Result<Option<BatchJob>, Error> {
    let make = || called_at(output.location, || (output.job)(time));
    catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|panic| {
        Err(Error::Generate { time, output: output.operator.clone(), cause: Cause::panic(&*panic).to_string() })
    })
}

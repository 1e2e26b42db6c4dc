//! The life of a streaming context: start, wait, stop.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::batch::next_time;
use crate::context::{Live, State, StreamingContext};
use crate::error::Error;
use crate::scheduler::Event;
use crate::signals;

impl StreamingContext {
    /// Begins to receive and to run batches, the first at the next multiple of the interval (behaviour 1.6, 2.37).
    ///
    /// From then on Ctrl-C and SIGTERM stop it gracefully, unless `spark.streaming.stopGracefullyOnShutdown` is false; a
    /// second one ends the process at once (behaviour 4.25). A second `start` does nothing but warn.
    ///
    /// # Errors
    /// [`Error::NoOutputs`] and [`Error::AlreadyStopped`]; a context whose start failed is stopped for good.
    pub fn start(&self) -> Result<(), Error> {
        let mut live = self.live();
        match live.state {
            State::Initialized => {}
            State::Active => {
                tracing::warn!("StreamingContext has already been started.");
                return Ok(());
            }
            State::Stopped => return Err(Error::AlreadyStopped),
        }
        if live.graph.outputs.is_empty() {
            live.state = State::Stopped;
            return Err(Error::NoOutputs);
        }
        live.properties = self.context().local_properties();
        let first = next_time(self.inner.clock.now(), self.interval());
        live.scheduler.start_after(first - self.interval());
        live.state = State::Active;
        let inputs = live.graph.inputs.clone();
        if let Err(error) = self.start_threads(&mut live, first) {
            drop(live);
            self.stop(false);
            return Err(error);
        }
        drop(live);
        inputs.iter().for_each(|input| input.start());
        signals::stop_on_signal(self);
        Ok(())
    }

    fn start_threads(&self, live: &mut Live, first: tidemill_core::Timestamp) -> Result<(), Error> {
        let (clock, jobs) = (self.clone(), self.clone());
        live.threads.push(spawn("tidemill-batches", move || clock.run_clock(first))?);
        live.threads.push(spawn("tidemill-jobs", move || jobs.run_batches())?);
        if !live.graph.inputs.is_empty() {
            let blocks = self.clone();
            live.threads.push(spawn("tidemill-blocks", move || blocks.run_block_clock())?);
        }
        Ok(())
    }

    /// Waits until the context is stopped.
    ///
    /// # Errors
    /// The latest error of a batch, as soon as there is one; the batches go on (behaviour 1.7, 10.1).
    pub fn await_termination(&self) -> Result<(), Error> {
        let live = self.live();
        let waiting = |live: &mut Live| live.error.is_none() && live.state != State::Stopped;
        let live = self.inner.changed.wait_while(live, waiting).unwrap_or_else(PoisonError::into_inner);
        live.error.clone().map_or(Ok(()), Err)
    }

    /// Waits until the context is stopped, but no longer than `limit`: `true` if it was stopped (behaviour 1.8).
    ///
    /// # Errors
    /// As [`await_termination`](StreamingContext::await_termination).
    pub fn await_termination_or_timeout(&self, limit: Duration) -> Result<bool, Error> {
        let live = self.live();
        let waiting = |live: &mut Live| live.error.is_none() && live.state != State::Stopped;
        let waited = self.inner.changed.wait_timeout_while(live, limit, waiting);
        let (live, _) = waited.unwrap_or_else(PoisonError::into_inner);
        live.error.clone().map_or(Ok(live.state == State::Stopped), Err)
    }

    /// Stops for good; more calls do nothing. The context of the RDDs goes on.
    ///
    /// With `graceful`, all that was received before is processed first: receivers end, what is in no batch yet makes one
    /// last batch at once, and batches that wait are run (behaviour 2.33). Without it the running batch is cancelled.
    pub fn stop(&self, graceful: bool) {
        let mut live = self.live();
        match live.state {
            State::Stopped => return,
            State::Initialized => {
                live.state = State::Stopped;
                self.inner.changed.notify_all();
                return;
            }
            State::Active => {}
        }
        let inputs = live.graph.inputs.clone();
        drop(live);
        inputs.iter().for_each(|input| input.stop());
        let backlog = graceful && inputs.iter().any(|input| input.has_backlog());
        self.inner.tick.stop();
        self.tell(Event::Stop { graceful, backlog });
        if !graceful {
            self.cancel_running();
        }
        self.await_finish();
    }

    /// Waits for the last batch, then ends the threads, unless this is one of them.
    fn await_finish(&self) {
        let live = self.live();
        let unfinished = |live: &mut Live| !live.finished;
        let mut live = self.inner.changed.wait_while(live, unfinished).unwrap_or_else(PoisonError::into_inner);
        live.state = State::Stopped;
        let threads = std::mem::take(&mut live.threads);
        drop(live);
        self.inner.changed.notify_all();
        let me = std::thread::current().id();
        for thread in threads.into_iter().filter(|thread| thread.thread().id() != me) {
            if thread.join().is_err() {
                tracing::error!("A thread of the streaming context ended by a panic.");
            }
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<std::thread::JoinHandle<()>, Error> {
    let started = std::thread::Builder::new().name(name.to_string()).spawn(work);
    started.map_err(|error| Error::Thread(Arc::new(error).to_string()))
}

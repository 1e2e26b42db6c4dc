//! The life of a streaming context: start, wait, stop.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_core::settings::keys;
use tidemill_core::task::TaskContext;
use tidemill_core::{Cause, Context, Timestamp};

use crate::context::recovery::Beginning;
use crate::context::run::allocated;
use crate::context::{Live, State, StreamingContext};
use crate::error::Error;
use crate::event::StreamingEvent;
use crate::scheduler::Event;
use crate::signals;

/// How often a stop that is not graceful cancels again: an output may submit its next job just after the last time.
const CANCEL_EVERY: Duration = Duration::from_millis(50);

thread_local! {
    /// Whether this thread is one that a stop waits for.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, in which a stop must not wait for this thread: an output, or a listener.
pub(crate) fn inside<R>(work: impl FnOnce() -> R) -> R {
    let before = IS_INSIDE.replace(true);
    let done = work();
    IS_INSIDE.set(before);
    done
}

/// How a context is to be stopped: the arguments of Spark's `stop` (behaviour 1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// What was received before is processed first.
    pub graceful: bool,
    /// The context of the RDDs is stopped as well.
    pub context: bool,
}

impl StreamingContext {
    /// Begins to receive and to run batches, the first at the next multiple of the interval (behaviour 1.6, 2.37).
    ///
    /// From then on Ctrl-C and SIGTERM stop it gracefully, unless `spark.streaming.stopGracefullyOnShutdown` is false; a
    /// second one ends the process at once (behaviour 4.25). A second `start` does nothing but warn.
    ///
    /// # Errors
    /// [`Error::AlreadyStopped`]; what was declared cannot run ([`Error::NoOutputs`], [`Error::NoCheckpointDirectory`],
    /// [`Error::CheckpointInterval`], [`Error::InputStart`]); [`Error::Thread`]. A context whose start failed is stopped for
    /// good.
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
        if let Err(error) = live.check(self.context()) {
            live.state = State::Stopped;
            drop(live);
            self.end();
            return Err(error);
        }
        live.properties = self.context().local_properties();
        let (now, remember) = (self.inner.clock.now(), live.remember.unwrap_or_default());
        live.graph.settle(remember);
        live.state = State::Active; // nothing can be added from here on
        let (graph, checkpoint) = (live.graph.clone(), live.recovered.take());
        drop(live);
        let begun = self.begin(&graph, now, checkpoint);
        let mut live = self.live();
        let Beginning { zero, last, again, durable } = match begun {
            Ok(beginning) => beginning,
            Err(error) => {
                live.state = State::Stopped;
                drop(live);
                self.end();
                return Err(error);
            }
        };
        let first = last + self.interval();
        (live.zero, live.durable, live.allocated) = (Some(zero), durable, Some(last));
        live.scheduler.resume(last, again.iter().map(|again| again.time));
        live.states_only = again.iter().filter(|again| !again.outputs).map(|again| again.time).collect();
        let inputs = live.graph.inputs.clone();
        live.submitted.extend(again.iter().map(|again| (again.time, allocated(&inputs, again.time, now))));
        let threads = self.start_threads(&mut live, first);
        let runs_jobs = !live.threads.is_empty();
        drop(live);
        let names = inputs.iter().map(|input| (input.id().stream, input.name()));
        self.record().set_inputs(names.collect());
        self.post(StreamingEvent::Started { time: now });
        self.announce(now, last, &again);
        let started = threads.and_then(|()| inputs.iter().try_for_each(|input| input.start()));
        self.tell(Event::Started);
        match (&started, runs_jobs) {
            (Ok(()), _) if self.live().leaves_signals => {}
            (Ok(()), _) => signals::stop_on_signal(self),
            (Err(_), true) => self.stop_with(Stop { graceful: false, context: false }),
            (Err(_), false) => self.end(),
        }
        started
    }

    /// Leaves signals to the program, whatever `spark.streaming.stopGracefullyOnShutdown` says: for languages that have
    /// handlers of their own.
    pub fn leave_signals(&self) {
        self.live().leaves_signals = true;
    }

    /// Starts the threads, first the one that also ends the context.
    fn start_threads(&self, live: &mut Live, first: Timestamp) -> Result<(), Error> {
        self.spawn(live, "tidemill-jobs", StreamingContext::run_batches)?;
        if let Some(durable) = live.durable.clone() {
            let runs = Arc::clone(&durable);
            durable.set_running(true);
            let spawned = self.spawn(live, "tidemill-checkpoints", move |streaming| {
                if let Err(error) = runs.run(streaming) {
                    streaming.fall(error);
                }
            });
            spawned.inspect_err(|_| durable.set_running(false))?;
        }
        self.spawn(live, "tidemill-batches", move |streaming| streaming.run_clock(first))?;
        if live.graph.inputs.iter().any(|input| input.has_blocks()) {
            self.spawn(live, "tidemill-blocks", StreamingContext::run_block_clock)?;
        }
        Ok(())
    }

    fn spawn(
        &self,
        live: &mut Live,
        name: &'static str,
        work: impl FnOnce(&StreamingContext) + Send + 'static,
    ) -> Result<(), Error> {
        let streaming = self.clone();
        let work = move || {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(&streaming))) {
                streaming.fall(Error::ThreadPanicked { name, panic: Cause::panic(&*panic).to_string() });
            }
        };
        let started = std::thread::Builder::new().name(name.to_string()).spawn(work);
        live.threads.push(started.map_err(|error| Error::Thread(error.to_string()))?);
        Ok(())
    }

    /// Ends the context because a thread of it is gone, so that nobody waits for what cannot come.
    pub(super) fn fall(&self, error: Error) {
        tracing::error!(%error);
        let mut live = self.live();
        (live.error, live.stopping, live.cancelled) = (Some(error), true, true);
        drop(live);
        self.inner.tick.stop();
        self.cancel_running();
        self.tell(Event::Stop { graceful: false, backlog: false });
        self.end();
    }

    /// Waits until the context is stopped.
    ///
    /// # Errors
    /// The latest error of a batch, as soon as there is one; the batches go on (behaviour 1.7).
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

    /// [`stop_with`](StreamingContext::stop_with), which stops the context of the RDDs too unless
    /// `spark.streaming.stopSparkContextByDefault` is false (behaviour 2.5).
    pub fn stop(&self, graceful: bool) {
        let context = self.context().config().get(keys::STOP_CONTEXT_BY_DEFAULT);
        self.stop_with(Stop { graceful, context });
    }

    /// Stops for good; more calls do nothing but stop the context of the RDDs where the first did not (behaviour 1.9).
    ///
    /// With `graceful`, all that was received before is processed first: receivers end, what is in no batch yet makes one
    /// last batch at once, and batches that wait are run (behaviour 2.33). Without it the running batch is cancelled, and
    /// what was received for others is dropped; code of an output that does not return is waited for no longer than
    /// `tidemill.stop.timeout`.
    ///
    /// It returns once the context is stopped. Called from within an output, a task of one or a listener, it cannot wait for
    /// what it is part of: it returns at once, and the context stops when the batch is done.
    pub fn stop_with(&self, stop: Stop) {
        let Stop { graceful, context } = stop;
        let mut live = self.live();
        live.stops_context |= context;
        match live.state {
            State::Stopped => {
                drop(live);
                return self.stop_context();
            }
            State::Initialized => {
                live.state = State::Stopped;
                drop(live);
                return self.end();
            }
            State::Active => {}
        }
        live.cancelled |= !graceful;
        let first = !std::mem::replace(&mut live.stopping, true);
        let inputs = live.graph.inputs.clone();
        drop(live);
        let inside = self.is_inside();
        let mut backlog = false;
        if first {
            inputs.iter().for_each(|input| input.stop());
            backlog = graceful && inputs.iter().any(|input| input.has_backlog());
            self.inner.tick.stop();
        }
        if first || !graceful {
            self.tell(Event::Stop { graceful, backlog });
        }
        if first && graceful {
            self.plan_last();
        }
        match (graceful, inside) {
            (true, true) => {}
            (true, false) => self.await_end(),
            (false, true) => self.cancel_running(),
            (false, false) => self.cancel_until_ended(),
        }
    }

    /// Whether this thread is in an output, a task of one or a listener: a stop from here returns at once.
    pub fn is_inside(&self) -> bool {
        let me = std::thread::current().id();
        TaskContext::current().is_some()
            || IS_INSIDE.get()
            || self.live().threads.iter().any(|thread| thread.thread().id() == me)
    }

    fn await_end(&self) {
        let active = |live: &mut Live| live.state != State::Stopped;
        let live = self.inner.changed.wait_while(self.live(), active).unwrap_or_else(PoisonError::into_inner);
        join_threads(live);
    }

    /// Cancels what the last batch runs, until it runs nothing any more.
    fn cancel_until_ended(&self) {
        let limit = self.context().config().get(keys::STOP_TIMEOUT);
        for _ in 0..=limit.as_millis() / CANCEL_EVERY.as_millis() {
            self.cancel_running();
            let active = |live: &mut Live| live.state != State::Stopped;
            let waited = self.inner.changed.wait_timeout_while(self.live(), CANCEL_EVERY, active);
            let (live, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if live.state == State::Stopped {
                return join_threads(live);
            }
        }
        tracing::warn!(
            "An output does not return; its thread is left behind. (tidemill.stop.timeout says how long to wait.)"
        );
        self.live().state = State::Stopped;
        self.inner.changed.notify_all();
        self.stop_context();
    }

    /// Stops the context of the RDDs, if that was asked for.
    fn stop_context(&self) {
        if self.live().stops_context {
            self.context().stop();
        }
    }

    /// The last thing that happens: lets go of all that was received and of the graph, whose functions may hold the
    /// context itself.
    pub(super) fn end(&self) {
        let (durable, recovered, code) = {
            let mut live = self.live();
            (live.durable.take(), live.recovered.take(), live.code.take())
        };
        drop((recovered, code)); // others may use its directory; code may hold the context
        if let Some(durable) = durable {
            durable.close();
        }
        let graph = std::mem::take(&mut self.live().graph);
        for input in &graph.inputs {
            input.stop();
            input.clear();
        }
        drop(graph); // without the lock: functions and lineages end here
        self.record().dropped_waiting();
        self.inner.bus.stop(self.context().config().get(keys::STOP_TIMEOUT));
        self.stop_context();
        self.live().state = State::Stopped;
        self.inner.changed.notify_all();
    }
}

impl Live {
    /// Whether what was declared can run (behaviour 1.6, 1.39). A folder that the core's context has for checkpoints serves
    /// as well.
    fn check(&self, context: &Context) -> Result<(), Error> {
        if self.graph.outputs.is_empty() {
            return Err(Error::NoOutputs);
        }
        let has_directory = self.checkpoints.is_some() || context.checkpoint_dir().is_some();
        self.graph.needed().iter().try_for_each(|stream| stream.check(has_directory))
    }
}

/// Waits for the threads of a context that is stopped, which have nothing left to do.
fn join_threads(mut live: MutexGuard<'_, Live>) {
    let threads = std::mem::take(&mut live.threads);
    drop(live);
    let me = std::thread::current().id();
    for thread in threads.into_iter().filter(|thread| thread.thread().id() != me) {
        let _ = thread.join(); // its panic was caught and reported
    }
}

//! `Life`: a receiver from start to stop, through its failures and restarts (behaviour 2.24, 2.27).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_core::memory::Memory;
use tidemill_core::service::Service;
use tidemill_core::{Cause, Clock, Wake};

use crate::event::{ReceiverInfo, StreamingEvent};
use crate::rate::RateLimiter;
use crate::receiver::ReceiverError;

/// Why a run ended that nothing went wrong in.
const SOURCE_ENDED: &str = "Trying to connect again";

/// What the life of a receiver is told of and waits with.
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) memory: Memory,
    pub(crate) limiter: Arc<RateLimiter>,
    /// How long it waits before it starts again (behaviour 4.11).
    pub(crate) restart_delay: Duration,
    /// Tells listeners.
    pub(crate) post: Box<dyn Fn(StreamingEvent) + Send + Sync>,
}

/// Whether a receiver runs, is to end, or is to start again.
pub(crate) struct Life {
    with: Surroundings,
    /// Ends waits.
    wake: Wake,
    /// It is over for good: the context stops, or the receiver itself said so.
    ended: AtomicBool,
    /// This run is to end, and another one to begin.
    leaving: AtomicBool,
    /// The context is over: nothing is stored any more.
    closed: AtomicBool,
    state: Mutex<State>,
    /// Signalled when the thread is done.
    over: Condvar,
}

struct State {
    /// What ends the waits of the receiver's own code.
    on_stop: Vec<Box<dyn FnOnce() + Send>>,
    /// Why this run is to end, and when the next is to begin.
    request: Option<(String, Duration)>,
    info: ReceiverInfo,
    is_over: bool,
}

/// What a receiver's thread runs, again and again.
pub(crate) trait Work: Send + Sync {
    /// Receives until `life` says that it is stopped, or until its source ends.
    fn run(&self, life: &Arc<Life>) -> Result<(), ReceiverError>;
    /// A run is over: no more of what it read will come.
    fn run_is_over(&self) {}
    /// Whether `run` surely returns once it is stopped, so that a stop may wait for it without a limit.
    fn surely_returns(&self) -> bool {
        false
    }
}

impl Life {
    pub(crate) fn new(stream: u32, name: String, with: Surroundings) -> Life {
        let info = ReceiverInfo { stream, name, location: "localhost".to_owned(), ..ReceiverInfo::default() };
        let state = State { on_stop: Vec::new(), request: None, info, is_over: false };
        let (wake, ended, leaving, closed, over) = Default::default();
        Life { with, wake, ended, leaving, closed, state: Mutex::new(state), over }
    }

    /// Whether this run is to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_ended() || self.leaving.load(Ordering::SeqCst)
    }

    /// Whether there will be no other run.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Refuses from now on what a thread stores that was left behind.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Whether the context is over.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Calls `f` when this run is to end, at once if that is so already.
    pub(crate) fn on_stop(&self, f: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        if !self.is_stopped() {
            return state.on_stop.push(Box::new(f));
        }
        drop(state);
        f();
    }

    /// Ends the receiver for good.
    pub(crate) fn end(&self, reason: impl Into<String>) {
        let mut state = self.state();
        if !self.ended.swap(true, Ordering::SeqCst) {
            state.request = Some((reason.into(), Duration::ZERO));
        }
        self.wake.stop();
        self.with.memory.wake();
        call_all(state);
    }

    /// Ends this run; another one begins after `delay`, or after the usual one.
    pub(crate) fn restart(&self, reason: String, delay: Option<Duration>) {
        let mut state = self.state();
        if self.is_stopped() || !state.info.active {
            return;
        }
        self.leaving.store(true, Ordering::SeqCst);
        state.request = Some((reason, delay.unwrap_or(self.with.restart_delay)));
        self.wake.call();
        call_all(state);
    }

    /// Tells listeners of something that went wrong; nothing else happens.
    pub(crate) fn report_error(&self, error: String) {
        let mut state = self.state();
        tracing::warn!(receiver = state.info.name, error, "A receiver reports an error and goes on.");
        state.info.last_error = Some(error);
        state.info.last_error_time = Some(self.with.clock.now());
        let info = state.info.clone();
        drop(state);
        (self.with.post)(StreamingEvent::ReceiverError(info));
    }

    /// Waits until so much time has passed or this run is to end.
    pub(crate) fn wait(&self, time: Duration) {
        let deadline = self.with.clock.now() + time;
        while !self.is_stopped() && self.with.clock.now() < deadline {
            self.with.clock.wait_until(deadline, &self.wake);
        }
    }

    /// Waits until a record may come in; `None` if any number may: there is no limit, or the receiver is over.
    pub(crate) fn await_tokens(&self) -> Option<u64> {
        while self.with.limiter.limits() && !self.is_ended() {
            let now = self.with.clock.monotonic();
            match self.with.limiter.available(now)? {
                0 => self.with.clock.wait_until(self.with.clock.now() + self.with.limiter.wait(now), &self.wake),
                tokens => return Some(tokens),
            };
        }
        None
    }

    /// So many records have come in.
    pub(crate) fn take_tokens(&self, records: u64) {
        if self.with.limiter.limits() {
            self.with.limiter.take(records, self.with.clock.monotonic());
        }
    }

    /// Waits until the receiver's thread is done; `false` if that takes longer than `limit` by the machine's clock.
    fn await_over(&self, limit: Duration) -> bool {
        let waited = self.over.wait_timeout_while(self.state(), limit, |state| !state.is_over);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_over
    }

    fn run_once(self: &Arc<Self>, work: &dyn Work) {
        let mut state = self.state();
        state.info.active = true;
        let info = state.info.clone();
        drop(state);
        (self.with.post)(StreamingEvent::ReceiverStarted(info));
        let done = catch_unwind(AssertUnwindSafe(|| work.run(self)));
        work.run_is_over();
        let reason = match done {
            Ok(Ok(())) => SOURCE_ENDED.to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => Cause::panic(&*panic).to_string(),
        };
        let delay = self.run_is_over(reason);
        // Not `wait`, for which the end of the last run would be over already.
        let deadline = self.with.clock.now() + delay;
        while !self.is_ended() && self.with.clock.now() < deadline {
            self.with.clock.wait_until(deadline, &self.wake);
        }
    }

    /// Tells listeners how the run ended, and says when the next is to begin.
    fn run_is_over(&self, reason: String) -> Duration {
        let mut state = self.state();
        state.on_stop.clear();
        let (reason, delay) = state.request.take().unwrap_or((reason, self.with.restart_delay));
        self.leaving.store(false, Ordering::SeqCst);
        state.info.active = false;
        state.info.last_error_time = Some(self.with.clock.now());
        let name = &state.info.name;
        if self.is_ended() {
            tracing::info!(receiver = name, reason, "The receiver is stopped.");
            state.info.last_error = Some(reason);
        } else {
            let millis = delay.as_millis();
            if reason == SOURCE_ENDED {
                tracing::info!(receiver = name, "The source ended; the receiver starts again in {millis} ms.");
            } else {
                tracing::warn!(receiver = name, reason, "The receiver ended; it starts again in {millis} ms.");
            }
            state.info.last_error = Some(format!("Restarting receiver with delay {millis}ms: {reason}"));
        }
        let info = state.info.clone();
        drop(state);
        (self.with.post)(StreamingEvent::ReceiverStopped(info));
        delay
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls what ends waits, without the lock: it is code of the receiver.
fn call_all(mut state: MutexGuard<'_, State>) {
    let calls = std::mem::take(&mut state.on_stop);
    drop(state);
    for call in calls {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(call)) {
            tracing::error!(panic = %Cause::panic(&*panic), "What a receiver wanted called at its stop panicked.");
        }
    }
}

/// A receiver as a service of the backend: a thread of its own, no task slot.
pub(crate) struct Running {
    pub(crate) life: Arc<Life>,
    pub(crate) work: Box<dyn Work>,
}

impl Running {
    /// Waits until the thread is done, but for code of the program no longer than `limit`: whether it is done.
    pub(crate) fn await_over(&self, limit: Duration) -> bool {
        self.work.surely_returns() || self.life.await_over(limit)
    }
}

impl Service for Running {
    fn name(&self) -> String {
        "tidemill-receiver".into()
    }

    fn run(&self) {
        while !self.life.is_ended() {
            self.life.run_once(&*self.work);
        }
        self.life.state().is_over = true;
        self.life.over.notify_all();
    }

    fn stop(&self) {
        self.life.end("Stopped by driver");
    }
}

#[cfg(test)]
mod tests;

//! Waiting for a streaming context from Python: without the GIL, and awake for signals.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use tidemill_core::Timestamp;
use tidemill_streaming::{Stop, StreamingContext};

use crate::error::engine_error;
use crate::streaming::error::to_python;

/// So often a waiting thread looks whether a signal came: a person does not notice it.
const SIGNALS_EVERY: Duration = Duration::from_millis(50);
/// How long a test waits for a batch.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for the end, at most for `limit`; whether it came. A signal's handler may raise meanwhile, and the stream goes on.
///
/// # Errors
/// What the handler raised, or the latest error of a batch.
pub(super) fn await_termination(
    py: Python<'_>,
    streaming: &StreamingContext,
    limit: Option<Duration>,
) -> PyResult<bool> {
    let mut rest = limit;
    loop {
        let turn = rest.map_or(SIGNALS_EVERY, |rest| rest.min(SIGNALS_EVERY));
        let ended = py.detach(|| streaming.await_termination_or_timeout(turn));
        if ended.map_err(|error| to_python(py, &error))? {
            return Ok(true);
        }
        py.check_signals()?;
        rest = rest.map(|rest| rest.saturating_sub(turn));
        if rest.is_some_and(|rest| rest.is_zero()) {
            return Ok(false);
        }
    }
}

/// Stops; from within an output this returns at once. Where a signal's handler raises meanwhile the stop goes on without
/// this thread.
///
/// # Errors
/// What the handler raised.
pub(super) fn stop(py: Python<'_>, streaming: &StreamingContext, stop: Stop) -> PyResult<()> {
    if py.detach(|| streaming.is_inside()) {
        py.detach(|| streaming.stop_with(stop));
        return Ok(());
    }
    let (ended, waits) = sync_channel::<()>(1);
    let stopping = streaming.clone();
    let work = move || {
        stopping.stop_with(stop);
        drop(ended);
    };
    if std::thread::Builder::new().name("tidemill-stop".into()).spawn(work).is_err() {
        py.detach(|| streaming.stop_with(stop));
        return Ok(());
    }
    // The receiver stays with this thread alone; it only crosses the closure that is called right here.
    let waits = std::sync::Mutex::new(waits);
    loop {
        let turn = py.detach(|| {
            let waits = waits.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            waits.recv_timeout(SIGNALS_EVERY)
        });
        match turn {
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// Waits until the batch of `time` is over.
///
/// # Errors
/// What a signal's handler raised, what the batch reported, or that the batch does not end.
pub(super) fn await_batch(py: Python<'_>, streaming: &StreamingContext, time: Timestamp) -> PyResult<()> {
    #[expect(clippy::disallowed_methods, reason = "a test's patience is real time, whatever the test's clock says")]
    let began = Instant::now();
    while !py.detach(|| streaming.await_batch(time, SIGNALS_EVERY)) {
        py.check_signals()?;
        let is_over = streaming.state() == tidemill_streaming::State::Stopped;
        if is_over || began.elapsed() > PATIENCE {
            return Err(engine_error(py, "streaming", format!("the batch of {time} did not end")));
        }
    }
    streaming.take_error().map_or(Ok(()), |error| Err(to_python(py, &error)))
}

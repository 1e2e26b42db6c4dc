//! Waiting for the engine from Python: without the GIL, and awake for signals.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use tidemill_core::Error;
use tidemill_core::job::interruptible;

use crate::error::to_python;

/// So often a waiting thread looks whether a signal came: a person does not notice it.
const SIGNALS_EVERY: Duration = Duration::from_millis(50);

/// Does `work` without the GIL. Where a signal's handler raises meanwhile (Ctrl-C: `KeyboardInterrupt`), the job that
/// `work` waits for is cancelled, and what the handler raised is raised here.
///
/// # Errors
/// What the handler raised, or the engine's error.
pub(crate) fn wait<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T, Error> + Send) -> PyResult<T> {
    let raised = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&raised);
    let done = py.detach(move || {
        let interrupted = move || match Python::attach(|py| py.check_signals()) {
            Ok(()) => false,
            Err(error) => {
                seen.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                true
            }
        };
        interruptible(SIGNALS_EVERY, interrupted, work)
    });
    if let Some(error) = raised.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error);
    }
    done.map_err(|error| to_python(py, &error))
}

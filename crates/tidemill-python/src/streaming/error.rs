//! Errors of streams, as Python sees them.

use pyo3::prelude::*;
use tidemill_core::Cause;
use tidemill_streaming::Error;

use crate::error::{EngineError, Told, raised, told};
use crate::streaming::callback::Raised;

/// The error of a stream as an `EngineError`; where a function of the driver raised, its exception is the `__cause__`.
pub(super) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Generate { output, cause, .. } | Error::Output { output, cause, .. } => {
            of_function(py, message, output.to_string(), cause)
        }
        Error::State { cause, .. } | Error::Batch { cause, .. } => raised(py, &Told { message, ..told(cause) }),
        Error::AlreadyStopped => raised(py, &Told { message, kind: "stopped", ..Told::default() }),
        _ => raised(py, &Told { message, kind: "streaming", ..Told::default() }),
    }
}

fn of_function(py: Python<'_>, message: String, operator: String, cause: &Cause) -> PyErr {
    let function = match cause {
        Cause::User(error) => error.downcast_ref::<Raised>(),
        _ => None,
    };
    let Some(function) = function else {
        return raised(py, &Told { message, kind: "streaming", operator, ..Told::default() });
    };
    let original = function.error(py);
    let told = if original.is_instance_of::<EngineError>(py) {
        of_engine(original.value(py), message, operator)
    } else {
        let exception = original.get_type(py).name().map(|name| name.to_string()).unwrap_or_default();
        Told { message, kind: "function", operator, exception, traceback: function.traceback().to_owned() }
    };
    let error = raised(py, &told);
    error.set_cause(py, Some(original));
    error
}

/// What the engine's own error, which went through the function, told of a task.
fn of_engine(error: &Bound<'_, PyAny>, message: String, operator: String) -> Told {
    let text = |name: &str| error.getattr(name).and_then(|value| value.extract::<String>()).unwrap_or_default();
    let inner = text("operator");
    let operator = if inner.is_empty() { operator } else { inner };
    Told { message, kind: "task", operator, exception: text("exception"), traceback: text("traceback") }
}

//! `EngineError`: what the engine's errors are in Python.

use std::io::ErrorKind::AlreadyExists;

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use tidemill_core::{Cause, Error, TaskFailure};

use crate::pool::{WorkerError, WorkerFailure};

pyo3::create_exception!(
    tidemill._engine,
    EngineError,
    PyException,
    "A call that the engine could not do; what its attributes say stands in `tidemill.errors`."
);

/// How the words begin by which an output is refused whose folder is there.
const TAKEN: &str = "Output directory ";

/// What an error tells beside its message.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) message: String,
    /// What a caller can do about it.
    pub(crate) kind: &'static str,
    /// The operator whose code failed.
    pub(crate) operator: String,
    /// The type's name of the exception in the worker.
    pub(crate) exception: String,
    /// The traceback in the worker.
    pub(crate) traceback: String,
}

/// The engine's error as Python's.
pub(crate) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    raised(py, &told(error))
}

/// An `EngineError` of some kind with nothing more to tell.
pub(crate) fn engine_error(py: Python<'_>, kind: &'static str, message: String) -> PyErr {
    raised(py, &Told { message, kind, ..Told::default() })
}

pub(crate) fn raised(py: Python<'_>, told: &Told) -> PyErr {
    let error = EngineError::new_err(told.message.clone());
    let value = error.value(py);
    let set = [
        value.setattr("message", &told.message),
        value.setattr("kind", told.kind),
        value.setattr("operator", &told.operator),
        value.setattr("exception", &told.exception),
        value.setattr("traceback", &told.traceback),
    ];
    set.into_iter().find_map(Result::err).unwrap_or(error)
}

pub(crate) fn told(error: &Error) -> Told {
    let (kind, operator) = match error {
        Error::Task(failure) => return task_told(failure),
        Error::Cancelled { action, .. } => ("cancelled", action.to_string()),
        Error::Stopped { action } => ("stopped", action.to_string()),
        Error::Empty(_) => ("empty", String::new()),
        Error::Setting(_) | Error::Master(_) => ("settings", String::new()),
        Error::Driver { operator, cause } => (kind_of(cause), operator.to_string()),
        _ => ("engine", String::new()),
    };
    let mut message = error.to_string();
    if let Error::Driver { cause: Cause::File { source, .. }, .. } = error
        && source.kind() == AlreadyExists
    {
        // Programs look for the exception's name before Hadoop's words.
        message = message.replacen(TAKEN, &format!("org.apache.hadoop.mapred.FileAlreadyExistsException: {TAKEN}"), 1);
    }
    Told { message, kind, operator, ..Told::default() }
}

fn kind_of(cause: &Cause) -> &'static str {
    match cause {
        Cause::File { .. } | Cause::Damaged { .. } => "input",
        Cause::Spill { .. } => "disk",
        Cause::User(_) | Cause::Panic(_) => "task",
        _ => "engine",
    }
}

/// The words are Spark's where programs look for them, and then ours: which operator, which partition.
fn task_told(failure: &TaskFailure) -> Told {
    let TaskFailure { stage, partition, attempts, operator, cause, .. } = failure;
    let raised = raised_by(cause);
    let site = raised.map(|raised| raised.site.clone()).filter(|site| !site.is_empty());
    let operator = site.or_else(|| operator.as_ref().map(ToString::to_string)).unwrap_or_default();
    let at = if operator.is_empty() { String::new() } else { format!("{operator}, ") };
    let thrown = if raised.is_some() { "org.apache.spark.api.python.PythonException: " } else { "" };
    let message = format!(
        "Job aborted due to stage failure: Task {partition} in stage {stage}.0 failed {attempts} times, \
         most recent failure: {at}partition {partition}, attempt {attempts} of {attempts}: {thrown}{cause}"
    );
    let (exception, traceback) = match raised {
        Some(raised) => (raised.exception.clone(), raised.traceback.clone()),
        None => Default::default(),
    };
    Told { message, kind: "task", operator, exception, traceback }
}

/// The exception in a worker that made a task fail, if that is why.
fn raised_by(cause: &Cause) -> Option<&WorkerFailure> {
    let Cause::User(error) = cause else { return None };
    match error.downcast_ref::<WorkerError>()? {
        WorkerError::Raised(failure) => Some(failure),
        _ => None,
    }
}

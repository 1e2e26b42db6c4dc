//! What goes wrong with workers: `WorkerError`.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tidemill_core::{Cause, Stop};

/// Why a task did not get its result from a worker. Tasks carry it as a [`Cause::User`]: downcast to this type.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WorkerError {
    /// The functions raised an exception.
    #[error(transparent)]
    Raised(WorkerFailure),
    /// The worker's process ended in the middle of the task.
    #[error("Python worker exited unexpectedly (crashed): {how}{}", on_new_line(crash))]
    Died {
        /// How it ended.
        how: String,
        /// What it said at the end about where it was: the stacks of its threads, or nothing.
        crash: String,
    },
    /// The interpreter could not be started.
    #[error(
        "cannot start the Python of the workers, {}: {source}; set PYSPARK_PYTHON or spark.pyspark.python to an interpreter \
         that exists",
        python.display()
    )]
    Start {
        /// The interpreter.
        python: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The interpreter was started and did not say that it is ready.
    #[error(
        "the Python of the workers, {}, ended before it was ready ({how}); what it printed stands on the driver's standard \
         error; check PYSPARK_PYTHON or spark.pyspark.python, and that cloudpickle is installed there",
        python.display()
    )]
    NotReady {
        /// The interpreter.
        python: PathBuf,
        /// How it ended.
        how: String,
    },
    /// The interpreter is another version than the driver's.
    #[error(
        "Python in worker has different version: {theirs} than that in driver: {ours}, Tidemill cannot run with different \
         minor versions; set PYSPARK_PYTHON or spark.pyspark.python to the driver's interpreter (it is {} now)",
        python.display()
    )]
    Version {
        /// The interpreter.
        python: PathBuf,
        /// The workers' version, or what else does not fit.
        theirs: String,
        /// The driver's.
        ours: String,
    },
    /// The system refused something.
    #[error("cannot {doing} a Python worker: {source}")]
    System {
        /// What was tried, as a verb.
        doing: &'static str,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// What a worker sent cannot be understood.
    #[error("a Python worker sent {0}; a function may have written to a file descriptor that is not its own")]
    Garbled(String),
    /// The workers were stopped.
    #[error("the Python workers were stopped")]
    Stopped,
}

/// An exception in a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{traceback}")]
pub struct WorkerFailure {
    /// The name of its type.
    pub exception: String,
    /// Its text.
    pub message: String,
    /// The traceback as Python prints it, which ends with type and text.
    pub traceback: String,
    /// The operator whose function raised it and where it was called, as `map at app.py:12`; empty where that is not known.
    pub site: String,
}

impl WorkerError {
    /// A refusal of the system.
    pub(super) fn system(doing: &'static str, source: impl Into<io::Error>) -> WorkerError {
        WorkerError::System { doing, source: Arc::new(source.into()) }
    }
}

impl From<WorkerError> for Stop {
    fn from(error: WorkerError) -> Stop {
        Cause::User(Arc::new(error)).into()
    }
}

impl WorkerFailure {
    /// What a FAIL frame says: four texts, each behind its length.
    pub(super) fn parse(payload: &[u8]) -> Option<WorkerFailure> {
        let [exception, message, traceback, site] = <[String; 4]>::try_from(super::frames::texts(payload)?).ok()?;
        Some(WorkerFailure { exception, message, traceback, site })
    }
}

fn on_new_line(text: &str) -> String {
    let text = text.trim_end();
    if text.is_empty() { String::new() } else { format!("\n{text}") }
}

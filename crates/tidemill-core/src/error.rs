//! What the driver's calls return when they fail.

use crate::Cause;
use crate::lineage::Operator;
use crate::master::MasterError;
use crate::scheduler::{Failure, Outcome};
use crate::settings::SettingError;
use crate::ship::NotShippable;

/// Why a call on a context or an RDD failed. The kinds are what a caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A task failed as often as it may.
    #[error(transparent)]
    Task(#[from] Box<TaskFailure>),
    /// The job was cancelled.
    #[error("{action}: job {job} was cancelled")]
    Cancelled {
        /// The job's id.
        job: u64,
        /// The action that waited for it.
        action: Operator,
    },
    /// The context was stopped.
    #[error("{action}: the context is stopped; make a new one")]
    Stopped {
        /// What was tried.
        action: Operator,
    },
    /// The RDD has no elements, and the action needs one (behaviour 3.25).
    #[error("{0}")]
    Empty(&'static str),
    /// A setting is wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The master is wrong.
    #[error(transparent)]
    Master(#[from] MasterError),
    /// A lineage cannot leave this process.
    #[error(transparent)]
    NotShippable(#[from] NotShippable),
    /// Something failed in the driver itself: a file, a wrong argument.
    #[error("{operator}: {cause}")]
    Driver {
        /// The call.
        operator: Operator,
        /// What went wrong.
        #[source]
        cause: Cause,
    },
}

/// A task that failed as often as it may, and its last failure.
#[derive(Debug, thiserror::Error)]
#[error(
    "job {job} ({action}) failed: {}partition {partition}, attempt {attempts} of {attempts}: {}",
    operator.as_ref().map(|operator| format!("{operator}, ")).unwrap_or_default(),
    cause
)]
pub struct TaskFailure {
    /// The job.
    pub job: u64,
    /// The action that waited for it.
    pub action: Operator,
    /// The stage that the task belongs to.
    pub stage: u64,
    /// The operator whose code failed, with the source line of the call.
    pub operator: Option<Operator>,
    /// The partition.
    pub partition: u32,
    /// How often the task was tried.
    pub attempts: u32,
    /// Why it failed, the last time.
    #[source]
    pub cause: Cause,
}

impl Error {
    /// A failure of the driver's own, in `operator`.
    pub(crate) fn driver(operator: &Operator, cause: impl Into<Cause>) -> Error {
        Error::Driver { operator: operator.clone(), cause: cause.into() }
    }

    /// A job's outcome as an error; `None` where it went well.
    pub(crate) fn of_outcome(job: u64, action: &Operator, outcome: Outcome) -> Option<Error> {
        match outcome {
            Outcome::Done => None,
            Outcome::Cancelled => Some(Error::Cancelled { job, action: action.clone() }),
            Outcome::Failed { task, failures, failure: Failure { cause, operator } } => {
                let (action, stage, partition, attempts) = (action.clone(), task.stage.0, task.partition, failures);
                Some(Error::Task(Box::new(TaskFailure { job, action, stage, operator, partition, attempts, cause })))
            }
        }
    }
}

//! Why a state cannot be loaded.

use std::sync::Arc;

use tidemill_core::Version;

use crate::checkpoint::storage::StorageError;
use crate::state::time_of;

/// Why a state cannot be loaded.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The storage fails.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What was kept cannot be read any more.
    #[error(
        "the state of {operator:?} after the batch of {} cannot be read from {location}{}; restore the files from a copy, \
         or start with another checkpoint directory",
        time_of(*version),
        listed(reasons)
    )]
    Unreadable {
        /// The operator's id.
        operator: String,
        /// The checkpoint.
        location: String,
        /// The version that was to be loaded.
        version: Version,
        /// What cannot be read.
        reasons: Vec<String>,
    },
    /// What was kept does not fit what the program declares.
    #[error("the state of {operator:?} cannot be loaded: {cause}")]
    Load {
        /// The operator's id.
        operator: String,
        /// Why.
        cause: Arc<tidemill_core::Error>,
    },
}

impl StateError {
    pub(super) fn unreadable(operator: &str, location: &str, version: Version, reasons: Vec<String>) -> StateError {
        StateError::Unreadable { operator: operator.into(), location: location.into(), version, reasons }
    }

    pub(super) fn load(operator: &str, cause: tidemill_core::Error) -> StateError {
        StateError::Load { operator: operator.into(), cause: Arc::new(cause) }
    }
}

fn listed(reasons: &[String]) -> String {
    if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) }
}

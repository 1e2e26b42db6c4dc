//! What can be wrong with what the user set: `SettingError`.

use super::{Secrets, Setting};
use crate::master::MasterError;

/// A setting that cannot be used as written. The message says what is allowed and gives an example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// The value is not one that the setting takes.
    #[error("{name} is set to \"{given}\", but it takes {allowed}; try {name}={example}")]
    Refused {
        /// The setting.
        name: &'static str,
        /// The value that was written; hidden where the name or the value looks like a secret.
        given: String,
        /// What may be written.
        allowed: String,
        /// A value that may be written.
        example: &'static str,
    },
    /// The setting asks for what this engine cannot do, whatever its value.
    #[error("{name} cannot be set: {because}; remove it")]
    Never {
        /// The setting.
        name: &'static str,
        /// Why, and what there is in its place.
        because: &'static str,
    },
    /// Two settings that are each fine do not go together.
    #[error("{name} is {given}, but {rule}; {try_this}")]
    Together {
        /// The setting that has to give way.
        name: &'static str,
        /// Its value.
        given: String,
        /// The rule that it breaks, with the other setting's name and value.
        rule: String,
        /// What to do about it.
        try_this: String,
    },
    /// `spark.master` names no master that this build knows.
    #[error(transparent)]
    Master(#[from] MasterError),
}

impl SettingError {
    /// The error for a text that `setting` does not take.
    pub(super) fn refused(setting: &Setting, given: &str) -> SettingError {
        SettingError::Refused {
            name: setting.name,
            given: Secrets::default().shown(setting.name, given).to_owned(),
            allowed: setting.allowed(),
            example: setting.example(),
        }
    }
}

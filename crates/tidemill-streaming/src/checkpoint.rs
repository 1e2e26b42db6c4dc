//! What outlives the process: storage, and the log that all durable parts write to.
//!
//! There is one storage seam ([`storage::Storage`]: files on a local disk, objects in a store) and one log over it
//! ([`log::Log`]), which the driver's batches, received blocks and the states of streams share.

pub mod storage;
pub mod log;
pub mod testing;
pub mod states;
mod error;
mod open;
mod survey;
pub(crate) mod batches;
pub(crate) mod generations;
pub(crate) mod ledger;

pub use error::RecoveryError;
pub use open::Checkpoint;
pub use survey::{Survey, SurveyedBatch, SurveyedOperator, survey};
#[cfg(test)]
mod tests;

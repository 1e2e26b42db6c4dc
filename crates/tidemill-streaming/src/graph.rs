//! The graph of a streaming context: its inputs and its outputs.

use std::panic::Location;
use std::sync::Arc;

use tidemill_core::Timestamp;
use tidemill_core::lineage::Operator;

use crate::error::Error;
use crate::input::Input;

/// What streaming contexts run, batch after batch.
#[derive(Default)]
pub(crate) struct Graph {
    pub(crate) inputs: Vec<Arc<dyn Input>>,
    pub(crate) outputs: Vec<Arc<Output>>,
    /// Streams that remember RDDs of past batches.
    pub(crate) remembering: Vec<std::sync::Weak<dyn Remember>>,
}

/// An output operation: what is done with a stream's RDD of each batch, in order of registration (behaviour 2.38).
pub(crate) struct Output {
    pub(crate) operator: Operator,
    pub(crate) location: &'static Location<'static>,
    /// Makes the job of a batch: `None` where the stream has no RDD for it.
    pub(crate) job: Box<dyn Fn(Timestamp) -> Result<Option<BatchJob>, Error> + Send + Sync>,
}

/// What an output does with one batch.
pub(crate) type BatchJob = Box<dyn FnOnce() -> Result<(), Error> + Send>;

/// Remembers something for each batch, until it is told not to.
pub(crate) trait Remember: Send + Sync {
    /// Drops what is held of batches up to `time`.
    fn forget(&self, time: Timestamp);
}

//! Inputs: where streams begin.

use tidemill_core::Timestamp;

use crate::error::Error;

mod socket;

/// A source of records, as the streaming context drives it. All calls come from threads of the context.
pub trait Input: Send + Sync {
    /// The number that it was made with: no other input of the process has it.
    fn id(&self) -> u32;
    /// Begins to receive.
    ///
    /// # Errors
    /// What keeps it from ever receiving, like a thread that cannot be had; the context is not started then. A sender
    /// that cannot be reached yet is no error.
    fn start(&self) -> Result<(), Error>;
    /// Ends receiving and returns once nothing more will be stored. More calls do nothing.
    fn stop(&self);
    /// Closes the block at hand: a block interval has passed.
    fn cut_block(&self);
    /// Gives all that has arrived, and is in no batch yet, to the batch of `time`.
    fn allocate(&self, time: Timestamp);
    /// Whether something has arrived that is in no batch yet.
    fn has_backlog(&self) -> bool;
    /// Drops what batches up to `time` held.
    fn forget(&self, time: Timestamp);
    /// Drops all that is held, in a batch or not: the context is over.
    fn clear(&self);
}

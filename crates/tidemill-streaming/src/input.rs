//! Inputs: where streams begin.

use tidemill_core::Timestamp;

mod socket;

/// A source of records, as the streaming context drives it. All calls come from threads of the context.
pub trait Input: Send + Sync {
    /// Its place among the inputs of its context.
    fn id(&self) -> u32;
    /// Begins to receive.
    fn start(&self);
    /// Ends receiving and returns once nothing more will be stored.
    fn stop(&self);
    /// Closes the block at hand: a block interval has passed.
    fn cut_block(&self);
    /// Gives all that has arrived, and is in no batch yet, to the batch of `time`.
    fn allocate(&self, time: Timestamp);
    /// Whether something has arrived that is in no batch yet.
    fn has_backlog(&self) -> bool;
    /// Drops what batches up to `time` held.
    fn forget(&self, time: Timestamp);
}

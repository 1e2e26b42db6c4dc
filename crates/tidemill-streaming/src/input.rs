//! Inputs: where streams begin.

use std::sync::Arc;
use std::time::Duration;

use tidemill_core::Timestamp;

use crate::checkpoint::storage::Storage;
use crate::error::Error;
use crate::event::{BatchInfo, InputInfo};

mod direct;
mod files;
mod queue;
mod raw_socket_stream;
mod received;
mod receiver_stream;
mod socket_stream;
mod socket_text_stream;

pub use crate::receiver::socket::Connection;
pub use direct::{DirectOptions, DirectSource, DirectStream, OffsetRange, Offsets, Start};
pub use files::FileOptions;
pub use queue::{QueueOptions, RddQueue};
pub use raw_socket_stream::FRAME_BYTES_MAX;

/// A source of records, as the streaming context drives it. All calls come from threads of the context.
///
/// An input is told when a batch time has come and gives the batch what it is to hold; its stream makes the RDD of it when
/// the batch is run ([`Compute`](crate::dstream::Compute), which is also told what is over).
pub trait Input: Send + Sync {
    /// Its place among the inputs of its context.
    fn id(&self) -> InputId;
    /// What users know it by: Spark's stream name, as `SocketReceiver-0`.
    fn name(&self) -> String;
    /// Says where to keep what must outlive the process, under `id`, which names the input in this run of the program and in
    /// others. Called before [`restore`](Input::restore), where there is a checkpoint directory.
    ///
    /// # Errors
    /// What it keeps there cannot be used; the context is not started then.
    fn attach(&self, _storage: &Arc<dyn Storage>, _id: &str) -> Result<(), Error> {
        Ok(())
    }
    /// Settles where it begins, where it goes on from no earlier run: called before [`start`](Input::start), once. What
    /// [`entry`](Input::entry) says then is kept, for a program that dies before its first batch.
    ///
    /// # Errors
    /// The context is not started.
    fn begin(&self) -> Result<(), Error> {
        Ok(())
    }
    /// Begins to receive.
    ///
    /// # Errors
    /// What keeps it from ever receiving, like a thread that cannot be had; the context is not started then. A sender
    /// that cannot be reached yet is no error.
    fn start(&self) -> Result<(), Error> {
        Ok(())
    }
    /// Ends receiving and returns once nothing more will be stored. More calls do nothing.
    fn stop(&self) {}
    /// Closes the block at hand: a block interval has passed.
    fn cut_block(&self) {}
    /// Whether blocks are to be cut between batches.
    fn has_blocks(&self) -> bool {
        false
    }
    /// Gives the batch of `time` all that has arrived and is in no batch yet, or what else it is to hold; calls come in
    /// order of time, and a second call for one time changes nothing (behaviour 2.31). Returns what listeners are told of
    /// it, `None` for nothing (behaviour 1.63). What goes wrong is kept for the stream's RDD of that time to report.
    fn allocate(&self, time: Timestamp) -> Option<InputInfo>;
    /// What the batch of `time` depends on, as bytes that [`restore`](Input::restore) can read, in a later release too. Asked
    /// once a batch, after [`allocate`](Input::allocate); it is made durable before the batch runs. Empty where the batch
    /// needs nothing.
    fn entry(&self, _time: Timestamp) -> Vec<u8> {
        Vec::new()
    }
    /// Gives the batch of `time` what it had in a run of the program that ended: `entry` is what [`entry`](Input::entry) gave
    /// then. Called before the start, in order of time: for all batches that are to be run again or that windows look back
    /// at, and in any case for the last one that was planned, so that the input knows how far it had come. What was received
    /// since then goes to the first new batch (behaviour 6.20).
    ///
    /// # Errors
    /// The entry cannot be read, or speaks of what is not there any more; the context is not started then.
    fn restore(&self, _time: Timestamp, _entry: &[u8]) -> Result<(), Error> {
        Ok(())
    }
    /// Whether what batches from `from` on have of an earlier run can be had, and what comes after them. Called once all is
    /// restored.
    ///
    /// # Errors
    /// It does not fit the program; the context is not started then.
    fn check(&self, _from: Timestamp) -> Result<(), Error> {
        Ok(())
    }
    /// What the batch of `time` holds after all, as an entry, where [`restore`](Input::restore) was told that this could not be
    /// had when the batch was planned; `None` for all others. Called after all that is restored, in order of time, for
    /// batches that are run again; what it returns is durable before they run.
    fn ask_again(&self, _time: Timestamp) -> Option<Vec<u8>> {
        None
    }
    /// For how long after its time a batch's entry is needed, besides what windows look back: so an input may tell what it has
    /// taken already.
    fn keeps(&self) -> Duration {
        Duration::ZERO
    }
    /// No batch before this time will be restored any more: what is durable for such batches alone may go. Called after
    /// their entries are gone for good, in order of time.
    fn release(&self, _before: Timestamp) {}
    /// Whether something has arrived that is in no batch yet: a graceful stop makes one more batch for it.
    fn has_backlog(&self) -> bool {
        false
    }
    /// A batch is over: called for each, in order, so that an input can adapt its rate (behaviour 2.30).
    fn completed(&self, _batch: &BatchInfo) {}
    /// Drops all that is held, in a batch or not: the context is over.
    fn clear(&self) {}
}

/// Names an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InputId {
    /// Counts the inputs of the streaming context, from 0, in order of creation (behaviour 2.12).
    pub stream: u32,
    /// A number that no other input of the process has: it names the input's blocks in the store, which streaming
    /// contexts may share.
    pub blocks: u32,
}

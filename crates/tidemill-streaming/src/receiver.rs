//! Receivers: threads of their own that take in records and cut them into blocks.
//!
//! A program implements [`Receiver`] for a source that pushes, or that must be asked without end: its `run` stores what
//! comes through a [`Supervisor`] until it is told to stop. How often it is started, what its memory and its rate are, and
//! which batch a record belongs to is not its business.
//!
//! Records are kept in memory until their batch is over. Where memory for them is short (`tidemill.memory.received.limit`)
//! or the rate is reached, storing waits; a receiver that reads from a connection then reads nothing, and its sender waits
//! as well. Nothing is dropped.
//!
//! With `spark.streaming.receiver.writeAheadLog.enable` each block is written to the checkpoint directory before a batch sees
//! it, and survives the end of the process. What is there need not be in memory: a batch that is far behind reads it again.

use std::error::Error as StdError;
use std::time::Duration;

use tidemill_core::{Cause, Element, StorageLevel};

use crate::dead_letter::OnError;

pub(crate) mod blocks;
pub(crate) mod form;
pub(crate) mod life;
pub(crate) mod log;
mod queue;
pub(crate) mod records;
pub(crate) mod socket;
mod supervisor;
pub(crate) mod text;

pub(crate) use supervisor::Supervised;
pub use supervisor::Supervisor;

/// What a receiver may fail with: any error, so that `?` works on all of them.
pub type ReceiverError = Box<dyn StdError + Send + Sync>;

/// The receiver is stopped, and what was to be stored is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the receiver is stopped")]
pub struct Stopped;

/// Why a block was not stored. Whoever acknowledges to its source does so only where there is no error.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The receiver is stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The log did not take the block in time.
    #[error(
        "{stream}: a block was not in the log within {limit:?} (spark.streaming.receiver.blockStoreTimeout); is the disk \
         slow? Do not acknowledge it, though it may come into a batch all the same"
    )]
    Late {
        /// The stream.
        stream: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The log cannot be written.
    #[error("{stream}: received blocks cannot be written to the log: {cause}")]
    Log {
        /// The stream.
        stream: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// The records cannot become bytes, which the log needs.
    #[error("{stream}: received records cannot be logged, and are dropped: {cause}")]
    Encode {
        /// The stream.
        stream: String,
        /// Why.
        #[source]
        cause: Cause,
    },
}

/// A source of records of a program's own: Spark's `Receiver` (behaviour 2.24 to 2.28).
///
/// It runs on a thread of its own and takes no task slot. Whenever a run ends, by its source's end, by an error or by a
/// panic, the next begins after `spark.streaming.receiverRestartDelay`, until the context stops.
///
/// ```
/// use std::time::Duration;
/// use tidemill_streaming::receiver::{Receiver, ReceiverError, Supervisor};
///
/// /// Counts up, ten numbers a second.
/// struct Counter;
///
/// impl Receiver for Counter {
///     type Item = u64;
///
///     fn run(&self, to: &Supervisor<u64>) -> Result<(), ReceiverError> {
///         for number in 0.. {
///             to.store(number)?;
///             if !to.wait(Duration::from_millis(100)) {
///                 break;
///             }
///         }
///         Ok(())
///     }
/// }
///
/// let context = tidemill_core::Context::local(2)?;
/// let streaming = tidemill_streaming::StreamingContext::new(&context, Duration::from_secs(1))?;
/// streaming.receiver_stream(Counter).map(|number| number % 2 == 0).print(10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Receiver: Send + Sync + 'static {
    /// What it brings in.
    type Item: Element;

    /// Receives: stores what comes until [`Supervisor::is_stopped`] says to end, or until the source ends. Called on a
    /// thread that it may block; what it waits for is ended by [`Supervisor::on_stop`].
    ///
    /// # Errors
    /// Whatever ends this run; it is reported, and another run begins after the delay.
    fn run(&self, to: &Supervisor<Self::Item>) -> Result<(), ReceiverError>;

    /// What users know it by, before the number of its stream: the name of its type.
    fn name(&self) -> String {
        let path = std::any::type_name::<Self>();
        let path = path.split('<').next().unwrap_or(path);
        path.rsplit("::").next().unwrap_or(path).to_owned()
    }

    /// The executor on which it would best run: Spark's `preferredLocation`.
    fn home(&self) -> Option<String> {
        None
    }
}

/// How what a receiver brings in is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverOptions {
    /// Where records are kept until their batch is over. They are always kept once, as values, in memory, and a receiver
    /// waits where memory is short, so no level loses records; disk and replicas have no meaning for them. What is to
    /// survive the process goes to the log, whatever the level.
    pub level: StorageLevel,
    /// What becomes of what cannot be read.
    pub on_error: OnError,
}

impl Default for ReceiverOptions {
    fn default() -> ReceiverOptions {
        ReceiverOptions { level: StorageLevel::MEMORY_AND_DISK, on_error: OnError::Fail }
    }
}

/// Where a receiver gathers what is in no block yet.
pub(crate) trait Gather: Send + Sync {
    /// Makes a block of what is there.
    fn cut(&self);
}

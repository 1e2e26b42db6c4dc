//! What happens to batches and receivers, as listeners are told (behaviour 1.59 to 1.64).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidemill_core::Timestamp;
use tidemill_core::lineage::Operator;

/// Something that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StreamingEvent {
    /// The context was started: Spark's `onStreamingStarted`.
    Started {
        /// When.
        time: Timestamp,
    },
    /// The context goes on from a checkpoint and has to catch up. Spark tells listeners nothing of it.
    Recovered(CatchUp),
    /// A batch has its input and waits for its turn.
    BatchSubmitted(Arc<BatchInfo>),
    /// A batch is run.
    BatchStarted(Arc<BatchInfo>),
    /// All outputs of a batch are done, well or not.
    BatchCompleted(Arc<BatchInfo>),
    /// An output of a batch begins.
    OutputStarted(OutputInfo),
    /// An output of a batch is done, well or not.
    OutputCompleted(OutputInfo),
    /// A receiver runs.
    ReceiverStarted(ReceiverInfo),
    /// A receiver reports something that went wrong, and goes on.
    ReceiverError(ReceiverInfo),
    /// A receiver ended, perhaps to be started again.
    ReceiverStopped(ReceiverInfo),
}

/// What a context that goes on from a checkpoint has to catch up with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatchUp {
    /// When it was started.
    pub time: Timestamp,
    /// The last batch that was planned before.
    pub last: Timestamp,
    /// The batches that were planned and not done: they run first, with the input that they had.
    pub unfinished: Vec<Timestamp>,
    /// How many batch times have passed since the last batch: each gets its batch.
    pub missed: u64,
}

/// What is known of a batch: Spark's `BatchInfo` (behaviour 1.61).
#[derive(Clone, Debug, PartialEq)]
pub struct BatchInfo {
    /// Its time.
    pub time: Timestamp,
    /// What each input gave it, by the input's number; queues say nothing (behaviour 1.63).
    pub inputs: BTreeMap<u32, InputInfo>,
    /// When it got its input.
    pub submitted: Timestamp,
    /// When its first job began.
    pub started: Option<Timestamp>,
    /// When its last job ended.
    pub completed: Option<Timestamp>,
    /// Its outputs so far, in order of registration.
    pub outputs: Vec<OutputInfo>,
}

impl BatchInfo {
    /// How many records it holds, as far as its inputs count them.
    pub fn records(&self) -> u64 {
        self.inputs.values().map(|input| input.records).sum()
    }

    /// How long it waited for its turn.
    pub fn scheduling_delay(&self) -> Option<Duration> {
        Some(self.started?.since(self.submitted))
    }

    /// How long it ran.
    pub fn processing_delay(&self) -> Option<Duration> {
        Some(self.completed?.since(self.started?))
    }

    /// Both: from its submission to its end.
    pub fn total_delay(&self) -> Option<Duration> {
        Some(self.completed?.since(self.submitted))
    }
}

/// What an input gave to a batch: Spark's `StreamInputInfo` (behaviour 1.63).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputInfo {
    /// How many records, as far as is known without reading them.
    pub records: u64,
    /// More about it, as the names of files.
    pub metadata: BTreeMap<String, String>,
    /// The metadata in words for a person: Spark's `Description`.
    pub description: Option<String>,
}

/// What is known of an output of a batch: Spark's `OutputOperationInfo` (behaviour 1.62).
#[derive(Clone, Debug, PartialEq)]
pub struct OutputInfo {
    /// The batch.
    pub time: Timestamp,
    /// Counts the outputs of the context, from 0.
    pub id: u32,
    /// The output, with the source line of its call.
    pub operator: Operator,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it was done.
    pub completed: Option<Timestamp>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// What is known of a receiver: Spark's `ReceiverInfo` (behaviour 1.60).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiverInfo {
    /// The number of its input.
    pub stream: u32,
    /// Its name, as `SocketReceiver-0`.
    pub name: String,
    /// Whether it runs.
    pub active: bool,
    /// Where it runs.
    pub location: String,
    /// What it reported last.
    pub last_error: Option<String>,
    /// When.
    pub last_error_time: Option<Timestamp>,
}

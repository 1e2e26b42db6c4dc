//! What a streaming context reports.

use std::path::PathBuf;

use tidemill_core::Timestamp;
use tidemill_core::lineage::Operator;

use crate::checkpoint::RecoveryError;
use crate::checkpoint::storage::StorageError;

/// Why a call on a streaming context failed, or why a batch did.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing would be done with any stream (behaviour 1.6).
    #[error("requirement failed: No output operations registered, so nothing to execute; add `print` or `foreach_rdd`")]
    NoOutputs,
    /// The context was stopped before (behaviour 1.6).
    #[error("StreamingContext has already been stopped; make a new one")]
    AlreadyStopped,
    /// A stream or output was added after the start.
    #[error(
        "{operator}: adding new inputs, transformations, and output operations after starting a context is not supported"
    )]
    AlreadyStarted {
        /// What was added.
        operator: Operator,
    },
    /// The batch interval is zero or no whole number of milliseconds.
    #[error("a batch interval of {0:?}: use a whole number of milliseconds, at least 1")]
    Interval(std::time::Duration),
    /// How long streams remember was set before (behaviour 1.10).
    #[error("Remember duration already set as {set:?}. Cannot set it again. (It was to become {asked:?}.)")]
    RememberSet {
        /// What was set.
        set: std::time::Duration,
        /// What was asked for now.
        asked: std::time::Duration,
    },
    /// The checkpoint directory cannot be made.
    #[error("the checkpoint directory {} cannot be made: {cause}", directory.display())]
    Checkpoint {
        /// The directory.
        directory: PathBuf,
        /// Why.
        #[source]
        cause: std::sync::Arc<tidemill_core::Error>,
    },
    /// The program cannot go on from a checkpoint, or not begin one.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// What a batch holds could not be written to the checkpoint directory, so the batch is not run. It is tried again with the
    /// next batch; nothing is lost.
    #[error("batch {time} waits: what it holds cannot be logged: {cause}")]
    Unlogged {
        /// The batch.
        time: Timestamp,
        /// Why.
        #[source]
        cause: StorageError,
    },
    /// That batches are done, or the states that they made, could not be written to the checkpoint directory: a restart would
    /// run them again. Later batches go on.
    #[error("batches that are done ({}) are not safe yet: {cause}", times.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Unfinished {
        /// The batches.
        times: Vec<Timestamp>,
        /// Why.
        #[source]
        cause: StorageError,
    },
    /// Received blocks are to be logged, and there is no place for the log (behaviour 2.32).
    #[error(
        "{input}: Cannot enable receiver write-ahead log without checkpoint directory set. Please use \
         streamingContext.checkpoint() to set the checkpoint directory, or set spark.streaming.checkpoint.directory."
    )]
    LogWithoutCheckpoint {
        /// The input.
        input: String,
    },
    /// The log of what an input receives cannot be used, or what it had received before cannot be restored.
    #[error("{input}: {cause}")]
    Received {
        /// The input.
        input: String,
        /// Why.
        #[source]
        cause: tidemill_core::Cause,
    },
    /// An operator needs a checkpoint directory (behaviour 1.39).
    #[error("{operator}: The checkpoint directory has not been set. Please set it by StreamingContext.checkpoint().")]
    NoCheckpointDirectory {
        /// The operator.
        operator: Operator,
    },
    /// The interval of a stream's checkpoints does not go with its slide (behaviour 1.39).
    #[error(
        "{operator}: The checkpoint interval {interval:?} is {}; use {slide:?} or a multiple of it",
        if interval < slide { format!("lower than its slide time {slide:?}") } else {
            format!("not a multiple of its slide time {slide:?}")
        }
    )]
    CheckpointInterval {
        /// The stream.
        operator: Operator,
        /// What was asked for.
        interval: std::time::Duration,
        /// The time from one RDD of the stream to the next.
        slide: std::time::Duration,
    },
    /// A window does not go with the stream that it is over (behaviour 1.50).
    #[error(
        "{operator}: The {what} duration of windowed DStream ({}) must be a multiple of the slide duration of parent DStream \
         ({}); use that or a multiple of it",
        spark_duration(duration),
        spark_duration(parent)
    )]
    Window {
        /// The operator.
        operator: Operator,
        /// Which duration: "window" or "slide".
        what: &'static str,
        /// What was asked for.
        duration: std::time::Duration,
        /// The time from one RDD of the parent to the next.
        parent: std::time::Duration,
    },
    /// An operator on several streams was given none (behaviour 1.18).
    #[error("{operator}: List of DStreams is empty; give at least one")]
    NoStreams {
        /// The operator.
        operator: Operator,
    },
    /// The streams of an operator do not have their RDDs at the same times (behaviour 1.17, 1.18).
    #[error(
        "{operator}: requirement failed: Some of the DStreams have different slide durations: {slides:?}; bring them to one, \
         for instance by windows of the same slide"
    )]
    DifferentSlides {
        /// The operator.
        operator: Operator,
        /// The time from one RDD to the next of each stream.
        slides: Vec<std::time::Duration>,
    },
    /// The streams of an operator are not of one streaming context (behaviour 1.17).
    #[error("{operator}: requirement failed: Some of the DStreams have different contexts; make all of them with one")]
    DifferentContexts {
        /// The operator.
        operator: Operator,
    },
    /// An argument of an operator is wrong.
    #[error("{cause}")]
    Argument {
        /// What is wrong with it, and the operator.
        #[source]
        cause: std::sync::Arc<tidemill_core::Error>,
    },
    /// Something was asked of a stream that cannot change any more (behaviour 1.38, 1.39).
    #[error(
        "{operator}: Cannot change {what} of a DStream after streaming context has started; ask for it before `start`"
    )]
    Unchangeable {
        /// The stream.
        operator: Operator,
        /// What was to change.
        what: &'static str,
    },
    /// RDDs of a stream were asked for before the start, when it has no grid of times yet (behaviour 1.49).
    #[error("{operator} has not been initialized; start the streaming context first")]
    NotInitialized {
        /// The stream.
        operator: Operator,
    },
    /// A stream has no RDD for a batch, and an operator that reads it needs one (behaviour 1.17, 1.18).
    #[error(
        "batch {time} is lost: {operator}: Couldn't generate RDD from parent at time {time}: {parent} has none; let it \
         give an empty RDD instead"
    )]
    MissingRdd {
        /// The batch.
        time: Timestamp,
        /// The operator.
        operator: Operator,
        /// The stream that it reads.
        parent: Operator,
    },
    /// An input can never have records as it was declared, so the context does not start.
    #[error("{input}: {cause}")]
    InputStart {
        /// The input.
        input: Operator,
        /// Why.
        #[source]
        cause: tidemill_core::Cause,
    },
    /// An input could not say what a batch holds, or what it took for the batch cannot be read any more; none of the
    /// outputs of the batch ran, and later batches go on (behaviour 2.40).
    #[error("batch {time} is lost: {input}: {cause}")]
    Input {
        /// The batch.
        time: Timestamp,
        /// The input.
        input: Operator,
        /// Why.
        #[source]
        cause: tidemill_core::Cause,
    },
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(String),
    /// A thread of the context ended by a panic, and the context with it. This is a bug of Tidemill or of a connector.
    #[error("the thread `{name}` of the streaming context panicked, so the context is stopped: {panic}")]
    ThreadPanicked {
        /// The thread.
        name: &'static str,
        /// What the panic said.
        panic: String,
    },
    /// The RDDs of a batch could not be made, so none of its outputs ran; later batches go on (behaviour 2.40).
    #[error("batch {time} is lost: the RDD of {output} cannot be made: {cause}")]
    Generate {
        /// The batch.
        time: Timestamp,
        /// The output whose RDD was to be made.
        output: Operator,
        /// Why.
        #[source]
        cause: tidemill_core::Cause,
    },
    /// A stateful stream could not take the step of a batch: its state is as if the batch had been empty, and outputs that
    /// need it fail; later batches go on from there.
    #[error("batch {time}, {operator}: {cause}; its state is left as it was before this batch")]
    State {
        /// The batch.
        time: Timestamp,
        /// The stateful stream.
        operator: Operator,
        /// Why.
        #[source]
        cause: std::sync::Arc<tidemill_core::Error>,
    },
    /// An output of a batch failed; later batches go on.
    #[error("batch {time}, {output}: {cause}")]
    Batch {
        /// The batch.
        time: Timestamp,
        /// The output.
        output: Operator,
        /// Why.
        #[source]
        cause: std::sync::Arc<tidemill_core::Error>,
    },
    /// The user's function in an output returned an error or panicked; later batches go on.
    #[error("batch {time}, {output}: {cause}")]
    Output {
        /// The batch.
        time: Timestamp,
        /// The output.
        output: Operator,
        /// What it said.
        #[source]
        cause: tidemill_core::Cause,
    },
}

/// A duration as Spark prints it, in milliseconds.
fn spark_duration(duration: &std::time::Duration) -> String {
    let part = duration.subsec_nanos() % 1_000_000;
    if part == 0 { format!("{} ms", duration.as_millis()) } else { format!("{duration:?}") }
}

//! What happens in the engine, as told to listeners: `Event`, `Listener`, and the bus between them.
//!
//! An event is plain numbers and texts, so that a listener needs to know nothing else of the engine. Times are
//! milliseconds since 1970-01-01 00:00 UTC.

mod bus;
mod progress;

pub use bus::{EventBus, ListenerError, ListenerHandle};
pub use progress::{ConsoleProgress, StageProgress, draw};

/// Is told what happens: events of the engine (Spark's `SparkListener`) or of another kind `E`.
pub trait Listener<E = Event>: Send {
    /// One event; they come in order, on a thread of the listener's own. It may take its time: events wait for it up
    /// to `tidemill.event.queue.limit`, and the engine never does. A listener that panics is removed.
    fn on_event(&mut self, event: &E);
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A job was submitted.
    JobStarted {
        /// The job.
        job: u64,
        /// The stages that it needs, in the order of their ids; some may be skipped.
        stages: Vec<StageInfo>,
        /// What the program says that the job is.
        description: Option<String>,
        /// The group that the program put the job in.
        group: Option<String>,
        /// The action of the program that started the job, with its file and line.
        call_site: String,
        /// When, in milliseconds since 1970.
        at_millis: u64,
    },
    /// A job is over.
    JobEnded {
        /// The job.
        job: u64,
        /// How it ended.
        outcome: Outcome,
        /// When, in milliseconds since 1970.
        at_millis: u64,
    },
    /// A stage's tasks may run.
    StageSubmitted {
        /// The job that it runs for.
        job: u64,
        /// The stage.
        stage: StageInfo,
        /// Counts how often the stage was submitted before, from 0.
        attempt: u32,
        /// When, in milliseconds since 1970.
        at_millis: u64,
    },
    /// A stage is over.
    StageCompleted {
        /// The job that it ran for.
        job: u64,
        /// The stage.
        stage: u64,
        /// Counts how often the stage was submitted before, from 0.
        attempt: u32,
        /// Why it failed, if it did.
        failure: Option<String>,
        /// When, in milliseconds since 1970.
        at_millis: u64,
    },
    /// A stage does not run because what it would write is there already.
    StageSkipped {
        /// The job that needs it.
        job: u64,
        /// The stage.
        stage: u64,
    },
    /// A task began.
    TaskStarted {
        /// The task.
        task: TaskId,
        /// When, in milliseconds since 1970.
        at_millis: u64,
    },
    /// A task is over.
    TaskEnded {
        /// The task.
        task: TaskId,
        /// How it ended.
        outcome: Outcome,
        /// What it did.
        metrics: TaskMetrics,
        /// When, in milliseconds since 1970.
        at_millis: u64,
    },
    /// A block was dropped from memory to make room, and must be made again when it is needed.
    BlockEvicted {
        /// The block's name: `rdd_3_0`.
        block: String,
        /// The memory that became free.
        bytes: u64,
    },
    /// A block went from memory to disk to make room.
    BlockSpilled {
        /// The block's name: `rdd_3_0`.
        block: String,
        /// The memory that became free.
        bytes: u64,
    },
    /// A thread was given up, with the function of the program that does not return, and another took its place.
    ThreadReplaced {
        /// The name of the thread that was given up.
        name: String,
    },
}

/// What is known of a stage before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageInfo {
    /// The stage.
    pub id: u64,
    /// The operator that it ends with, with its file and line.
    pub name: String,
    /// How many tasks it has.
    pub tasks: u32,
}

/// Names one try of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// The job that it runs for.
    pub job: u64,
    /// Its stage.
    pub stage: u64,
    /// The partition that it computes.
    pub partition: u32,
    /// Counts the tries before this one, from 0.
    pub attempt: u32,
}

/// How a job or a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it was to do.
    Succeeded,
    /// It was told to stop.
    Cancelled,
    /// It could not; the text says why.
    Failed(String),
}

/// What a task did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskMetrics {
    /// How long it ran, in microseconds.
    pub duration_micros: u64,
    /// Records that it read from sources and shuffles.
    pub records_read: u64,
    /// Bytes that it read from sources and shuffles.
    pub bytes_read: u64,
    /// Records that it wrote to shuffles and files.
    pub records_written: u64,
    /// Bytes that it wrote to shuffles and files.
    pub bytes_written: u64,
    /// Bytes that it put on disk because memory was short.
    pub bytes_spilled: u64,
}

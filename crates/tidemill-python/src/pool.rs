//! Worker processes that run Python functions: what the engine asks of them, and nothing of Python objects or RDDs.
//!
//! A [`Pool`] starts one *zygote*, a Python process with a single thread that has imported what every worker needs, and
//! forks workers from it when tasks ask for them. A task talks with one worker over a Unix socket of its own; the thread
//! that runs the task polls both directions and blocks in neither. Workers stay warm between tasks. No process outlives
//! the driver, however that ends: the zygote watches the driver, and the kernel kills workers whose zygote is gone.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tidemill_core::task::TaskContext;
use tidemill_core::{Stop, TextBlock};

mod connection;
mod crew;
mod failure;
mod fate;
mod frames;
mod lanes;
mod link;
mod running;
#[cfg(test)]
mod tests;
mod zygote;

pub use crew::Pool;
pub use failure::{WorkerError, WorkerFailure};
pub use lanes::{Hold, Input, Lanes, Output, Request};

/// Runs work in worker processes. The seam for other kinds of workers.
pub trait Workers: Send + Sync {
    /// Takes a worker for one task. Nothing is sent before the first [`Running::next`].
    ///
    /// # Errors
    /// No worker can be started, or the workers were stopped.
    fn start(&self, work: &Arc<Work>, head: TaskHead) -> Result<Box<dyn Running>, WorkerError>;

    /// The process ids of all workers that live.
    fn pids(&self) -> Vec<u32>;

    /// Ends all processes at once; running tasks fail.
    fn stop(&self);
}

/// One task on a worker. Dropping it early ends the task there.
pub trait Running: Send {
    /// The next frame that the worker made; `None` once it is done. Input is drawn from `feed` when the worker has room
    /// for it, and only until it says that it is done.
    ///
    /// # Errors
    /// Those of the feed; [`Stop::Cancelled`] if the task is; a [`WorkerError`] as a [`Cause::User`] if the functions
    /// failed or the worker died.
    ///
    /// [`Cause::User`]: tidemill_core::Cause::User
    fn next(&mut self, feed: &mut dyn Feed, cx: &TaskContext) -> Result<Option<Frame>, Stop>;

    /// What the task added to accumulators: a pickle of `[(id, value), ...]`. There is something after the end only, once.
    fn updates(&mut self) -> Option<Vec<u8>>;
}

/// Gives a worker its input.
pub trait Feed {
    /// The next frame; `None` at the end. It is not asked again after that.
    ///
    /// # Errors
    /// Those of making the input.
    fn next(&mut self) -> Result<Option<Frame>, Stop>;
}

/// A feed without input.
impl Feed for () {
    fn next(&mut self) -> Result<Option<Frame>, Stop> {
        Ok(None)
    }
}

/// A chain of functions that workers run, as a pickled description. Workers forget it some time after it is dropped.
pub struct Work {
    id: u32,
    description: Arc<Vec<u8>>,
    frozen: bool,
}

impl Work {
    /// The chain with this pickled description. It stays unpickled in workers between tasks if it is `frozen`: nothing that
    /// it captures can change.
    pub fn new(description: Vec<u8>, frozen: bool) -> Arc<Work> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Arc::new(Work { id, description: Arc::new(description), frozen })
    }
}

impl Work {
    /// Whether it was made of this.
    pub fn is(&self, description: &[u8], frozen: bool) -> bool {
        *self.description == *description && self.frozen == frozen
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts the works that were dropped, so that a worker looks for what it may forget only when there is something.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// A batch of records on its way.
#[derive(Debug)]
pub struct Frame {
    /// How the payload is written: see `worker/formats.py`.
    pub format: u16,
    /// The bucket that it belongs to; 0 where there are none.
    pub bucket: u32,
    /// The number of records; 0 for text that was not counted.
    pub count: u32,
    /// The records.
    pub payload: Payload,
}

/// The bytes of a frame.
#[derive(Clone, Debug)]
pub enum Payload {
    /// Bytes of its own. What workers send is of this kind, with [`PADDING`](tidemill_core::text::PADDING) bytes of
    /// capacity to spare.
    Owned(Vec<u8>),
    /// Bytes that others hold too.
    Shared(Arc<Vec<u8>>),
    /// A part of a block of text, in bytes.
    Text(TextBlock, Range<usize>),
}

impl Payload {
    /// No bytes.
    pub const EMPTY: Payload = Payload::Owned(Vec::new());

    /// The bytes in a vector of their own, copied where they are not.
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Payload::Owned(bytes) => bytes,
            Payload::Shared(_) | Payload::Text(..) => self.as_ref().to_vec(),
        }
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        match self {
            Payload::Owned(bytes) => bytes,
            Payload::Shared(bytes) => bytes,
            Payload::Text(block, range) => block.as_str().as_bytes().get(range.clone()).unwrap_or_default(),
        }
    }
}

/// What a worker is told about a task: the values of PySpark's `TaskContext`.
#[derive(Clone, Debug, Default)]
pub struct TaskHead {
    /// Names the attempt among all of its context.
    pub task: u64,
    /// The stage.
    pub stage: u64,
    /// The partition.
    pub partition: u32,
    /// Counts the attempts at the partition, from 0.
    pub attempt: u32,
    /// The cores that the task may use.
    pub cpus: u32,
    /// The properties of the job.
    pub properties: BTreeMap<String, String>,
}

/// How the processes are started.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// The interpreter.
    pub python: PathBuf,
    /// The folder in which the package `tidemill` lies.
    pub package: PathBuf,
    /// The driver's `sys.path`; workers get it too.
    pub sys_path: Vec<String>,
    /// The folder in which workers run.
    pub cwd: PathBuf,
    /// Environment variables of the workers, beside the driver's.
    pub environment: BTreeMap<String, String>,
    /// The folder with the files of broadcasts.
    pub broadcasts: PathBuf,
    /// The folder with files that were added to the context.
    pub files: PathBuf,
    /// The folders for what workers spill; the system's temporary one if there are none.
    pub scratch: Vec<PathBuf>,
    /// Whether `import pyspark` means this package in workers.
    pub pyspark_alias: bool,
    /// So many bytes may a worker's tables take before it hands them on or spills them.
    pub memory: u64,
    /// So many bytes may a worker add to what it starts with before its allocations fail; 0 for no such limit.
    pub hard_memory: u64,
    /// So many idle workers are kept for good; others end after a while.
    pub warm: usize,
    /// What the interpreter has to be, if it has to be anything.
    pub expected: Option<Interpreter>,
}

/// What two Pythons must have in common to understand each other's functions and to place keys alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// Major and minor version.
    pub version: (u32, u32),
    /// `hash("tidemill")` under `PYTHONHASHSEED=0`.
    pub hash: i64,
}

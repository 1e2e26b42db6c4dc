//! Settings of Python programs: the processes that run their functions.

use super::settings;
use crate::settings::{Bounds, ByteSize, Setting, SettingKey, Unit};

settings! {
    /// The interpreter that runs functions in tasks: the driver's minor version. The variable `PYSPARK_PYTHON` stands for it
    /// where it is not set.
    PYSPARK_PYTHON: Option<String> = "spark.pyspark.python", absent("the driver's");
    /// How much memory a Python worker may take before it hands on, or spills, the tables in which it merges by key; and how
    /// much the states of `updateStateByKey` may take in each worker that keeps some, as estimated from their size in bytes.
    /// Beyond, it keeps those of fewer partitions, and is sent the others again in each batch.
    PYTHON_WORKER_MEMORY: ByteSize = "spark.python.worker.memory",
        default("512m"), plain(Unit::Mebibytes), bounds(Bounds::AboveZero), row("4.63");
    /// How much memory a Python worker may take beyond what it starts with before its allocations fail with a
    /// `MemoryError`; 0 is no limit.
    PYTHON_WORKER_HARD_MEMORY: ByteSize = "tidemill.python.worker.memory.hard", default("0"), plain(Unit::Mebibytes);
    /// Whether a Python worker goes on to the next task.
    PYTHON_WORKER_REUSE: bool = "spark.python.worker.reuse", default("true"), row("4.63"),
        no_effect("workers are always reused: starting from a fork costs as much as a task");
    /// Whether the time that functions of Python programs take in tasks is measured.
    PYTHON_PROFILE: bool = "spark.python.profile", default("false");
    /// The folder that the profiles are written to when the context stops.
    PYTHON_PROFILE_DUMP: Option<String> = "spark.python.profile.dump", absent("nowhere");
}

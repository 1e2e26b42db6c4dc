//! Settings of the engine: the application, jobs, tasks, shuffles and files.

use std::time::Duration;

use super::settings;
use crate::log::LogLevel;
use crate::settings::{Bounds, ByteSize, HashSeed, SchedulerMode, Setting, SettingKey, Unit};

/// The codecs of Spark, by its short names.
const CODECS: &[&str] = &["lz4", "lzf", "snappy", "zstd"];

settings! {
    /// Where the program runs: `local`, `local[4]`, `local[*]`, or `local[4,3]` with the tries that each task has.
    MASTER: String = "spark.master", default("local[*]"), row("4.55");
    /// The name of the program, by which its checkpoint can be told from others.
    APP_NAME: Option<String> = "spark.app.name", row("4.55");
    /// The most cores that a cluster gives the program. A local master has the threads that it names.
    CORES_MAX: Option<usize> = "spark.cores.max", absent("all there are"), bounds(Bounds::AboveZero), row("4.55"),
        no_effect("there are no clusters");
    /// How many partitions a shuffle or `parallelize` makes when the program gives no number.
    DEFAULT_PARALLELISM: Option<usize> = "spark.default.parallelism",
        absent("the threads of the master"), bounds(Bounds::AboveZero), row("4.54");
    /// How often a task may fail before its job does. A local master does not retry unless it is told to.
    TASK_MAX_FAILURES: Option<u32> = "spark.task.maxFailures",
        absent("1, or the F of local[N,F]"), bounds(Bounds::AboveZero), row("4.57");
    /// How often in a row a stage may lose its input and start again before its job fails.
    STAGE_MAX_CONSECUTIVE_ATTEMPTS: u32 = "spark.stage.maxConsecutiveAttempts",
        default("4"), bounds(Bounds::AboveZero), row("4.58");
    /// Who gets the next free slot: FIFO, the job submitted first; FAIR, the pool furthest below its share.
    SCHEDULER_MODE: SchedulerMode = "spark.scheduler.mode", default("FIFO"), row("4.62");
    /// Whether partitions that are stored as bytes are compressed.
    RDD_COMPRESS: bool = "spark.rdd.compress", default("false"), row("4.61"),
        no_effect("nothing that is stored is compressed");
    /// How what is stored is compressed, by Spark's names.
    IO_COMPRESSION_CODEC: String = "spark.io.compression.codec", default("lz4"), bounds(Bounds::OneOf(CODECS)), row("4.61"),
        no_effect("nothing that is stored is compressed");
    /// Whether the checkpoint of an RDD is compressed.
    CHECKPOINT_COMPRESS: bool = "spark.checkpoint.compress", default("false"), row("4.61"),
        no_effect("checkpoints are not compressed");
    /// Whether saving fails if its folder exists already. Saves within a stream never do.
    VALIDATE_OUTPUT_SPECS: bool = "spark.hadoop.validateOutputSpecs", default("true"), row("4.64");
    /// Folders for spilled and stored data, separated by commas: files go to each in turn. One that cannot be written, or
    /// whose disk is full, is left out with a warning while another can.
    LOCAL_DIR: Option<String> = "spark.local.dir", absent("the system's folder for temporary files"), row("4.68");
    /// The most bytes of results that may be on their way to the program; 0 is no limit of its own. It stands for
    /// `tidemill.memory.results.limit` where that is not set.
    MAX_RESULT_SIZE: Option<ByteSize> = "spark.driver.maxResultSize",
        absent("`tidemill.memory.results.limit`"), row("4.68");
    /// How long one process waits for another before it takes it for lost.
    NETWORK_TIMEOUT: Duration = "spark.network.timeout",
        default("120s"), plain(Unit::Seconds), bounds(Bounds::AboveZero), row("4.68"),
        no_effect("there are no clusters");
    /// How often an executor tells the driver that it lives; must be less than `spark.network.timeout`.
    HEARTBEAT_INTERVAL: Duration = "spark.executor.heartbeatInterval",
        default("10s"), bounds(Bounds::AboveZero), row("4.68"), no_effect("there are no clusters");
    /// What the logs tell, over what the program set before: ALL, TRACE, DEBUG, INFO, WARN, ERROR, FATAL or OFF.
    LOG_LEVEL: Option<LogLevel> = "spark.log.level", absent("WARN");
    /// What the hash of keys starts from: "fixed" (0) or a number gives the same order of results in every run;
    /// "random" is for keys that an attacker may choose.
    HASH_SEED: HashSeed = "tidemill.hash.seed", default("fixed");
    /// How long stopping waits for functions of the program that do not end.
    STOP_TIMEOUT: Duration = "tidemill.stop.timeout", default("2s");
    /// How long a cancelled task may run on before its thread is given up and replaced.
    TASK_STUCK_TIMEOUT: Duration = "tidemill.task.stuck.timeout", default("1s");
    /// Text files larger than this are read in several partitions of this size, if they can be cut.
    TEXT_SPLIT_SIZE: ByteSize = "tidemill.text.split.size", default("32m"), bounds(Bounds::AboveZero);
    /// The longest line that a receiver takes, or half of what all received data may take, if that is less. What becomes
    /// of a longer one, which must not fill the memory, says `tidemill.line.length.exceeded`. A line of a file may have
    /// 2047m, as in Spark, and fails its task beyond.
    LINE_LENGTH_LIMIT: ByteSize = "tidemill.line.length.limit", default("128m"), bounds(Bounds::AtMost(TEXT_BLOCK_MOST));
    /// What becomes of a received line that is longer than `tidemill.line.length.limit`: `drop` loses it, `cut` keeps its
    /// beginning, `fail` fails the batch. It is counted and warned of in any case.
    LINE_LENGTH_EXCEEDED: String = "tidemill.line.length.exceeded",
        default("drop"), bounds(Bounds::OneOf(&["drop", "cut", "fail"]));
}

/// A block of text has a 32-bit length, and 64 NULs behind its text; this is the last whole megabyte below.
pub(super) const TEXT_BLOCK_MOST: f64 = (4095_u64 << 20) as f64;

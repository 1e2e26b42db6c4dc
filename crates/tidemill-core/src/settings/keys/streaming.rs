//! Settings of streams: rates, receivers, the write-ahead log, stopping. The streaming crate reads them.

use std::time::Duration;

use super::core::TEXT_BLOCK_MOST;
use super::settings;
use crate::settings::{Bounds, ByteSize, Rate, Setting, SettingKey, Unit};

settings! {
    /// Whether receivers are slowed to what the batches can take.
    BACKPRESSURE_ENABLED: bool = "spark.streaming.backpressure.enabled", default("false"), row("4.1");
    /// The records a second that a receiver may take before the first batches have been measured. It is heeded where
    /// back-pressure is enabled.
    BACKPRESSURE_INITIAL_RATE: Option<Rate> = "spark.streaming.backpressure.initialRate",
        absent("`spark.streaming.receiver.maxRate`"), row("4.2");
    /// Who estimates the rate.
    RATE_ESTIMATOR: String = "spark.streaming.backpressure.rateEstimator",
        default("pid"), bounds(Bounds::OneOf(&["pid"])), row("4.3"), no_effect("there is no other");
    /// The weight of the present error in the estimated rate.
    PID_PROPORTIONAL: f64 = "spark.streaming.backpressure.pid.proportional",
        default("1.0"), bounds(Bounds::ZeroOrAbove), row("4.4");
    /// The weight of past errors in the estimated rate.
    PID_INTEGRAL: f64 = "spark.streaming.backpressure.pid.integral",
        default("0.2"), bounds(Bounds::ZeroOrAbove), row("4.5");
    /// The weight of the error's change in the estimated rate.
    PID_DERIVED: f64 = "spark.streaming.backpressure.pid.derived",
        default("0.0"), bounds(Bounds::ZeroOrAbove), row("4.6");
    /// The records a second below which the estimated rate never falls.
    PID_MIN_RATE: f64 = "spark.streaming.backpressure.pid.minRate",
        default("100"), bounds(Bounds::AboveZero), row("4.7");
    /// How long a receiver gathers records into one block, which is one partition of the batch. Less than 50 ms
    /// costs more than it brings.
    BLOCK_INTERVAL: Duration = "spark.streaming.blockInterval",
        default("200ms"), bounds(Bounds::AboveZero), row("4.8");
    /// How many finished blocks of a receiver may wait to be written to its log before the receiver does. Without the log
    /// a finished block is stored at once.
    BLOCK_QUEUE_SIZE: usize = "spark.streaming.blockQueueSize", default("10"), bounds(Bounds::AboveZero), row("4.9");
    /// The most records a second that a receiver may take.
    RECEIVER_MAX_RATE: Rate = "spark.streaming.receiver.maxRate", default("0"), row("4.10");
    /// How long after a failure a receiver starts again.
    RECEIVER_RESTART_DELAY: Duration = "spark.streaming.receiverRestartDelay", default("2000ms"), row("4.11");
    /// How long a receiver, or a batch, waits for blocks to be written to the receiver's log. Who stored a block and waits
    /// longer gets an error.
    BLOCK_STORE_TIMEOUT: Duration = "spark.streaming.receiver.blockStoreTimeout",
        default("30s"), plain(Unit::Seconds), bounds(Bounds::AboveZero), row("4.12");
    /// A receiver's block is cut early at this size.
    RECEIVER_BLOCK_SIZE: ByteSize = "tidemill.receiver.block.size",
        default("8m"), bounds(Bounds::AtMost(TEXT_BLOCK_MOST));
    /// Whether received blocks are logged before they are acknowledged; needs a checkpoint directory.
    RECEIVER_LOG_ENABLE: bool = "spark.streaming.receiver.writeAheadLog.enable", default("false"), row("4.13");
    /// A write-ahead log of your own for received blocks, by name.
    RECEIVER_LOG_CLASS: Option<String> = "spark.streaming.receiver.writeAheadLog.class",
        absent("the built-in one"), row("4.14"), refused("a class of the JVM cannot be loaded, and the built-in log is there");
    /// How long one file of the receivers' log is written to.
    RECEIVER_LOG_ROLLING_INTERVAL: Duration = "spark.streaming.receiver.writeAheadLog.rollingIntervalSecs",
        default("60s"), plain(Unit::Seconds), bounds(Bounds::AboveZero), row("4.15");
    /// How often writing to the receivers' log is tried.
    RECEIVER_LOG_MAX_FAILURES: u32 = "spark.streaming.receiver.writeAheadLog.maxFailures",
        default("3"), bounds(Bounds::AboveZero), row("4.16");
    /// Whether a file of the receivers' log is closed after each write, as stores like S3 need.
    RECEIVER_LOG_CLOSE_AFTER_WRITE: bool = "spark.streaming.receiver.writeAheadLog.closeFileAfterWrite",
        default("false"), row("4.17");
    /// A write-ahead log of your own for the driver, by name.
    DRIVER_LOG_CLASS: Option<String> = "spark.streaming.driver.writeAheadLog.class",
        absent("the built-in one"), row("4.18"), refused("a class of the JVM cannot be loaded, and the built-in log is there");
    /// How long one file of the driver's log is written to.
    DRIVER_LOG_ROLLING_INTERVAL: Duration = "spark.streaming.driver.writeAheadLog.rollingIntervalSecs",
        default("60s"), plain(Unit::Seconds), bounds(Bounds::AboveZero), row("4.19");
    /// How often writing to the driver's log is tried.
    DRIVER_LOG_MAX_FAILURES: u32 = "spark.streaming.driver.writeAheadLog.maxFailures",
        default("3"), bounds(Bounds::AboveZero), row("4.20");
    /// Whether a file of the driver's log is closed after each write, as stores like S3 need.
    DRIVER_LOG_CLOSE_AFTER_WRITE: bool = "spark.streaming.driver.writeAheadLog.closeFileAfterWrite",
        default("false"), row("4.21");
    /// Whether entries of the driver's log that come at the same time are written together.
    DRIVER_LOG_ALLOW_BATCHING: bool = "spark.streaming.driver.writeAheadLog.allowBatching",
        default("true"), row("4.22"),
        no_effect("entries that come at the same time are always written together");
    /// How long an entry of the driver's log may take to be written.
    DRIVER_LOG_BATCHING_TIMEOUT: Duration = "spark.streaming.driver.writeAheadLog.batchingTimeout",
        default("5000ms"), bounds(Bounds::AboveZero), row("4.23"),
        no_effect("a batch waits for its entry as long as the disk takes; what fails is told of and tried again");
    /// Whether the RDDs and blocks of batches that no window needs any more are dropped.
    STREAMING_UNPERSIST: bool = "spark.streaming.unpersist", default("true"), row("4.24"),
        no_effect("what no batch needs is always dropped");
    /// Whether a signal that ends the program first lets received data be processed. Spark's default is false.
    STOP_GRACEFULLY_ON_SHUTDOWN: bool = "spark.streaming.stopGracefullyOnShutdown", default("true"), row("4.25");
    /// Whether stopping the stream without saying more stops its context too.
    STOP_CONTEXT_BY_DEFAULT: bool = "spark.streaming.stopSparkContextByDefault", default("true"), row("4.26");
    /// How long a graceful stop may take.
    GRACEFUL_STOP_TIMEOUT: Option<Duration> = "spark.streaming.gracefulStopTimeout",
        absent("10 batch intervals"), row("4.27"), no_effect("a graceful stop takes as long as its batches do");
    /// How many output operations of a batch run at once; above 1 their order is lost. Batches still run one after the
    /// other, which Spark gives up as well.
    CONCURRENT_JOBS: usize = "spark.streaming.concurrentJobs", default("1"), bounds(Bounds::AboveZero), row("4.28");
    /// How far back a file stream looks for new files when it starts, and for how long it knows what it has read.
    MIN_REMEMBER_DURATION: Duration = "spark.streaming.fileStream.minRememberDuration",
        default("60s"), plain(Unit::Seconds), bounds(Bounds::AboveZero), row("4.30"),
        old_names(&["spark.streaming.minRememberDuration"]);
    /// Where records that could not be read are written, of streams that ask for it: a folder a stream, a file a batch.
    /// Programs that run at the same time need a directory each.
    DEAD_LETTERS_DIRECTORY: String = "tidemill.dead.letters.directory", default("dead-letters");
    /// Operators whose state or unfinished input in the checkpoint a program that no longer has them may lose: their ids, with
    /// commas between.
    CHECKPOINT_DROP: Option<String> = "tidemill.checkpoint.drop", absent("none: it is an error");
    /// What programs and states of Python are signed with in checkpoints, which are pickles: a checkpoint on an object store, where
    /// others may write, is then recovered without `trust=True`. It is never written down.
    CHECKPOINT_SECRET: Option<String> = "tidemill.checkpoint.secret", absent("they are not signed");
    /// How many batches may come after one that failed before it is given up: until then a restart runs it again, and what it
    /// needs is kept.
    CHECKPOINT_FAILED_BATCHES: usize = "tidemill.checkpoint.failed.batches", default("100"), bounds(Bounds::AboveZero);
    /// How much a state changes at least before all of it is written again; a larger state is when it has changed as much as it
    /// is large.
    STATE_SNAPSHOT_SIZE: ByteSize = "tidemill.state.snapshot.size", default("64k"), bounds(Bounds::AboveZero);
    /// How many batch times may have passed while the program was down: each gets its batch. More are an error, since clocks
    /// may be wrong.
    RECOVERY_MISSED_MAX: u64 = "tidemill.recovery.missed.max", default("1000000");
    /// The checkpoint directory, as if it were given to `checkpoint` when the context is made.
    CHECKPOINT_DIRECTORY: Option<String> = "spark.streaming.checkpoint.directory", absent("no checkpoints"), row("4.31");
}

//! A test kit: programs under a clock that stands still, batches in and batches out.
//!
//! [`check`] is enough for most: it runs a program on given batches and compares what comes out. Under it,
//! [`TestContext`] lets a test push records, let the time of one batch pass, and look.
//!
//! ```
//! use tidemill_streaming::testing::check;
//!
//! check(
//!     [vec![1, 2, 3], vec![], vec![4]],                   // batches in
//!     |numbers| numbers.filter(|x| x % 2 == 0).map(|x| x * 10), // the program
//!     [vec![20], vec![], vec![40]],                       // batches out
//! );
//! ```

use std::fmt::Debug;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidemill_core::{Clock, Context, Element, ManualClock, Settings, Timestamp};

use crate::checkpoint::Checkpoint;
use crate::checkpoint::storage::Storage;
use crate::context::{Stop, StreamingContext};
use crate::dstream::DStream;
use crate::error::Error;

mod feed;

pub use feed::Feed;

/// How long a batch of a test may take. A machine would have to be very busy for that.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time between the batches of a test that does not say.
const INTERVAL: Duration = Duration::from_secs(1);
/// The partitions of each batch.
const PARTITIONS: usize = 2;

/// Runs `program` on `batches_in`, one a second, and compares what it gives for each batch, in order, with
/// `batches_out`. Batches for which the program has no RDD, as between the slides of a window, are left out.
///
/// # Panics
/// Where they differ, and where a batch fails.
#[track_caller]
pub fn check<T: Element, U: Element + Debug + PartialEq>(
    batches_in: impl IntoIterator<Item = Vec<T>>,
    program: impl FnOnce(&DStream<T>) -> DStream<U>,
    batches_out: impl IntoIterator<Item = Vec<U>>,
) {
    let test = TestContext::new();
    let (feed, stream) = test.input();
    let seen = test.collect(&program(&stream));
    for batch in batches_in {
        feed.push(batch);
        let ended = test.tick();
        assert!(ended.is_ok(), "{}", ended.err().map(|error| error.to_string()).unwrap_or_default());
    }
    let (seen, expected): (Vec<_>, Vec<_>) = (seen.values(), batches_out.into_iter().collect());
    assert_eq!(seen, expected, "batches that came out (left), and expected ones (right)");
}

/// A streaming context whose time is the test's: nothing happens but by [`tick`](TestContext::tick). Batch number `n` has
/// the time `n` intervals after 1970.
pub struct TestContext {
    clock: ManualClock,
    context: Context,
    streaming: StreamingContext,
    checkpoints: Option<tempfile::TempDir>,
}

impl TestContext {
    /// Two threads, a batch a second, and a checkpoint directory that goes with it.
    pub fn new() -> TestContext {
        TestContext::with(&Settings::new(), INTERVAL)
    }

    /// With settings and an interval of the test's own; `local[2]` where they name no master.
    ///
    /// # Panics
    /// If the settings are wrong.
    #[track_caller]
    pub fn with(settings: &Settings, interval: Duration) -> TestContext {
        let made = TestContext::try_with(settings, interval);
        made.unwrap_or_else(|error| unreachable!("the test's context cannot be made: {error}"))
    }

    fn try_with(settings: &Settings, interval: Duration) -> Result<TestContext, Box<dyn std::error::Error>> {
        let checkpoints = tempfile::tempdir()?;
        let mut test = TestContext::go_on(settings, interval, checkpoints.path(), Timestamp::default())?;
        test.checkpoints = Some(checkpoints);
        Ok(test)
    }

    /// A context whose time begins at `now` and that goes on from the checkpoint in `directory`, if there is one: a program
    /// that is started again.
    ///
    /// # Errors
    /// The settings are wrong, or the checkpoint cannot be read.
    pub fn go_on(
        settings: &Settings,
        interval: Duration,
        directory: &Path,
        now: Timestamp,
    ) -> Result<TestContext, Error> {
        let checkpoint = Checkpoint::open(directory, settings)?;
        let test = TestContext::begin(settings, interval, now)?;
        test.streaming.checkpoint(directory)?;
        checkpoint.map_or(Ok(()), |checkpoint| test.streaming.recover(checkpoint))?;
        Ok(test)
    }

    /// As [`go_on`](TestContext::go_on), from the checkpoint in a storage, like a
    /// [`SimulatedDisk`](crate::checkpoint::testing::SimulatedDisk).
    ///
    /// # Errors
    /// The settings are wrong, or the checkpoint cannot be read.
    pub fn go_on_in(
        settings: &Settings,
        interval: Duration,
        storage: Arc<dyn Storage>,
        now: Timestamp,
    ) -> Result<TestContext, Error> {
        let checkpoint = Checkpoint::read(Arc::clone(&storage))?;
        let test = TestContext::begin(settings, interval, now)?;
        test.streaming.checkpoint_in(storage);
        checkpoint.map_or(Ok(()), |checkpoint| test.streaming.recover(checkpoint))?;
        Ok(test)
    }

    /// A context without checkpoints whose time begins at `now`.
    fn begin(settings: &Settings, interval: Duration, now: Timestamp) -> Result<TestContext, Error> {
        let clock = ManualClock::at(now);
        let mut all = Settings::new();
        all.set("spark.master", "local[2]");
        let all = all.overridden_by(settings);
        let context = Context::with_clock(&all, Arc::new(clock.clone()) as Arc<dyn Clock>);
        let context = context.map_err(|cause| Error::Argument { cause: Arc::new(cause) })?;
        let streaming = StreamingContext::new(&context, interval)?;
        Ok(TestContext { clock, context, streaming, checkpoints: None })
    }

    /// The streaming context, to declare streams in.
    pub fn streaming(&self) -> &StreamingContext {
        &self.streaming
    }

    /// The context of its RDDs.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Its clock.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// A stream of what the test pushes: each push is a batch, in two partitions.
    pub fn input<T: Element>(&self) -> (Feed<T>, DStream<T>) {
        self.input_in(PARTITIONS)
    }

    /// As [`input`](TestContext::input), in that many partitions.
    pub fn input_in<T: Element>(&self, partitions: usize) -> (Feed<T>, DStream<T>) {
        feed::input(&self.streaming, partitions)
    }

    /// Collects each batch of a stream.
    #[track_caller]
    pub fn collect<T: Element>(&self, stream: &DStream<T>) -> Collected<T> {
        let collected = Collected { batches: Arc::default() };
        let batches = Arc::clone(&collected.batches);
        stream.foreach_rdd(move |rdd, time| {
            let batch = rdd.collect()?;
            batches.lock().unwrap_or_else(PoisonError::into_inner).push((time, batch));
            Ok(())
        });
        collected
    }

    /// The time of batch `number`, counted from 1.
    pub fn time(&self, number: u32) -> Timestamp {
        Timestamp::from_millis(0) + self.streaming.interval() * number
    }

    /// Lets the time of one batch pass and waits until it is over; the first call starts the context.
    ///
    /// # Errors
    /// What the batch reported.
    ///
    /// # Panics
    /// If the context cannot be started or the batch does not end.
    #[track_caller]
    pub fn tick(&self) -> Result<(), Error> {
        if self.streaming.zero().is_none() {
            self.streaming.start()?;
        }
        self.clock.advance(self.streaming.interval());
        let interval = self.streaming.interval().as_micros() as u64;
        let batch = Timestamp::from_micros(self.clock.now().micros() / interval * interval);
        assert!(self.streaming.await_batch(batch, PATIENCE), "the batch of {batch} did not end");
        self.streaming.take_error().map_or(Ok(()), Err)
    }
}

impl Default for TestContext {
    fn default() -> TestContext {
        TestContext::new()
    }
}

impl Drop for TestContext {
    fn drop(&mut self) {
        self.streaming.stop_with(Stop { graceful: false, context: true });
    }
}

/// The batches that a stream gave.
pub struct Collected<T> {
    batches: Arc<Mutex<Vec<(Timestamp, Vec<T>)>>>,
}

impl<T> Collected<T> {
    /// All batches since the last call, with their times.
    pub fn take(&self) -> Vec<(Timestamp, Vec<T>)> {
        std::mem::take(&mut *self.batches.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All batches since the last call.
    pub fn values(&self) -> Vec<Vec<T>> {
        self.take().into_iter().map(|(_, batch)| batch).collect()
    }
}

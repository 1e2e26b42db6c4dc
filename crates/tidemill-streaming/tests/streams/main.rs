//! Streams under a clock that stands still until a test lets it go on: nothing here sleeps.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has to stop")]

mod bad_input;
mod batches;
mod checkpoint;
mod life;
mod pushed;
mod socket;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tidemill_core::memory::Pool;
use tidemill_core::{Clock, Context, ManualClock, Settings, Timestamp};
use tidemill_streaming::StreamingContext;

use pushed::{Pushed, pushed};

/// When the clock of a test starts: between two batches.
const START_MILLIS: u64 = 1_000_030;
/// Longer than any busy machine needs for a batch of a few records.
const PATIENCE: Duration = Duration::from_secs(60);

/// A streaming context whose time is the test's.
struct Bench {
    clock: ManualClock,
    context: Context,
    streaming: StreamingContext,
}

impl Bench {
    /// Two threads, a batch every 100 ms: too often for blocks to be cut between batches.
    fn new() -> Bench {
        Bench::with(&[], Duration::from_millis(100))
    }

    fn with(written: &[(&str, &str)], interval: Duration) -> Bench {
        let clock = ManualClock::at(Timestamp::from_millis(START_MILLIS));
        let mut settings = Settings::new();
        settings.set("spark.master", "local[2]");
        for (name, value) in written {
            settings.set(*name, *value);
        }
        let context = Context::with_clock(&settings, Arc::new(clock.clone()) as Arc<dyn Clock>).unwrap();
        let streaming = StreamingContext::new(&context, interval).unwrap();
        Bench { clock, context, streaming }
    }

    /// Lets the time of one batch pass, and waits until the batch has its input.
    fn tick(&self) {
        self.pass(1, self.streaming.interval());
        assert!(self.clock.wait_for_waiters(1), "the batch clock did not go on");
    }

    fn pass(&self, waiters: usize, time: Duration) {
        assert!(self.clock.wait_for_waiters(waiters), "the threads that wait for the clock did not come");
        self.clock.advance(time);
    }

    /// The bytes that received blocks are accounted with.
    fn received_bytes(&self) -> u64 {
        self.context.environment().memory.used(Pool::Received)
    }
}

/// What outputs tell the test.
fn news<T>() -> (SyncSender<T>, Receiver<T>) {
    sync_channel(10_000)
}

/// The next news; a test whose news do not come fails.
#[track_caller]
fn next<T>(news: &Receiver<T>) -> T {
    news.recv_timeout(PATIENCE).expect("the news that the test waits for did not come")
}

/// Batch `number` of a bench with 100 ms between batches, counted from 1.
fn batch(number: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + 100 * number)
}

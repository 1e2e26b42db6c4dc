//! Programs that are started again: what they go on from, and what they refuse to.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has to stop")]

mod batches;
mod disks;
mod fossils;
mod inputs;
mod operators;
mod owners;
mod received;
mod secrets;
mod states;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidemill_core::{Element, Settings, Timestamp};
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{DStream, Error};

const SECOND: Duration = Duration::from_secs(1);

/// A run of a program in `directory` that begins at second `now`.
fn run(directory: &Path, now: u64) -> TestContext {
    try_run(directory, now).unwrap()
}

fn try_run(directory: &Path, now: u64) -> Result<TestContext, Error> {
    with(directory, now, &[])
}

fn with(directory: &Path, now: u64, settings: &[(&str, &str)]) -> Result<TestContext, Error> {
    let settings = Settings::from_pairs(settings.iter().copied());
    TestContext::go_on(&settings, SECOND, directory, Timestamp::from_millis(now * 1000))
}

/// What an output saw: the second of each batch, and its records. It fails while it is told to.
#[derive(Clone)]
struct Seen<T> {
    batches: Arc<Mutex<Vec<(u64, Vec<T>)>>>,
    fails: Arc<AtomicBool>,
}

impl<T: Element> Seen<T> {
    #[track_caller]
    fn of(stream: &DStream<T>) -> Seen<T> {
        let seen = Seen { batches: Arc::default(), fails: Arc::default() };
        let (batches, fails) = (Arc::clone(&seen.batches), Arc::clone(&seen.fails));
        stream.foreach_rdd(move |rdd, time| {
            if fails.load(Ordering::SeqCst) {
                return Err("the output is out of order".into());
            }
            let records = rdd.collect()?;
            batches.lock().unwrap().push((time.millis() / 1000, records));
            Ok(())
        });
        seen
    }

    fn take(&self) -> Vec<(u64, Vec<T>)> {
        std::mem::take(&mut self.batches.lock().unwrap())
    }

    fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }
}

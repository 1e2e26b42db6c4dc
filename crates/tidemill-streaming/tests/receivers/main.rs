//! Receivers under a clock that stands still until a test lets it go on: nothing here sleeps.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has to stop")]

mod events;
mod limits;
mod rates;
mod scripted;
mod sockets;
mod stored;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tidemill_core::memory::Pool;
use tidemill_core::{Settings, Timestamp};
use tidemill_streaming::StreamingContext;
use tidemill_streaming::event::{BatchInfo, InputInfo};
use tidemill_streaming::input::{Input, InputId};
use tidemill_streaming::testing::TestContext;

/// Longer than any busy machine needs for a batch of a few records.
const PATIENCE: Duration = Duration::from_secs(60);

fn context(settings: &[(&str, &str)], interval: Duration) -> TestContext {
    TestContext::with(&Settings::from_pairs(settings.iter().copied()), interval)
}

fn received_bytes(test: &TestContext) -> u64 {
    test.context().environment().memory.used(Pool::Received)
}

fn received_peak(test: &TestContext) -> u64 {
    test.context().environment().memory.peak(Pool::Received)
}

/// An input that gives nothing and is told of each batch that is over.
struct Watch {
    id: InputId,
    batches: SyncSender<BatchInfo>,
}

/// What the batches that end from now on got from the other inputs.
fn watch(streaming: &StreamingContext) -> Receiver<BatchInfo> {
    let (batches, seen) = sync_channel(10_000);
    streaming.add_input(|id| Arc::new(Watch { id, batches }));
    seen
}

impl Input for Watch {
    fn id(&self) -> InputId {
        self.id
    }

    fn name(&self) -> String {
        "watch".into()
    }

    fn allocate(&self, _: Timestamp) -> Option<InputInfo> {
        None
    }

    fn completed(&self, batch: &BatchInfo) {
        let _ = self.batches.try_send(batch.clone()); // a test that looks no more lets go of its end
    }
}

/// What input 0 gave to the next batch: records, and what else was counted.
#[track_caller]
fn next_info(batches: &Receiver<BatchInfo>) -> (u64, Vec<(String, String)>) {
    let mut batch = batches.recv_timeout(PATIENCE).expect("the batch did not end");
    let info = batch.inputs.remove(&0).expect("the input told nothing");
    (info.records, info.metadata.into_iter().collect())
}

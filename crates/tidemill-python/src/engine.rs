//! `Engine`: what all handles of one Python context share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidemill_core::{Accumulator, Context, Error, Settings};

use crate::batch::PyBatch;

/// A core context, and what Python needs beside it.
pub struct Engine {
    context: Context,
    /// Accumulator updates of accepted tasks, pickled, in the order in which they were accepted.
    updates: Accumulator<Vec<Vec<u8>>>,
    /// Bytes of records that have come to the driver.
    collected: AtomicU64,
}

impl Engine {
    /// An engine as the settings say.
    ///
    /// # Errors
    /// A setting that cannot be used as written.
    pub fn new(settings: &Settings) -> Result<Arc<Engine>, Error> {
        let context = Context::new(settings)?;
        let updates = context.accumulator(Vec::new(), |all: &mut Vec<Vec<u8>>, mut more| all.append(&mut more));
        Ok(Arc::new(Engine { context, updates, collected: AtomicU64::new(0) }))
    }

    /// The core's context.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Accumulator updates since the last call.
    pub fn take_updates(&self) -> Vec<Vec<u8>> {
        self.updates.take()
    }

    /// Bytes of records that have come to the driver so far.
    pub fn collected_bytes(&self) -> u64 {
        self.collected.load(Ordering::Relaxed)
    }

    /// Counts batches that came to the driver.
    pub(crate) fn count_collected<'a>(&self, batches: impl IntoIterator<Item = &'a PyBatch>) {
        let bytes: usize = batches.into_iter().map(|batch| batch.payload.len()).sum();
        self.collected.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Ends jobs, workers and threads.
    pub fn stop(&self) {
        self.context.stop();
    }
}

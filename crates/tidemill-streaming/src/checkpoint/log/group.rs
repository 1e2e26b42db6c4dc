//! Appends that share one write: who writes, and how the others learn of it.

use std::sync::{Arc, OnceLock};

use super::StorageError;
use super::frame::Frame;

/// Where a group began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub segment: u64,
    pub offset: u64,
}

/// Appends that are written together.
#[derive(Debug, Default)]
pub(super) struct Group {
    start: OnceLock<Result<Start, StorageError>>,
}

impl Group {
    /// Where the group begins, or why it could not be written; none while it is not done.
    pub(super) fn start(&self) -> Option<Result<Start, StorageError>> {
        self.start.get().cloned()
    }

    pub(super) fn finish(&self, start: Result<Start, StorageError>) {
        self.start.get_or_init(|| start);
    }

    pub(super) fn finish_if_not(&self, error: impl FnOnce() -> StorageError) {
        self.start.get_or_init(|| Err(error()));
    }
}

/// The appends that wait. It is bounded by the threads that append: each waits for its own record.
#[derive(Debug, Default)]
pub(super) struct Queue {
    filling: Arc<Group>,
    bytes: Vec<u8>,
    led: bool,
}

/// What the thread whose turn it is has to write.
pub(super) struct Lead {
    pub group: Arc<Group>,
    pub bytes: Vec<u8>,
}

impl Queue {
    /// Adds a record; gives its group, and its place there in bytes.
    pub(super) fn add(&mut self, frame: Frame, record: &[u8]) -> (Arc<Group>, u64) {
        let at = self.bytes.len() as u64;
        frame.write(record, &mut self.bytes);
        (self.filling.clone(), at)
    }

    /// Whether a thread is writing.
    pub(super) fn is_led(&self) -> bool {
        self.led
    }

    /// Takes the turn, with all that waits.
    pub(super) fn lead(&mut self) -> Lead {
        self.led = true;
        Lead { group: std::mem::take(&mut self.filling), bytes: std::mem::take(&mut self.bytes) }
    }

    pub(super) fn end_turn(&mut self) {
        self.led = false;
    }
}

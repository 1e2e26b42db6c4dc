//! Memory for received data, for which blocks that are in a log make room.

use tidemill_core::environment::Environment;
use tidemill_core::memory::{Grant, Pool};

use super::Blocks;

impl Blocks {
    /// Takes `bytes` for received data; where there are none it waits, but lets blocks leave memory first that are in a
    /// log. `None` once `cancelled` says so.
    pub(crate) fn acquire(&self, bytes: u64, cancelled: &dyn Fn() -> bool) -> Option<Grant> {
        let Environment { memory, store, .. } = &*self.environment;
        memory.acquire_or_wait(Pool::Received, bytes, &|| {
            // Asked before each attempt, so also when a block has come into the log and may leave: see `is_durable`.
            while !cancelled() {
                if memory.try_acquire(Pool::Received, bytes).is_some() || !store.let_one_go() {
                    return false;
                }
            }
            true
        })
    }

    /// Grows a grant for received data, where blocks that are in a log leave memory if need be; `false` if there is no room
    /// all the same.
    pub(crate) fn grow(&self, grant: &mut Grant, bytes: u64) -> bool {
        while !grant.try_grow(bytes) {
            if !self.environment.store.let_one_go() {
                return false;
            }
        }
        true
    }
}

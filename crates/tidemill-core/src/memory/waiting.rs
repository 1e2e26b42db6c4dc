//! Waiting for something that others change without a lock.
//!
//! A waiter says that it waits and then looks; whoever makes a change makes it and then looks for waiters. Both are
//! sequentially consistent, so one of the two sees the other: no change goes unnoticed. Changes that find a waiter are
//! numbered under a lock, and a waiter sleeps only if there was no new number since before its look.

use std::sync::PoisonError;

use super::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use super::sync::{Condvar, Mutex, MutexGuard};

/// Threads that wait, and the means to wake them.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    count: AtomicUsize,
    changes: Mutex<u64>,
    changed: Condvar,
}

impl Waiting {
    /// Calls `look` until it gives something, after each change.
    pub(super) fn wait_until<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        if let Some(seen) = look() {
            return seen;
        }
        let _waiter = Waiter::new(&self.count);
        loop {
            let before = *self.changes();
            if let Some(seen) = look() {
                return seen;
            }
            let unchanged = self.changed.wait_while(self.changes(), |changes| *changes == before);
            drop(unchanged.unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// To be called after each change.
    pub(super) fn wake(&self) {
        if self.count.load(SeqCst) > 0 {
            *self.changes() += 1;
            self.changed.notify_all();
        }
    }

    fn changes(&self) -> MutexGuard<'_, u64> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Is counted as long as it lives, a panic of `look` included.
struct Waiter<'a>(&'a AtomicUsize);

impl<'a> Waiter<'a> {
    fn new(count: &'a AtomicUsize) -> Waiter<'a> {
        count.fetch_add(1, SeqCst);
        Waiter(count)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

//! The counting itself: bytes in use by each pool and by all, changed by a few atomic additions.

use super::sync::atomic::{AtomicU64, Ordering::SeqCst};
use super::{MemoryLimits, POOLS, Pool, Waiting};

#[derive(Debug)]
pub(super) struct Account {
    pub(super) limits: MemoryLimits,
    pools: [Counter; POOLS],
    pub(super) total: Counter,
    pub(super) waiting: Waiting,
}

/// Bytes in use, and the most there ever were.
#[derive(Debug, Default)]
pub(super) struct Counter {
    pub(super) used: AtomicU64,
    pub(super) peak: AtomicU64,
}

impl Counter {
    fn fits(&self, bytes: u64, ceiling: u64) -> bool {
        self.used.load(SeqCst).checked_add(bytes).is_some_and(|sum| sum <= ceiling)
    }

    /// Adds `bytes` if the sum is at most `ceiling`.
    fn try_add(&self, bytes: u64, ceiling: u64) -> bool {
        let fits = |used: u64| used.checked_add(bytes).filter(|&sum| sum <= ceiling);
        match self.used.fetch_update(SeqCst, SeqCst, fits) {
            Ok(before) => {
                self.peak.fetch_max(before + bytes, SeqCst);
                true
            }
            Err(_) => false,
        }
    }

    /// Adds `bytes`, whatever the sum.
    pub(super) fn add(&self, bytes: u64) {
        let before = self.used.fetch_add(bytes, SeqCst);
        self.peak.fetch_max(before + bytes, SeqCst);
    }

    fn subtract(&self, bytes: u64) {
        self.used.fetch_sub(bytes, SeqCst);
    }
}

impl Account {
    pub(super) fn new(limits: MemoryLimits) -> Account {
        let (pools, total) = Default::default();
        Account { limits, pools, total, waiting: Waiting::default() }
    }

    /// Takes `bytes` once they fit, or once nothing else is taken from `pool`; `false` once `cancelled` says so.
    pub(super) fn take_or_wait(&self, pool: Pool, bytes: u64, cancelled: &dyn Fn() -> bool) -> bool {
        self.waiting.wait_until(|| {
            if cancelled() {
                return Some(false);
            }
            (self.try_take(pool, bytes) || self.try_take_alone(pool, bytes)).then_some(true)
        })
    }

    pub(super) fn pool(&self, pool: Pool) -> &Counter {
        &self.pools[pool as usize]
    }

    pub(super) fn try_take(&self, pool: Pool, bytes: u64) -> bool {
        // Without this look, two waiters could wake each other for ever by what they add and undo. With it, each undoing
        // means that someone else was served in between.
        if !self.total.fits(bytes, self.limits.total) || !self.pool(pool).try_add(bytes, self.limits.pool(pool)) {
            return false;
        }
        if !self.total.try_add(bytes, self.limits.total) {
            self.pool(pool).subtract(bytes);
            self.waiting.wake(); // a waiter may have found the pool fuller than it is
            return false;
        }
        true
    }

    /// Takes `bytes` if nothing else is taken from `pool`, whatever the ceilings.
    fn try_take_alone(&self, pool: Pool, bytes: u64) -> bool {
        let alone = self.pool(pool).try_add(bytes, bytes);
        if alone {
            self.total.add(bytes);
        }
        alone
    }

    pub(super) fn give_back(&self, pool: Pool, bytes: u64) {
        if bytes > 0 {
            self.total.subtract(bytes);
            self.pool(pool).subtract(bytes);
            self.waiting.wake();
        }
    }
}

//! The counting itself: bytes in use by each pool, by those above their floors, and by all.

use super::sync::atomic::{AtomicU64, Ordering::SeqCst};
use super::{MemoryLimits, Pool, Waiting};

#[derive(Debug)]
pub(super) struct Account {
    pub(super) limits: MemoryLimits,
    pools: [Counter; Pool::ALL.len()],
    /// What is nobody's floor. Counts at least the bytes of each pool above its floor, and briefly what a request tries to add.
    pub(super) rest: Counter,
    rest_limit: u64,
    /// All of the pools, to be looked at: nothing is decided by it.
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
    fn add(&self, bytes: u64) {
        let before = self.used.fetch_add(bytes, SeqCst);
        self.peak.fetch_max(before + bytes, SeqCst);
    }

    fn subtract(&self, bytes: u64) {
        self.used.fetch_sub(bytes, SeqCst);
    }
}

impl Account {
    pub(super) fn new(limits: MemoryLimits) -> Account {
        let (pools, rest, total) = Default::default();
        Account { limits, pools, rest, rest_limit: limits.shared(), total, waiting: Waiting::default() }
    }

    pub(super) fn pool(&self, pool: Pool) -> &Counter {
        &self.pools[pool as usize]
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

    /// Takes `bytes` if that passes no ceiling. What is within the floor of `pool` depends on nobody else.
    pub(super) fn try_take(&self, pool: Pool, bytes: u64) -> bool {
        let ceiling = self.limits.ceiling(pool);
        let fits = |used: u64| used.checked_add(bytes).is_some_and(|sum| sum <= ceiling);
        self.take(pool, bytes, fits, |above| self.rest.try_add(above, self.rest_limit))
    }

    /// Takes `bytes` if nothing else is taken from `pool`, whatever the ceilings.
    fn try_take_alone(&self, pool: Pool, bytes: u64) -> bool {
        self.take(pool, bytes, |used| used == 0, |above| self.add_to_rest(above))
    }

    /// Takes `bytes`, whatever the ceilings.
    pub(super) fn take_past(&self, pool: Pool, bytes: u64) {
        self.take(pool, bytes, |_| true, |above| self.add_to_rest(above));
    }

    fn add_to_rest(&self, bytes: u64) -> bool {
        self.rest.add(bytes);
        true
    }

    /// Takes `bytes` where `fits` says so of the bytes that `pool` has, and `reserve` of those that it then has more above
    /// its floor. A turn is repeated only if the pool changed meanwhile.
    fn take(&self, pool: Pool, bytes: u64, fits: impl Fn(u64) -> bool, reserve: impl Fn(u64) -> bool) -> bool {
        let counter = self.pool(pool);
        let mut used = counter.used.load(SeqCst);
        loop {
            if !fits(used) {
                return false;
            }
            let above = self.above_floor(pool, used + bytes) - self.above_floor(pool, used);
            if above > 0 && !reserve(above) {
                return false;
            }
            match counter.used.compare_exchange(used, used + bytes, SeqCst, SeqCst) {
                Ok(_) => {
                    counter.peak.fetch_max(used + bytes, SeqCst);
                    self.total.add(bytes);
                    return true;
                }
                Err(now) if above > 0 => {
                    self.rest.subtract(above);
                    self.waiting.wake(); // a waiter may have found the rest fuller than it is
                    used = now;
                }
                Err(now) => used = now,
            }
        }
    }

    pub(super) fn give_back(&self, pool: Pool, bytes: u64) {
        if bytes > 0 {
            self.total.subtract(bytes);
            let before = self.pool(pool).used.fetch_sub(bytes, SeqCst);
            self.rest.subtract(self.above_floor(pool, before) - self.above_floor(pool, before - bytes));
            self.waiting.wake();
        }
    }

    /// How much of what `pool` has in use is no part of its floor.
    fn above_floor(&self, pool: Pool, used: u64) -> u64 {
        used.saturating_sub(self.limits.floor(pool))
    }
}

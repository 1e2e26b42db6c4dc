//! The one account of memory: who asks gets a `Grant`, spills, evicts or waits.
//!
//! [`Memory`] counts bytes, it hands out none: whoever holds a [`Grant`] keeps to it. Every [`Pool`] has a ceiling and a
//! floor, and their sum has a ceiling. What a pool has up to its floor is its own; what it has above counts against the
//! rest of the sum, which all pools share. So a pool gets its floor whatever the others hold, and what no floor keeps is
//! for whoever asks first. Counting is a few atomic operations. A lock is taken only by who waits, and by who gives back
//! while somebody waits.
//!
//! A request reserves in the rest first, what it would have above the floor, and then moves its pool from the count that
//! it saw to the new one; who gives back does it the other way round. So at every moment the rest counts at least what all
//! pools have above their floors, and never are the last bytes given twice. Where the pool's count changed in between the
//! reservation is undone and the request starts over: then another request of that pool was served, or bytes came back.
//! An undoing wakes those who wait, since they may have found the rest fuller than it was; but each means that someone
//! made progress, and a refusal undoes nothing, so waiters cannot wake each other for ever. Of two that ask at once for
//! the last bytes both may be refused, if a third one is served meanwhile.

use std::sync; // what `account` and `waiting` synchronise with: their model puts other types in its place
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

mod account;
mod limits;
mod waiting;

#[cfg(test)]
mod models;

use account::Account;
pub use limits::{MemoryFloors, MemoryLimits, Pool};
use waiting::Waiting;

/// The account. Clones are handles of the same one.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Account>);

impl Memory {
    /// An account with these limits, with nothing taken.
    pub fn new(limits: MemoryLimits) -> Memory {
        Memory(Arc::new(Account::new(limits)))
    }

    /// The limits of the account.
    pub fn limits(&self) -> &MemoryLimits {
        &self.0.limits
    }

    /// The most bytes that `pool` may ever take: its ceiling, or that of the sum without the floors of the others.
    pub fn ceiling(&self, pool: Pool) -> u64 {
        self.0.limits.most(pool)
    }

    /// A grant of no bytes, to be grown.
    pub fn grant(&self, pool: Pool) -> Grant {
        Grant { memory: self.clone(), pool, bytes: 0 }
    }

    /// Takes `bytes` for `pool`, or `None` where that would pass a ceiling.
    pub fn try_acquire(&self, pool: Pool, bytes: u64) -> Option<Grant> {
        let mut grant = self.grant(pool);
        grant.try_grow(bytes).then_some(grant)
    }

    /// Takes `bytes` for `pool`; waits until others have given back enough. `None` once `cancelled` says so.
    ///
    /// If nothing else is taken from the pool the request is granted at once, even past a ceiling: what is larger than a
    /// ceiling would wait for ever, and what others hold may be given back only after this has come through. So the
    /// account may be over by one request a pool. What others have by their floors is still theirs.
    ///
    /// `cancelled` is asked at first, whenever memory is given back, and after [`wake`](Self::wake).
    pub fn acquire_or_wait(&self, pool: Pool, bytes: u64, cancelled: &dyn Fn() -> bool) -> Option<Grant> {
        let taken = self.0.take_or_wait(pool, bytes, cancelled);
        taken.then(|| Grant { memory: self.clone(), pool, bytes })
    }

    /// Makes everyone who waits ask whether they were cancelled. To be called after what `cancelled` looks at was set.
    pub fn wake(&self) {
        self.0.waiting.wake();
    }

    /// The bytes that are taken from `pool` now.
    pub fn used(&self, pool: Pool) -> u64 {
        self.0.pool(pool).used.load(SeqCst)
    }

    /// Whether `pool` has more than its [`ceiling`](Memory::ceiling), as [`Grant::grow_past`] lets it.
    pub fn is_past(&self, pool: Pool) -> bool {
        self.used(pool) > self.ceiling(pool)
    }

    /// The most bytes that were ever taken from `pool` at once.
    pub fn peak(&self, pool: Pool) -> u64 {
        self.0.pool(pool).peak.load(SeqCst)
    }

    /// The bytes that are taken now, by all pools.
    pub fn used_in_total(&self) -> u64 {
        self.0.total.used.load(SeqCst)
    }

    /// The most bytes that were ever taken at once, by all pools.
    pub fn peak_in_total(&self) -> u64 {
        self.0.total.peak.load(SeqCst)
    }
}

/// Bytes taken from a pool; given back when it is dropped.
#[derive(Debug)]
#[must_use = "the bytes are given back when the grant is dropped"]
pub struct Grant {
    memory: Memory,
    pool: Pool,
    bytes: u64,
}

impl Grant {
    /// How many bytes are granted.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The account that the bytes were taken from.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The pool that the bytes were taken from.
    pub fn pool(&self) -> Pool {
        self.pool
    }

    /// Takes `bytes` more, or nothing (`false`) where that would pass a ceiling. Never refused up to the pool's floor.
    pub fn try_grow(&mut self, bytes: u64) -> bool {
        let taken = self.memory.0.try_take(self.pool, bytes);
        if taken {
            self.bytes += bytes;
        }
        taken
    }

    /// Takes `bytes` more, past the ceilings if need be: for what is there already and cannot be made smaller, so that
    /// the account tells the truth and everyone else makes room, down to their floors.
    pub fn grow_past(&mut self, bytes: u64) {
        self.memory.0.take_past(self.pool, bytes);
        self.bytes += bytes;
    }

    /// Gives back `bytes`, or all there are if those are fewer.
    pub fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.memory.0.give_back(self.pool, bytes);
    }

    /// Gives back what is more than `bytes`.
    pub fn shrink_to(&mut self, bytes: u64) {
        self.shrink(self.bytes.saturating_sub(bytes));
    }

    /// Takes over what `other`, a grant of the same pool, holds.
    pub fn absorb(&mut self, mut other: Grant) {
        debug_assert_eq!(self.pool, other.pool, "grants of two pools");
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Takes `bytes` of this grant out of it, as a grant of their own (or all there are, if those are fewer).
    pub fn split(&mut self, bytes: u64) -> Grant {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Grant { memory: self.memory.clone(), pool: self.pool, bytes }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.memory.0.give_back(self.pool, self.bytes);
    }
}

#[cfg(test)]
mod tests;

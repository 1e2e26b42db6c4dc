//! What one table or sorter may hold: its grant, and how far it is past it.

use crate::memory::{Grant, Pool};
use crate::{Runs, Stop};

/// What may always be held, whatever the account says: about one run. With less, a task that comes when others have
/// taken all memory would write a file for every few records.
pub(crate) const LEAST_HELD: u64 = 16 << 10;

/// A grant that grows as far as the account lets it, and knows what it had to take beyond.
pub(crate) struct Budget {
    grant: Grant,
    past: u64,
}

impl Budget {
    pub(crate) fn new(grant: Grant) -> Budget {
        Budget { grant, past: 0 }
    }

    pub(crate) fn pool(&self) -> Pool {
        self.grant.pool()
    }

    /// The bytes that are granted.
    pub(crate) fn bytes(&self) -> u64 {
        self.grant.bytes()
    }

    /// Whether `needed` bytes in all may be held; takes what is missing.
    pub(crate) fn reach(&mut self, needed: u64) -> bool {
        let missing = needed.saturating_sub(self.grant.bytes());
        let granted = missing == 0 || self.grant.try_grow(missing);
        if !granted && needed <= LEAST_HELD {
            self.force(needed);
            return true;
        }
        granted
    }

    /// Takes what is missing to `needed` bytes, past the limit if need be: there is nothing left to write to disk.
    pub(crate) fn force(&mut self, needed: u64) {
        let missing = needed.saturating_sub(self.grant.bytes());
        if missing > 0 && !self.grant.try_grow(missing) {
            self.grant.grow_past(missing);
            self.past += missing;
        }
    }

    /// To be called when everything was written to disk: gives back what was past the limit.
    pub(crate) fn settle(&mut self) {
        self.grant.shrink(self.past);
        self.past = 0;
    }

    /// Halves the budget: the other half is for who works beside.
    pub(crate) fn split(&mut self) -> Grant {
        self.grant.split(self.grant.bytes() / 2)
    }

    /// Lets `runs` hold `bytes` of the budget as long as they live.
    pub(crate) fn keep<R>(mut self, bytes: u64, runs: R) -> Kept<R> {
        self.force(bytes);
        self.grant.shrink_to(bytes);
        Kept { runs, _grant: self.grant }
    }
}

/// Runs with the grant for what they hold.
pub(crate) struct Kept<R> {
    runs: R,
    _grant: Grant,
}

impl<T, R: Runs<T>> Runs<T> for Kept<R> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        self.runs.next(into)
    }
}

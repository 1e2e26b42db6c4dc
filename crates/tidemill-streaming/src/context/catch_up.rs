//! `CatchingUp`: how far a context that goes on from a checkpoint is behind, told while it catches up.

use std::time::Duration;

use tidemill_core::Timestamp;

/// So often it is told how far the context is.
const EVERY: Duration = Duration::from_secs(5);

/// The batches of before the start, and how many of them are over.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CatchingUp {
    /// Batches up to this time are of before the start.
    until: Timestamp,
    total: u64,
    over: u64,
    began: Duration,
    /// When it was told last.
    told: Duration,
}

/// How far it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing to tell.
    Same,
    /// So many batches are over.
    Over(u64),
    /// All are, after so long.
    CaughtUp(Duration),
}

impl CatchingUp {
    /// `total` batches up to `until` are to be run; `monotonic` is the clock's now.
    pub(super) fn new(until: Timestamp, total: u64, monotonic: Duration) -> CatchingUp {
        CatchingUp { until, total, over: 0, began: monotonic, told: monotonic }
    }

    /// How many batches are to be run in all.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The batch of `time` is over.
    pub(super) fn over(&mut self, time: Timestamp, monotonic: Duration) -> Progress {
        self.over += 1;
        if self.over >= self.total || time > self.until {
            return Progress::CaughtUp(monotonic.saturating_sub(self.began));
        }
        if monotonic.saturating_sub(self.told) < EVERY {
            return Progress::Same;
        }
        self.told = monotonic;
        Progress::Over(self.over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_every_five_seconds_and_at_the_end() {
        let (at, since) = (|second: u64| Timestamp::from_millis(second * 1000), Duration::from_secs);
        let mut behind = CatchingUp::new(at(10), 4, since(100));
        let told = [(7, 102), (8, 105), (9, 109), (10, 111)].map(|(time, now)| behind.over(at(time), since(now)));
        assert_eq!(told, [Progress::Same, Progress::Over(2), Progress::Same, Progress::CaughtUp(since(11))]);
        // Where a batch of before could not be run it ends with the first one of after.
        let mut behind = CatchingUp::new(at(10), 4, since(100));
        assert_eq!(behind.over(at(11), since(101)), Progress::CaughtUp(since(1)));
    }
}

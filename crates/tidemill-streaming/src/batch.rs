//! Batches: the input of one interval, named by its time.

use std::time::Duration;

use tidemill_core::Timestamp;

/// A batch that is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its time: the end of its interval.
    pub time: Timestamp,
}

/// The first batch time after `now`: the next multiple of the interval since 1970 (behaviour 2.37).
pub fn next_time(now: Timestamp, interval: Duration) -> Timestamp {
    let interval = interval.as_micros() as u64;
    Timestamp::from_micros((now.micros() / interval + 1) * interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_times_are_multiples_of_the_interval() {
        // behaviour 2.37
        for (now, interval, next) in
            [(0, 500, 500), (499, 500, 500), (500, 500, 1000), (1_700_000_000_123, 2, 1_700_000_000_124)]
        {
            let next_one = next_time(Timestamp::from_millis(now), Duration::from_millis(interval));
            assert_eq!(next_one, Timestamp::from_millis(next), "after {now} by {interval}");
        }
    }
}

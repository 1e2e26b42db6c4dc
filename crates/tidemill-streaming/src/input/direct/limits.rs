//! How many records of each partition a batch may hold: a function of how much waits, as in Spark's stream of Kafka.

use std::time::Duration;

/// The bounds of a stream, whatever its rate. A rate of 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Records a second that each partition gives at most.
    pub(super) rate_max: u64,
    /// Records a batch that each partition may give at least, however low the rate.
    pub(super) records_min: u64,
}

/// How many records each partition gives to a batch, out of the `waiting` ones of each. `rate` is what back-pressure wants,
/// in records a second: partitions share it by how much waits in them.
pub(super) fn shares(waiting: &[u64], limits: Limits, rate: Option<f64>, interval: Duration) -> Vec<u64> {
    let rates = rates(waiting, limits, rate);
    if rates.iter().sum::<f64>() <= 0.0 {
        return waiting.to_vec();
    }
    let most = |rate: f64| ((interval.as_secs_f64() * rate) as u64).max(limits.records_min);
    waiting.iter().zip(rates).map(|(&waiting, rate)| waiting.min(most(rate))).collect()
}

/// The records a second of each partition; all are 0 where there is no limit.
fn rates(waiting: &[u64], limits: Limits, rate: Option<f64>) -> Vec<f64> {
    let rate_max = limits.rate_max as f64;
    let Some(rate) = rate.filter(|rate| *rate > 0.0) else { return vec![rate_max; waiting.len()] };
    let total: f64 = waiting.iter().map(|&waiting| waiting as f64).sum();
    let share = |&waiting: &u64| {
        let share = if total > 0.0 { waiting as f64 / total * rate } else { 0.0 };
        if limits.rate_max > 0 { share.min(rate_max) } else { share }
    };
    waiting.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn partitions_share_the_rate_by_what_waits() {
        let second = Duration::from_secs(1);
        let table: [(&[u64], u64, u64, Option<f64>, Duration, &[u64]); 10] = [
            (&[10, 0, 7], 0, 1, None, second, &[10, 0, 7]),
            (&[10, 0, 7], 8, 1, None, second, &[8, 0, 7]),
            (&[10, 0, 7], 8, 1, None, second / 2, &[4, 0, 4]),
            (&[10, 0, 7], 8, 1, None, second / 100, &[1, 0, 1]), // less than a record: the least there is
            (&[10, 0, 7], 8, 3, None, second / 100, &[3, 0, 3]),
            (&[300, 100], 0, 1, Some(40.0), second, &[30, 10]),
            (&[300, 100], 20, 1, Some(40.0), second, &[20, 10]),
            (&[300, 100], 20, 1, Some(0.0), second, &[20, 20]), // no rate is known yet
            (&[0, 0], 0, 1, Some(40.0), second, &[0, 0]),
            (&[], 5, 1, Some(40.0), second, &[]),
        ];
        for (waiting, rate_max, records_min, rate, interval, expected) in table {
            let limits = Limits { rate_max, records_min };
            assert_eq!(shares(waiting, limits, rate, interval), expected, "{waiting:?}, {limits:?}, {rate:?}");
        }
    }

    proptest! {
        #[test]
        fn nobody_gives_more_than_waits_nor_less_than_the_least(
            waiting in proptest::collection::vec(0u64..100_000, 0..8),
            rate_max in 0u64..10_000,
            records_min in 0u64..10,
            rate in proptest::option::of(0.0f64..100_000.0),
            millis in 1u64..10_000,
        ) {
            let interval = Duration::from_millis(millis);
            let given = shares(&waiting, Limits { rate_max, records_min }, rate, interval);
            prop_assert_eq!(given.len(), waiting.len());
            let seconds = interval.as_secs_f64();
            for (given, waiting) in given.iter().zip(&waiting) {
                prop_assert!(given <= waiting && *given >= records_min.min(*waiting));
                let most = (rate_max as f64 * seconds).max(records_min as f64);
                prop_assert!(rate_max == 0 || *given as f64 <= most);
            }
            let total: u64 = given.iter().sum();
            if let Some(rate) = rate.filter(|rate| *rate > 0.0) {
                let least = (records_min * waiting.len() as u64) as f64;
                prop_assert!(total as f64 <= rate * seconds * 1.000_001 + least);
            }
        }
    }
}

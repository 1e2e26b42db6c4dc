//! The cases that Spark tests its estimator with, and a plain transcription of its definition.

use proptest::prelude::*;

use super::*;

const INTERVAL: u64 = 20;

fn estimator(proportional: f64, integral: f64, derived: f64, min_rate: f64) -> PidEstimator {
    PidEstimator::new(Duration::from_millis(INTERVAL), PidWeights { proportional, integral, derived }, min_rate)
}

/// A batch: its end, records, processing delay and scheduling delay.
type Batch = (u64, u64, u64, u64);

fn rates(estimator: &mut PidEstimator, batches: impl IntoIterator<Item = Batch>) -> Vec<Option<f64>> {
    let millis = Duration::from_millis;
    batches.into_iter().map(|(at, n, took, waited)| estimator.compute(at, n, millis(took), millis(waited))).collect()
}

#[test]
fn the_first_batch_only_measures_and_the_next_gives_a_rate() {
    // behaviour 2.30
    let mut estimator = estimator(1.0, 0.0, 0.0, 10.0);
    assert_eq!(rates(&mut estimator, [(0, 10, 10, 0), (10, 10, 10, 0)]), [None, Some(1000.0)]);
    assert_eq!(rates(&mut estimator, [(10, 10, 10, 0)]), [None], "no time has passed");
}

#[test]
fn batches_that_measure_nothing_change_nothing() {
    // behaviour 2.30
    let mut estimator = estimator(1.0, 0.2, 0.0, 10.0);
    let batches =
        [(0, 0, 10, 0), (1, 10, 0, 0), (2, 10, 10, 0), (3, 0, 10, 0), (4, 10, 0, 0), (1, 5, 5, 0), (22, 5, 10, 0)];
    assert_eq!(rates(&mut estimator, batches), [None, None, None, None, None, None, Some(500.0)]);
}

#[test]
fn the_rate_never_falls_below_the_least() {
    // behaviour 4.7: a batch of one record takes the whole interval, and ever longer to begin
    let batches = (0..50).map(|n| (n * 20, 1, 20, n * 20));
    let rates = rates(&mut estimator(1.0, 1.0, 0.0, 10.0), batches);
    assert_eq!(rates, std::iter::once(None).chain([Some(10.0); 49]).collect::<Vec<_>>());
}

#[test]
fn without_waiting_batches_the_rate_follows_what_is_dealt_with() {
    // behaviour 4.4, 4.5: growing batches, then shrinking ones; each takes the whole interval
    let cases: [fn(u64) -> u64; 2] = [|n| (n + 1) * 20, |n| (50 - n) * 20];
    for records in cases {
        let rates = rates(&mut estimator(1.0, 1.0, 0.0, 10.0), (0..50).map(|n| (n * 20, records(n), 20, 0)));
        let expected = (1..50).map(|n| Some(records(n) as f64 * 50.0));
        assert_eq!(rates, std::iter::once(None).chain(expected).collect::<Vec<_>>());
    }
}

#[test]
fn waiting_batches_keep_the_rate_below_what_is_dealt_with() {
    // behaviour 4.5
    let batches: Vec<Batch> = (0..50).map(|n| (n * 20, (50 - n) * 20, 20, 100)).collect();
    let rates = rates(&mut estimator(1.0, 0.01, 0.0, 10.0), batches.clone());
    for ((_, records, took, _), rate) in batches.into_iter().zip(rates).skip(1) {
        let dealt_with = records as f64 / took as f64 * 1000.0;
        assert!(rate.unwrap() < dealt_with, "{rate:?} where {dealt_with} were dealt with");
    }
}

#[test]
fn a_change_of_the_error_counts_by_its_weight() {
    // behaviour 4.6: the error goes from 0 to 500 within 0.02 s, so the rate falls by 500 + 0.001 * 25,000
    let batches = [(0, 20, 20, 0), (20, 10, 20, 0)];
    assert_eq!(rates(&mut estimator(1.0, 0.0, 0.001, 10.0), batches), [None, Some(475.0)]);
}

/// Spark's definition, with its variables as they are there.
struct Transcription {
    weights: (f64, f64, f64),
    min_rate: f64,
    first_run: bool,
    latest_time: i64,
    latest_rate: f64,
    latest_error: f64,
}

impl Transcription {
    fn compute(&mut self, time: i64, num_elements: i64, processing_delay: i64, scheduling_delay: i64) -> Option<f64> {
        if !(time > self.latest_time && num_elements > 0 && processing_delay > 0) {
            return None;
        }
        let delay_since_update = (time - self.latest_time) as f64 / 1000.0;
        let processing_rate = num_elements as f64 / processing_delay as f64 * 1000.0;
        let error = self.latest_rate - processing_rate;
        let historical_error = scheduling_delay as f64 * processing_rate / INTERVAL as f64;
        let d_error = (error - self.latest_error) / delay_since_update;
        let (p, i, d) = self.weights;
        let new_rate = (self.latest_rate - p * error - i * historical_error - d * d_error).max(self.min_rate);
        self.latest_time = time;
        if self.first_run {
            (self.latest_rate, self.latest_error, self.first_run) = (processing_rate, 0.0, false);
            return None;
        }
        (self.latest_rate, self.latest_error) = (new_rate, error);
        Some(new_rate)
    }
}

proptest! {
    #[test]
    fn the_same_batches_give_the_rates_that_spark_gives(
        weights in (0.0..3.0, 0.0..3.0, 0.0..1.0),
        min_rate in 0.1..500.0,
        batches in prop::collection::vec((0_u64..100_000, 0_u64..10_000, 0_u64..2000, 0_u64..10_000), 0..40),
        in_order in any::<bool>(),
    ) {
        let mut batches = batches;
        if in_order {
            batches.sort_unstable();
        }
        let (first_run, latest_time, latest_rate, latest_error) = (true, -1, -1.0, -1.0);
        let mut oracle = Transcription { weights, min_rate, first_run, latest_time, latest_rate, latest_error };
        let expected: Vec<_> = batches
            .iter()
            .map(|&(at, n, took, waited)| oracle.compute(at as i64, n as i64, took as i64, waited as i64))
            .collect();
        let found = rates(&mut estimator(weights.0, weights.1, weights.2, min_rate), batches);
        prop_assert_eq!(found, expected);
    }
}

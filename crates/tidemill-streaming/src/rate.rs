//! Rates: how fast an input may take in records, and how back-pressure sets that.
//!
//! A [`RateLimiter`] hands out tokens, one a record; a [`PidEstimator`] finds from what batches took how many a second can
//! be dealt with; a [`RateController`] lets the one follow the other, batch by batch. All of it is arithmetic: the time is
//! a parameter, and who waits does so elsewhere.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidemill_core::Config;
use tidemill_core::settings::{Rate, keys};

use crate::event::BatchInfo;

mod limiter;
mod pid;

pub use limiter::RateLimiter;
pub use pid::{PidEstimator, PidWeights};

/// Sets the rate of one input after each batch (behaviour 2.30): Spark's `RateController`.
pub struct RateController {
    stream: u32,
    limiter: Arc<RateLimiter>,
    /// `None` where back-pressure is not enabled (behaviour 4.1): the rate stays.
    estimator: Option<Mutex<PidEstimator>>,
}

impl RateController {
    /// The controller of the input `stream` as the settings say, with a limiter that begins at `now`, a monotonic time.
    pub fn new(stream: u32, config: &Config, interval: Duration, now: Duration) -> RateController {
        let estimator = estimator(config, interval);
        let (max, initial) = (config.get(keys::RECEIVER_MAX_RATE), config.get(keys::BACKPRESSURE_INITIAL_RATE));
        let initial = initial.filter(|_| estimator.is_some()).unwrap_or(Rate::Unlimited);
        let limiter = Arc::new(RateLimiter::new(max, initial, now));
        RateController { stream, limiter, estimator: estimator.map(Mutex::new) }
    }

    /// What limits the input.
    pub fn limiter(&self) -> &Arc<RateLimiter> {
        &self.limiter
    }

    /// A batch is over; `now` is a monotonic time.
    pub fn completed(&self, batch: &BatchInfo, now: Duration) {
        let Some(estimator) = &self.estimator else { return };
        let Some(input) = batch.inputs.get(&self.stream) else { return };
        let delays = batch.processing_delay().zip(batch.scheduling_delay());
        let (Some(completed), Some((processing, scheduling))) = (batch.completed, delays) else { return };
        let mut estimator = estimator.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = estimator.compute(completed.millis(), input.records, processing, scheduling);
        if let Some(rate) = rate {
            tracing::debug!(stream = self.stream, rate, "Back-pressure sets the rate, in records a second.");
            self.limiter.update(rate as i64, now);
        }
    }
}

/// The estimator that the settings ask for; `None` where back-pressure is not enabled (behaviour 4.1).
pub(crate) fn estimator(config: &Config, interval: Duration) -> Option<PidEstimator> {
    let weights = PidWeights {
        proportional: config.get(keys::PID_PROPORTIONAL),
        integral: config.get(keys::PID_INTEGRAL),
        derived: config.get(keys::PID_DERIVED),
    };
    let estimator = PidEstimator::new(interval, weights, config.get(keys::PID_MIN_RATE));
    config.get(keys::BACKPRESSURE_ENABLED).then_some(estimator)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tidemill_core::{Settings, Timestamp};

    use super::*;
    use crate::event::InputInfo;

    /// A batch that ended at `at` with so many records of input 7, having run and waited for so many milliseconds.
    fn batch(at: u64, records: u64, ran: u64, waited: u64) -> BatchInfo {
        let millis = Timestamp::from_millis;
        BatchInfo {
            time: millis(at),
            inputs: BTreeMap::from([(7, InputInfo { records, ..InputInfo::default() }), (8, InputInfo::default())]),
            submitted: millis(at - ran - waited),
            started: Some(millis(at - ran)),
            completed: Some(millis(at)),
            outputs: Vec::new(),
        }
    }

    fn controller(stream: u32, settings: &[(&str, &str)]) -> RateController {
        let config = Config::resolve(&Settings::from_pairs(settings.iter().copied())).unwrap();
        RateController::new(stream, &config, Duration::from_secs(1), Duration::ZERO)
    }

    #[test]
    fn each_batch_sets_the_rate_of_its_input() {
        // behaviour 2.30, 4.1, 4.2, 4.4, 4.5, 4.6, 4.7, 4.10
        let on = ("spark.streaming.backpressure.enabled", "true");
        let batches = [batch(2000, 1000, 1000, 0), batch(3000, 500, 1000, 0), batch(4000, 500, 1000, 400)];
        let table: [(u32, &[(&str, &str)], [Rate; 3]); 6] = [
            (7, &[], [Rate::Unlimited; 3]),
            (7, &[on], [Rate::Unlimited, Rate::PerSecond(500), Rate::PerSecond(460)]), // 500 - 0.2 * 400 ms * 500/s
            (8, &[on], [Rate::Unlimited; 3]),                                          // it had no records
            (9, &[on], [Rate::Unlimited; 3]),                                          // it is in no batch
            (
                7,
                &[on, ("spark.streaming.receiver.maxRate", "470"), ("spark.streaming.backpressure.initialRate", "50")],
                [Rate::PerSecond(50), Rate::PerSecond(470), Rate::PerSecond(460)],
            ),
            (
                7,
                &[
                    on,
                    ("spark.streaming.backpressure.pid.proportional", "0.5"),
                    ("spark.streaming.backpressure.pid.integral", "0"),
                    ("spark.streaming.backpressure.pid.derived", "0.1"),
                    ("spark.streaming.backpressure.pid.minRate", "690"),
                ],
                // 1000 - 0.5 * 500 - 0.1 * 500, then 700 - 0.5 * 200 + 0.1 * 300 and no less than 690
                [Rate::Unlimited, Rate::PerSecond(700), Rate::PerSecond(690)],
            ),
        ];
        for (stream, settings, expected) in table {
            let controller = controller(stream, settings);
            let rates = batches.each_ref().map(|batch| {
                controller.completed(batch, Duration::from_secs(1));
                controller.limiter().rate()
            });
            assert_eq!(rates, expected, "input {stream}, {settings:?}");
        }
    }

    #[test]
    fn an_initial_rate_is_for_back_pressure_alone() {
        // behaviour 4.2
        let controller = controller(7, &[("spark.streaming.backpressure.initialRate", "50")]);
        assert_eq!(controller.limiter().rate(), Rate::Unlimited);
    }
}

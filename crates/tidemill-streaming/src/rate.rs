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

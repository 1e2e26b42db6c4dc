//! The rate that back-pressure wants of a direct stream: Spark's `DirectKafkaRateController`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_core::Config;
use tidemill_core::settings::{Rate, keys};

use crate::event::BatchInfo;
use crate::rate::{PidEstimator, estimator};

/// Follows the batches of one stream where back-pressure is enabled (behaviour 2.30).
pub(super) struct WantedRate {
    stream: u32,
    state: Mutex<State>,
}

struct State {
    /// `None` where back-pressure is not enabled.
    estimator: Option<PidEstimator>,
    /// Records a second; `None` is no limit.
    rate: Option<f64>,
}

impl WantedRate {
    pub(super) fn new(stream: u32, config: &Config, interval: Duration) -> WantedRate {
        let estimator = estimator(config, interval);
        let initial = match config.get(keys::BACKPRESSURE_INITIAL_RATE) {
            Some(Rate::PerSecond(rate)) if estimator.is_some() => Some(rate as f64),
            _ => None,
        };
        WantedRate { stream, state: Mutex::new(State { estimator, rate: initial }) }
    }

    /// The rate of now, of all partitions together.
    pub(super) fn rate(&self) -> Option<f64> {
        self.state().rate
    }

    /// A batch is over.
    pub(super) fn completed(&self, batch: &BatchInfo) {
        let mut state = self.state();
        let Some(estimator) = &mut state.estimator else { return };
        let Some(input) = batch.inputs.get(&self.stream) else { return };
        let delays = batch.processing_delay().zip(batch.scheduling_delay());
        let (Some(completed), Some((processing, scheduling))) = (batch.completed, delays) else { return };
        if let Some(rate) = estimator.compute(completed.millis(), input.records, processing, scheduling) {
            state.rate = Some(rate.trunc()); // as Spark keeps it
            tracing::debug!(stream = self.stream, rate, "Back-pressure sets the rate, in records a second.");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

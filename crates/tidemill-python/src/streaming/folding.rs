//! Windows that follow from the one before: a function of the driver takes out what left and merges what entered.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidemill_core::lineage::{Operator, called_by};
use tidemill_core::{Rdd, StorageLevel, Timestamp};
use tidemill_streaming::dstream::{Compute, Computed, Parent};
use tidemill_streaming::{DStream, Error, StreamingContext};

use crate::batch::PyBatch;
use crate::streaming::callback::Callback;

/// From how many slides on a window follows from the one before: shorter ones are cheaper made anew (behaviour 10.4).
const LONG_SLIDES: u32 = 5;

/// Asks the function in every batch, which gets the window before (where windows are long and there is one), what entered
/// and what left; without the window before all of the window entered.
///
/// Each window is computed at once and has no lineage: otherwise lineages would grow with every batch. One that fails is
/// forgotten, and the next is made of all its batches.
pub(super) struct Folding {
    pub(super) operator: Operator,
    pub(super) parent: DStream<PyBatch>,
    pub(super) window: Duration,
    pub(super) slide: Duration,
    pub(super) function: Callback,
    /// The last window, with its time.
    pub(super) last: Mutex<Option<(Timestamp, Rdd<PyBatch>)>>,
}

impl Folding {
    /// The window of the batch before.
    fn previous(&self, time: Timestamp) -> Option<Rdd<PyBatch>> {
        if self.window < self.slide * LONG_SLIDES {
            return None;
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        last.filter(|(of, _)| *of + self.slide == time).map(|(_, rdd)| rdd)
    }

    /// What the parent has for the batches within `length` up to `until`, from old to new.
    fn within(
        &self,
        streaming: &StreamingContext,
        until: Timestamp,
        length: Duration,
    ) -> Result<Option<Rdd<PyBatch>>, Error> {
        let step = self.parent.slide().as_micros() as u64;
        let passed = until.since(streaming.zero().unwrap_or(until)); // nothing was before the start
        let steps = length.min(passed).as_micros() as u64 / step.max(1);
        let times = (0..steps).rev().map(|back| Timestamp::from_micros(until.micros() - back * step));
        let rdds = times.filter_map(|time| self.parent.rdd(time).transpose()).collect::<Result<Vec<_>, Error>>()?;
        Ok((!rdds.is_empty()).then(|| streaming.context().union(&rdds)))
    }

    fn next_window(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<PyBatch> {
        let previous = self.previous(time);
        let (entering, leaving) = match previous {
            Some(_) => {
                let left = if time.since(Timestamp::default()) > self.window {
                    self.within(streaming, time - self.window, self.slide)?
                } else {
                    None
                };
                (self.within(streaming, time, self.slide)?, left)
            }
            None => (self.within(streaming, time, self.window)?, None),
        };
        let raised = self.function.on_window(time.millis(), [previous, entering, leaving]);
        raised.map_err(|raised| Error::Generate { time, output: self.operator.clone(), cause: raised.into_cause() })
    }
}

impl Compute<PyBatch> for Folding {
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<PyBatch> {
        let Some(window) = self.next_window(streaming, time)? else { return Ok(None) };
        let failed = |cause| Error::State { time, operator: self.operator.clone(), cause: Arc::new(cause) };
        let window = called_by(self.operator.clone(), || window.local_checkpoint()).map_err(failed)?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((time, window.clone()));
        Ok(Some(window))
    }

    fn parents(&self) -> Vec<Parent> {
        vec![self.parent.as_parent((self.window + self.slide).saturating_sub(self.parent.slide()))]
    }

    fn persist_parents(&self, level: Option<StorageLevel>) -> bool {
        level.is_none() // windows are kept as they are
    }

    fn is_stateful(&self) -> bool {
        true
    }
}

//! Streams whose RDDs a function of the driver makes of those of other streams.

use std::time::Duration;

use tidemill_core::Timestamp;
use tidemill_core::lineage::Operator;
use tidemill_streaming::dstream::{Compute, Computed, Parent};
use tidemill_streaming::{DStream, Error, StreamingContext};

use crate::batch::PyBatch;
use crate::streaming::callback::Callback;

/// Asks the function in every batch.
pub(super) struct Transformed {
    pub(super) operator: Operator,
    pub(super) parents: Vec<DStream<PyBatch>>,
    pub(super) function: Callback,
}

impl Compute<PyBatch> for Transformed {
    fn compute(&self, _: &StreamingContext, time: Timestamp) -> Computed<PyBatch> {
        let rdds = self.parents.iter().map(|parent| parent.rdd(time)).collect::<Result<Vec<_>, Error>>()?;
        if matches!(&*rdds, [None]) {
            return Ok(None); // behaviour 1.43
        }
        let failed = |output: &Operator, cause| Error::Generate { time, output: output.clone(), cause };
        self.function.on_all(time.millis(), rdds).map_err(|raised| failed(&self.operator, raised.into_cause()))
    }

    fn parents(&self) -> Vec<Parent> {
        self.parents.iter().map(|parent| parent.as_parent(Duration::ZERO)).collect()
    }
}

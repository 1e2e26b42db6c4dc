//! The class `RddIterator`: partitions brought to the driver one at a time.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyList;
use tidemill_core::lineage::{Operator, called_by};
use tidemill_core::rdd::Collecting;
use tidemill_core::{Error, Rdd};

use super::written;
use crate::batch::PyBatch;
use crate::engine::Engine;
use crate::waiting::wait;

/// Brings one partition after the other, a job each: Spark's `toLocalIterator`.
#[pyclass(name = "RddIterator", module = "tidemill._engine", frozen)]
pub struct PyRddIterator {
    engine: Arc<Engine>,
    rdd: Rdd<PyBatch>,
    operator: Operator,
    prefetch: bool,
    ahead: Mutex<Ahead>,
}

#[derive(Default)]
struct Ahead {
    next: usize,
    /// The job of the next partition, where it was started already.
    job: Option<Collecting<PyBatch>>,
}

impl PyRddIterator {
    /// The partitions of `rdd`; with `prefetch` the next one is computed while the one before it is used.
    pub(super) fn new(engine: &Arc<Engine>, rdd: Rdd<PyBatch>, operator: Operator, prefetch: bool) -> PyRddIterator {
        PyRddIterator { engine: Arc::clone(engine), rdd, operator, prefetch, ahead: Mutex::default() }
    }

    fn advance(&self) -> Result<Option<Vec<PyBatch>>, Error> {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        if ahead.next >= self.rdd.num_partitions() {
            return Ok(None);
        }
        let job = match ahead.job.take() {
            Some(job) => job,
            None => self.start(ahead.next)?,
        };
        ahead.next += 1;
        if self.prefetch && ahead.next < self.rdd.num_partitions() {
            ahead.job = Some(self.start(ahead.next)?);
        }
        Ok(Some(job.wait()?.into_iter().flatten().collect()))
    }

    fn start(&self, partition: usize) -> Result<Collecting<PyBatch>, Error> {
        called_by(self.operator.clone(), || self.rdd.start_collect(&[partition]))
    }
}

#[pymethods]
impl PyRddIterator {
    fn next_partition<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        let batches = wait(py, || self.advance())?;
        self.engine.count_collected(batches.iter().flatten());
        batches.map(|batches| written(py, &batches)).transpose()
    }
}

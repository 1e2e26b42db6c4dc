//! The class `Stream`: a stream of batches, as Python holds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pyo3::prelude::*;
use tidemill_core::{StorageLevel, Timestamp};
use tidemill_streaming::{DStream, Error};

use crate::batch::PyBatch;
use crate::engine::Engine;
use crate::rdd::PyRdd;
use crate::streaming::error::to_python;

/// A handle on a stream whose RDDs hold batches.
#[pyclass(name = "Stream", module = "tidemill._engine", frozen, skip_from_py_object)]
#[derive(Clone)]
pub struct PyStream {
    engine: Arc<Engine>,
    stream: DStream<PyBatch>,
    number: u64,
    /// Names the source that it reads, where it is not one itself.
    name_source: Option<Arc<NameSource>>,
}

type NameSource = dyn Fn(&str) -> Result<(), Error> + Send + Sync;

impl PyStream {
    pub(super) fn new(engine: &Arc<Engine>, stream: DStream<PyBatch>) -> PyStream {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        PyStream { engine: Arc::clone(engine), stream, number, name_source: None }
    }

    /// The stream of what a source receives, which `name_source` gives an id.
    pub(super) fn reading(
        engine: &Arc<Engine>,
        stream: DStream<PyBatch>,
        name_source: impl Fn(&str) -> Result<(), Error> + Send + Sync + 'static,
    ) -> PyStream {
        PyStream { name_source: Some(Arc::new(name_source)), ..PyStream::new(engine, stream) }
    }

    /// The streaming crate's handle.
    pub(super) fn stream(&self) -> &DStream<PyBatch> {
        &self.stream
    }
}

#[pymethods]
impl PyStream {
    #[getter]
    fn slide_ms(&self) -> u64 {
        self.stream.slide().as_millis() as u64
    }

    /// A number that no other stream of this process has.
    #[getter]
    fn number(&self) -> u64 {
        self.number
    }

    fn uid(&self, py: Python<'_>, id: &str) -> PyResult<()> {
        let named = self.name_source.as_ref().map_or_else(|| self.stream.uid(id).map(drop), |name| name(id));
        named.map_err(|error| to_python(py, &error))
    }

    fn persist(&self, py: Python<'_>, level: (bool, bool, bool, bool, u8)) -> PyResult<()> {
        let (disk, memory, off_heap, deserialized, replication) = level;
        let level = StorageLevel::new(disk, memory, off_heap, deserialized, replication);
        self.stream.persist(level).map(drop).map_err(|error| to_python(py, &error))
    }

    fn checkpoint(&self, py: Python<'_>, interval_ms: u64) -> PyResult<()> {
        let interval = Duration::from_millis(interval_ms);
        self.stream.checkpoint(interval).map(drop).map_err(|error| to_python(py, &error))
    }

    fn slice(&self, py: Python<'_>, from_ms: i64, until_ms: i64) -> PyResult<Vec<PyRdd>> {
        let time = |ms: i64| Timestamp::from_millis(ms.max(0) as u64);
        let rdds = py.detach(|| self.stream.slice(time(from_ms), time(until_ms)));
        let rdds = rdds.map_err(|error| to_python(py, &error))?;
        Ok(rdds.into_iter().map(|rdd| PyRdd::new(&self.engine, rdd)).collect())
    }

    fn rdd(&self, py: Python<'_>, time_ms: u64) -> PyResult<Option<PyRdd>> {
        let rdd = py.detach(|| self.stream.rdd(Timestamp::from_millis(time_ms)));
        Ok(rdd.map_err(|error| to_python(py, &error))?.map(|rdd| PyRdd::new(&self.engine, rdd)))
    }
}

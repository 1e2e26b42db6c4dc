//! The class `Rdd`: a handle on partitions of batches.

use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use tidemill_core::files::compression::Compression;
use tidemill_core::layout::Layout;
use tidemill_core::lineage::{Operator, called_by};
use tidemill_core::{Error, Rdd, StorageLevel};

use crate::batch::{Format, PyBatch};
use crate::chain::chain;
use crate::engine::Engine;
use crate::error::to_python;
use crate::layout::{layout_of, opaque_layout};
use crate::pairs;
use crate::shuffle::{exchange, partition_natively};
use crate::waiting::wait;

mod iterator;

pub(crate) use iterator::PyRddIterator;

/// An operator as Python writes it: its name, and the file and line of the user's call.
pub(crate) type Call = (String, String, u32);

/// A batch as Python writes it: format, number of records, payload.
pub(crate) type Written = (u16, u32, Vec<u8>);

/// The call as the engine names it.
pub(crate) fn operator((name, file, line): Call) -> Operator {
    Operator { name: name.into(), file: file.into(), line }
}

/// A batch from Python.
///
/// # Errors
/// The format has no meaning.
pub(crate) fn read((format, count, payload): Written) -> PyResult<PyBatch> {
    let known = Format::from_number(format).ok_or_else(|| PyValueError::new_err(format!("no format {format}")))?;
    Ok(PyBatch::new(known, count, payload))
}

/// Batches for Python.
pub(crate) fn written<'py>(py: Python<'py>, batches: &[PyBatch]) -> PyResult<Bound<'py, PyList>> {
    let one = |batch: &PyBatch| (batch.format.number(), batch.count, PyBytes::new(py, batch.payload.as_ref()));
    PyList::new(py, batches.iter().map(one))
}

/// The layout that Python calls so, for a call of the user's.
fn named_layout(py: Python<'_>, call: &Call, name: Option<Vec<u8>>, partitions: usize) -> PyResult<Option<Layout>> {
    let layout = called_by(operator(call.clone()), || name.map(|name| opaque_layout(name, partitions)).transpose());
    layout.map_err(|error| to_python(py, &error))
}

/// A handle on partitions of batches: the engine's side of a Python RDD.
#[pyclass(name = "Rdd", module = "tidemill._engine", frozen)]
pub struct PyRdd {
    engine: Arc<Engine>,
    rdd: Rdd<PyBatch>,
}

impl PyRdd {
    /// The handle on `rdd`.
    pub(crate) fn new(engine: &Arc<Engine>, rdd: Rdd<PyBatch>) -> PyRdd {
        PyRdd { engine: Arc::clone(engine), rdd }
    }

    /// The core's handle.
    pub(crate) fn rdd(&self) -> &Rdd<PyBatch> {
        &self.rdd
    }

    /// Another RDD of the same context, made by a call of the user's.
    fn made(&self, call: Call, make: impl FnOnce(&Rdd<PyBatch>) -> Rdd<PyBatch>) -> PyRdd {
        PyRdd::new(&self.engine, called_by(operator(call), || make(&self.rdd)))
    }

    /// The same where making it takes time or may fail.
    fn tried(
        &self,
        py: Python<'_>,
        make: impl FnOnce(&Rdd<PyBatch>) -> Result<Rdd<PyBatch>, Error> + Send,
    ) -> PyResult<PyRdd> {
        let made = wait(py, || make(&self.rdd))?;
        Ok(PyRdd::new(&self.engine, made))
    }
}

#[pymethods]
impl PyRdd {
    #[getter]
    fn id(&self) -> u64 {
        self.rdd.id().0
    }

    #[getter]
    fn partitions(&self) -> usize {
        self.rdd.num_partitions()
    }

    fn layout<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        layout_of(&self.rdd).map(|name| PyBytes::new(py, &name))
    }

    fn chain(&self, py: Python<'_>, call: Call, description: Vec<u8>, frozen: bool, keeps_layout: bool) -> PyRdd {
        let work = self.engine.work(description, frozen);
        let layout = self.rdd.layout().filter(|_| keeps_layout).cloned();
        py.detach(|| self.made(call, |rdd| chain(&self.engine, rdd, &work, layout)))
    }

    #[pyo3(signature = (call, description, frozen, partitions, layout = None))]
    fn exchange(
        &self,
        py: Python<'_>,
        call: Call,
        description: Vec<u8>,
        frozen: bool,
        partitions: usize,
        layout: Option<Vec<u8>>,
    ) -> PyResult<PyRdd> {
        let work = self.engine.work(description, frozen);
        let layout = named_layout(py, &call, layout, partitions)?;
        Ok(self.made(call, |rdd| exchange(&self.engine, rdd, &work, partitions, layout)))
    }

    fn partition_natively(
        &self,
        py: Python<'_>,
        call: Call,
        description: Vec<u8>,
        partitions: usize,
        layout: Vec<u8>,
    ) -> PyResult<PyRdd> {
        let work = self.engine.work(description, true);
        let layout = named_layout(py, &call, Some(layout), partitions)?;
        Ok(self.made(call, |rdd| partition_natively(&self.engine, rdd, &work, partitions, layout)))
    }

    fn cartesian(&self, call: Call, other: &PyRdd) -> PyRdd {
        self.made(call, |rdd| pairs::cartesian(rdd, &other.rdd))
    }

    fn zipped(&self, py: Python<'_>, call: Call, other: &PyRdd) -> PyResult<PyRdd> {
        self.tried(py, |rdd| called_by(operator(call), || pairs::zip(rdd, &other.rdd)))
    }

    fn coalesce(&self, call: Call, partitions: usize) -> PyRdd {
        self.made(call, |rdd| rdd.coalesce(partitions))
    }

    fn barrier(&self, call: Call) -> PyRdd {
        self.made(call, |rdd| rdd.barrier().rdd().clone())
    }

    fn named(&self, name: String) -> PyRdd {
        PyRdd::new(&self.engine, called_by(self.rdd.operator().clone(), || self.rdd.named(name)))
    }

    fn persist(&self, level: (bool, bool, bool, bool, u8)) -> PyRdd {
        let (disk, memory, off_heap, deserialized, replication) = level;
        let level = StorageLevel::new(disk, memory, off_heap, deserialized, replication);
        PyRdd::new(&self.engine, called_by(self.rdd.operator().clone(), || self.rdd.persist(level)))
    }

    #[pyo3(signature = (blocking = false))]
    fn unpersist(&self, py: Python<'_>, blocking: bool) {
        let _ = blocking; // the engine forgets at once
        py.detach(|| self.rdd.unpersist());
    }

    fn checkpoint(&self, py: Python<'_>) -> PyResult<PyRdd> {
        let call = Operator { name: "checkpoint".into(), ..self.rdd.operator().clone() };
        self.tried(py, |rdd| called_by(call, || rdd.checkpoint()))
    }

    fn local_checkpoint(&self, py: Python<'_>) -> PyResult<PyRdd> {
        let call = Operator { name: "localCheckpoint".into(), ..self.rdd.operator().clone() };
        self.tried(py, |rdd| called_by(call, || rdd.local_checkpoint()))
    }

    fn checkpoint_file(&self) -> Option<String> {
        self.rdd.checkpoint_file().map(|folder| folder.to_string_lossy().into_owned())
    }

    fn release_checkpoint(&self) {
        self.rdd.release_checkpoint();
    }

    fn debug_string(&self) -> String {
        self.rdd.to_debug_string()
    }

    fn run<'py>(&self, py: Python<'py>, call: Call, partitions: Vec<usize>) -> PyResult<Bound<'py, PyList>> {
        let parts =
            wait(py, || called_by(operator(call), || self.rdd.start_collect(&partitions).and_then(|job| job.wait())))?;
        self.engine.count_collected(parts.iter().flatten());
        PyList::new(py, parts.iter().map(|part| written(py, part)).collect::<PyResult<Vec<_>>>()?)
    }

    fn run_async<'py>(
        &self,
        py: Python<'py>,
        call: Call,
        partitions: Vec<usize>,
        timeout_ms: u64,
    ) -> PyResult<Bound<'py, PyList>> {
        let timeout = Duration::from_millis(timeout_ms);
        let parts = wait(py, || {
            called_by(operator(call), || self.rdd.start_collect(&partitions).and_then(|job| job.wait_within(timeout)))
        })?;
        self.engine.count_collected(parts.iter().flatten().flatten());
        let each = parts.iter().map(|part| part.as_ref().map(|part| written(py, part)).transpose());
        PyList::new(py, each.collect::<PyResult<Vec<_>>>()?)
    }

    fn iterate(&self, call: Call, prefetch: bool) -> PyRddIterator {
        PyRddIterator::new(&self.engine, self.rdd.clone(), operator(call), prefetch)
    }

    #[pyo3(signature = (call, path, codec, replace = false))]
    fn save_text(&self, py: Python<'_>, call: Call, path: &str, codec: Option<&str>, replace: bool) -> PyResult<()> {
        let call = operator(call);
        let compression = codec.map_or(Ok(Compression::Plain), Compression::named);
        let compression =
            compression.map_err(|cause| to_python(py, &Error::Driver { operator: call.clone(), cause }))?;
        wait(py, || {
            called_by(call, || {
                let payloads = self.rdd.map(|batch| batch.payload);
                if replace {
                    payloads.overwrite_bytes(path, compression)
                } else {
                    payloads.save_bytes(path, compression)
                }
            })
        })
    }
}

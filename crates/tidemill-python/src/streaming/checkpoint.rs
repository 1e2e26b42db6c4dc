//! The class `Checkpoint`: what an earlier run has left, as Python holds it until a context takes it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tidemill_core::files::paths;
use tidemill_core::settings::Settings;
use tidemill_streaming::checkpoint::Checkpoint;

use crate::error::engine_error;
use crate::streaming::error::to_python;

/// What an earlier run has left. Nobody else can use its directory before it is closed or recovered.
#[pyclass(name = "Checkpoint", module = "tidemill._engine", frozen)]
pub struct PyCheckpoint {
    is_private: bool,
    held: Mutex<Option<Checkpoint>>,
}

impl PyCheckpoint {
    /// Whether nobody else can have written it.
    pub(super) fn is_private(&self) -> bool {
        self.is_private
    }

    /// The checkpoint, for the context that goes on from it.
    ///
    /// # Errors
    /// It was taken or closed before.
    pub(super) fn take(&self, py: Python<'_>) -> PyResult<Checkpoint> {
        self.held().take().ok_or_else(|| engine_error(py, "streaming", "the checkpoint is closed".into()))
    }

    fn held(&self) -> MutexGuard<'_, Option<Checkpoint>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl PyCheckpoint {
    #[staticmethod]
    fn open(py: Python<'_>, location: &str, settings: BTreeMap<String, String>) -> PyResult<Option<PyCheckpoint>> {
        let place = place(py, location)?;
        let is_private = !is_url(location); // the storage refuses a folder where others may write
        let found = py.detach(|| Checkpoint::open(&place, &Settings::from_pairs(settings)));
        let found = found.map_err(|error| to_python(py, &error.into()))?;
        Ok(found.map(|checkpoint| PyCheckpoint { is_private, held: Mutex::new(Some(checkpoint)) }))
    }

    #[getter]
    fn program<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.held().as_ref().and_then(Checkpoint::program).map(|program| PyBytes::new(py, program))
    }

    #[getter(is_private)]
    fn private(&self) -> bool {
        self.is_private
    }

    fn close(&self) {
        drop(self.held().take());
    }
}

/// Where checkpoints lie: a folder, or the URL of an object store.
///
/// # Errors
/// It is neither.
pub(super) fn place(py: Python<'_>, location: &str) -> PyResult<PathBuf> {
    if is_url(location) {
        return Ok(location.into());
    }
    paths::local(location).map_err(|cause| engine_error(py, "input", cause.to_string()))
}

fn is_url(location: &str) -> bool {
    location.contains("://") && !location.starts_with("file:")
}

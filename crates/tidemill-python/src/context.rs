//! The class `Context`: one engine, as Python programs hold it.

use std::collections::BTreeMap;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use tidemill_core::files::paths::{self, uri};
use tidemill_core::lineage::called_by;
use tidemill_core::settings::keys;
use tidemill_core::{Error, Rdd, Settings};

use crate::batch::PyBatch;
use crate::engine::Engine;
use crate::error::to_python;
use crate::pool::PoolSettings;
use crate::rdd::{Call, PyRdd, Written, operator, read};
use crate::source;
use crate::start::pool_settings;
use crate::status::PyStatus;
use crate::waiting::wait;

/// One engine: makes RDDs and runs their jobs.
#[pyclass(name = "Context", module = "tidemill._engine", frozen)]
pub struct PyContext {
    engine: Arc<Engine>,
    status: PyStatus,
}

impl PyContext {
    /// What its handles share.
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// An RDD that a call of the user's makes.
    fn tried(
        &self,
        py: Python<'_>,
        call: Call,
        make: impl FnOnce(&tidemill_core::Context) -> Result<Rdd<PyBatch>, Error> + Send,
    ) -> PyResult<PyRdd> {
        let made = wait(py, || called_by(operator(call), || make(self.engine.context())))?;
        Ok(PyRdd::new(&self.engine, made))
    }
}

#[pymethods]
impl PyContext {
    #[new]
    fn new(
        py: Python<'_>,
        settings: BTreeMap<String, String>,
        python: String,
        init: &Bound<'_, PyDict>,
    ) -> PyResult<PyContext> {
        let workers = pool_settings(py, python, init)?;
        let engine = wait(py, || {
            Engine::new(&Settings::from_pairs(settings), |context| {
                let config = context.config();
                PoolSettings {
                    scratch: config.local_dirs(),
                    memory: config.get(keys::PYTHON_WORKER_MEMORY).bytes(),
                    hard_memory: config.get(keys::PYTHON_WORKER_HARD_MEMORY).bytes(),
                    warm: config.master().threads, // one for each task that runs at a time
                    ..workers
                }
            })
        })?;
        let status = PyStatus::of(engine.context());
        Ok(PyContext { engine, status })
    }

    #[getter]
    fn default_parallelism(&self) -> usize {
        self.engine.context().default_parallelism()
    }

    #[getter]
    fn default_min_partitions(&self) -> usize {
        self.engine.context().default_min_partitions()
    }

    #[getter]
    fn start_time_ms(&self) -> u64 {
        self.engine.context().start_time().millis()
    }

    #[getter]
    fn stopped(&self) -> bool {
        self.engine.context().is_stopped()
    }

    fn settings(&self) -> Vec<(String, String)> {
        let written = self.engine.context().config().written().iter();
        written.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn rows(&self, call: Call, partitions: Vec<Vec<Written>>) -> PyResult<PyRdd> {
        let partition = |batches: Vec<Written>| batches.into_iter().map(read).collect::<PyResult<Vec<PyBatch>>>();
        let partitions = partitions.into_iter().map(partition).collect::<PyResult<Vec<_>>>()?;
        let rdd = called_by(operator(call), || source::given(self.engine.context(), partitions));
        Ok(PyRdd::new(&self.engine, rdd))
    }

    fn nothing(&self, call: Call, partitions: usize) -> PyRdd {
        let partitions = vec![Vec::new(); partitions];
        PyRdd::new(&self.engine, called_by(operator(call), || source::given(self.engine.context(), partitions)))
    }

    #[pyo3(signature = (call, paths, min_partitions = None))]
    fn text_file(&self, py: Python<'_>, call: Call, paths: &str, min_partitions: Option<usize>) -> PyResult<PyRdd> {
        self.tried(py, call, |context| source::text_file(context, paths, min_partitions))
    }

    #[pyo3(signature = (call, paths, min_partitions = None))]
    fn whole_text_files(
        &self,
        py: Python<'_>,
        call: Call,
        paths: &str,
        min_partitions: Option<usize>,
    ) -> PyResult<PyRdd> {
        self.tried(py, call, |context| source::whole_text_files(context, paths, min_partitions))
    }

    #[pyo3(signature = (call, paths, min_partitions = None))]
    fn binary_files(&self, py: Python<'_>, call: Call, paths: &str, min_partitions: Option<usize>) -> PyResult<PyRdd> {
        self.tried(py, call, |context| source::binary_files(context, paths, min_partitions))
    }

    fn binary_records(&self, py: Python<'_>, call: Call, paths: &str, record_bytes: u64) -> PyResult<PyRdd> {
        self.tried(py, call, |context| source::binary_records(context, paths, record_bytes))
    }

    fn list_files(&self, py: Python<'_>, paths: &str) -> PyResult<Vec<String>> {
        let call = || operator(("list_files".into(), String::new(), 0));
        let found = wait(py, || paths::find(paths).map_err(|cause| Error::Driver { operator: call(), cause }))?;
        Ok(found.iter().map(|file| uri(&file.path)).collect())
    }

    fn union(&self, call: Call, rdds: Vec<PyRef<'_, PyRdd>>) -> PyRdd {
        let rdds: Vec<Rdd<PyBatch>> = rdds.iter().map(|rdd| rdd.rdd().clone()).collect();
        PyRdd::new(&self.engine, called_by(operator(call), || self.engine.context().union(&rdds)))
    }

    fn set_checkpoint_dir(&self, py: Python<'_>, directory: &str) -> PyResult<()> {
        let local = paths::local(directory);
        let call = || operator(("setCheckpointDir".into(), String::new(), 0));
        let path = local.map_err(|cause| to_python(py, &Error::Driver { operator: call(), cause }))?;
        wait(py, || called_by(call(), || self.engine.context().set_checkpoint_dir(path)))
    }

    fn take_updates<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let updates = self.engine.take_updates();
        PyList::new(py, updates.iter().map(|update| PyBytes::new(py, update)))
    }

    #[pyo3(signature = (key, value = None))]
    fn set_local_property(&self, key: &str, value: Option<&str>) {
        self.engine.context().set_local_property(key, value);
    }

    fn get_local_property(&self, key: &str) -> Option<String> {
        self.engine.context().local_property(key)
    }

    fn local_properties(&self) -> BTreeMap<String, String> {
        (*self.engine.context().local_properties()).clone()
    }

    fn set_local_properties(&self, properties: BTreeMap<String, String>) {
        self.engine.context().set_local_properties(Arc::new(properties));
    }

    fn cancel_job_group(&self, py: Python<'_>, group: &str) {
        py.detach(|| self.engine.context().cancel_job_group(group));
    }

    fn cancel_jobs_with_tag(&self, py: Python<'_>, tag: &str) {
        py.detach(|| self.engine.context().cancel_jobs_with_tag(tag));
    }

    fn cancel_all_jobs(&self, py: Python<'_>) {
        py.detach(|| self.engine.context().cancel_all_jobs());
    }

    fn status(&self) -> PyStatus {
        self.status.clone()
    }

    fn worker_pids(&self) -> Vec<u32> {
        self.engine.workers().pids()
    }

    fn collected_bytes(&self) -> u64 {
        self.engine.collected_bytes()
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.engine.stop());
    }
}

//! Functions of the driver that the engine calls for each batch.

use std::fmt;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tidemill_core::{Cause, Rdd};

use crate::batch::PyBatch;
use crate::engine::Engine;
use crate::rdd::PyRdd;

/// A Python function, and the engine whose RDDs it gets.
pub(super) struct Callback {
    engine: Arc<Engine>,
    function: Py<PyAny>,
}

impl Callback {
    pub(super) fn new(engine: &Arc<Engine>, function: Py<PyAny>) -> Callback {
        Callback { engine: Arc::clone(engine), function }
    }

    /// Calls it with the time of a batch and what `arguments` makes; takes the GIL once.
    fn call<R>(
        &self,
        arguments: impl for<'py> FnOnce(Python<'py>) -> PyResult<Bound<'py, PyTuple>>,
        read: impl FnOnce(Bound<'_, PyAny>) -> PyResult<R>,
    ) -> Result<R, Raised> {
        Python::attach(|py| {
            let called = arguments(py).and_then(|arguments| self.function.bind(py).call1(arguments));
            called.and_then(read).map_err(|error| Raised::new(py, error))
        })
    }

    /// `function(time, [rdds])`, an RDD or none.
    pub(super) fn on_all(&self, time: u64, rdds: Vec<Option<Rdd<PyBatch>>>) -> Result<Option<Rdd<PyBatch>>, Raised> {
        let rdds: Vec<_> = rdds.into_iter().map(|rdd| self.handle(rdd)).collect();
        self.call(|py| (time, rdds).into_pyobject(py), made)
    }

    /// `function(time, previous, entering, leaving)`, an RDD or none.
    pub(super) fn on_window(&self, time: u64, rdds: [Option<Rdd<PyBatch>>; 3]) -> Result<Option<Rdd<PyBatch>>, Raised> {
        let [previous, entering, leaving] = rdds.map(|rdd| self.handle(rdd));
        self.call(|py| (time, previous, entering, leaving).into_pyobject(py), made)
    }

    /// `function(time, rdd)`: an RDD, a pickled description, and whether nothing in that can change.
    pub(super) fn on_update(&self, time: u64, rdd: Rdd<PyBatch>) -> Result<(Rdd<PyBatch>, Vec<u8>, bool), Raised> {
        let rdd = PyRdd::new(&self.engine, rdd);
        self.call(
            |py| (time, rdd).into_pyobject(py),
            |given| {
                let (handle, description, frozen): (PyRef<'_, PyRdd>, Vec<u8>, bool) = given.extract()?;
                Ok((handle.rdd().clone(), description, frozen))
            },
        )
    }

    /// `function(time, rdd)`, for what it does.
    pub(super) fn on_one(&self, time: u64, rdd: Rdd<PyBatch>) -> Result<(), Raised> {
        let rdd = PyRdd::new(&self.engine, rdd);
        self.call(|py| (time, rdd).into_pyobject(py), |_| Ok(()))
    }

    fn handle(&self, rdd: Option<Rdd<PyBatch>>) -> Option<PyRdd> {
        rdd.map(|rdd| PyRdd::new(&self.engine, rdd))
    }
}

fn made(given: Bound<'_, PyAny>) -> PyResult<Option<Rdd<PyBatch>>> {
    let handle: Option<PyRef<'_, PyRdd>> = given.extract()?;
    Ok(handle.map(|handle| handle.rdd().clone()))
}

/// An exception of a driver's function, with the words in which Spark tells of it.
#[derive(Debug)]
pub(super) struct Raised {
    error: PyErr,
    traceback: String,
}

impl Raised {
    fn new(py: Python<'_>, error: PyErr) -> Raised {
        let formatted = || -> PyResult<String> {
            let calling = py.import("tidemill.streaming._calling")?;
            calling.call_method1("traceback_of", (error.value(py), error.traceback(py)))?.extract()
        };
        let traceback = formatted().unwrap_or_else(|_| error.to_string()); // its own text may fail
        // Made anew of the exception, which has a shorter traceback now.
        Raised { error: PyErr::from_value(error.value(py).clone().into_any()), traceback }
    }

    /// The exception itself.
    pub(super) fn error(&self, py: Python<'_>) -> PyErr {
        self.error.clone_ref(py)
    }

    /// Where it was raised.
    pub(super) fn traceback(&self) -> &str {
        &self.traceback
    }

    pub(super) fn into_cause(self) -> Cause {
        Cause::User(Arc::new(self))
    }
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "An exception was raised by Python:\n{}", self.traceback.trim_end())
    }
}

impl std::error::Error for Raised {}

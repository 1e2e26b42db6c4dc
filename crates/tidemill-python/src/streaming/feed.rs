//! The input of tests: RDDs that they push, one for each batch.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tidemill_core::{Rdd, Timestamp};
use tidemill_streaming::checkpoint::RecoveryError;
use tidemill_streaming::dstream::{Compute, Computed};
use tidemill_streaming::event::InputInfo;
use tidemill_streaming::input::{Input, InputId};
use tidemill_streaming::{DStream, Error, StreamingContext};

use crate::batch::PyBatch;
use crate::rdd::PyRdd;
use crate::streaming::stream::PyStream;

/// What a test pushes into its program.
#[pyclass(name = "Feed", module = "tidemill._engine", frozen)]
pub struct PyFeed {
    input: Arc<Pushed>,
    stream: PyStream,
}

impl PyFeed {
    /// An input of its own, and the stream of what is pushed into it.
    /// `again` makes the RDD of a batch anew of what `push` was given beside it.
    pub(super) fn new(
        streaming: &StreamingContext,
        again: Py<PyAny>,
        stream: impl FnOnce(DStream<PyBatch>) -> PyStream,
    ) -> PyFeed {
        let input = streaming.add_input(|id| Arc::new(Pushed { id, again, state: Mutex::default() }));
        let stream = stream(streaming.stream("test_input", Batches(Arc::clone(&input))));
        PyFeed { input, stream }
    }
}

#[pymethods]
impl PyFeed {
    #[getter]
    fn stream(&self) -> PyStream {
        self.stream.clone()
    }

    /// The RDD of the next batch, or none for it; `records` is what listeners are told, `entry` is what a checkpoint keeps.
    #[pyo3(signature = (rdd, records = 0, entry = Vec::new()))]
    fn push(&self, rdd: Option<PyRef<'_, PyRdd>>, records: u64, entry: Vec<u8>) {
        let rdd = rdd.map(|rdd| rdd.rdd().clone());
        self.input.state().waiting.push_back((Batch { rdd, entry }, records));
    }
}

struct Pushed {
    id: InputId,
    again: Py<PyAny>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Batch, u64)>,
    batches: BTreeMap<Timestamp, Batch>,
}

#[derive(Clone)]
struct Batch {
    rdd: Option<Rdd<PyBatch>>,
    /// What a checkpoint keeps of it.
    entry: Vec<u8>,
}

impl Pushed {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Input for Pushed {
    fn id(&self) -> InputId {
        self.id
    }

    fn name(&self) -> String {
        format!("Test stream [{}]", self.id.stream)
    }

    fn allocate(&self, time: Timestamp) -> Option<InputInfo> {
        let mut state = self.state();
        let (batch, records) = state.waiting.pop_front()?;
        state.batches.entry(time).or_insert(batch);
        Some(InputInfo { records, ..InputInfo::default() })
    }

    fn entry(&self, time: Timestamp) -> Vec<u8> {
        self.state().batches.get(&time).map(|batch| batch.entry.clone()).unwrap_or_default()
    }

    fn restore(&self, time: Timestamp, entry: &[u8]) -> Result<(), Error> {
        if entry.is_empty() {
            return Ok(());
        }
        let made = Python::attach(|py| {
            let made = self.again.call1(py, (PyBytes::new(py, entry),))?;
            let rdd: Option<PyRef<'_, PyRdd>> = made.extract(py)?;
            Ok::<_, PyErr>(rdd.map(|rdd| rdd.rdd().clone()))
        });
        let failed = |error: PyErr| RecoveryError::Input { time, id: self.name(), reason: error.to_string() };
        let batch = Batch { rdd: made.map_err(failed)?, entry: entry.to_vec() };
        self.state().batches.insert(time, batch);
        Ok(())
    }

    fn has_backlog(&self) -> bool {
        !self.state().waiting.is_empty()
    }

    fn clear(&self) {
        let state = std::mem::take(&mut *self.state());
        drop(state); // without the lock: lineages may end here
    }
}

struct Batches(Arc<Pushed>);

impl Compute<PyBatch> for Batches {
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<PyBatch> {
        let pushed = self.0.state().batches.get(&time).cloned();
        Ok(pushed.map_or_else(|| Some(streaming.context().empty()), |batch| batch.rdd))
    }

    fn input(&self) -> Option<u32> {
        Some(self.0.id.stream)
    }

    fn forget(&self, time: Timestamp) {
        self.0.state().batches.retain(|of, _| *of > time);
    }
}

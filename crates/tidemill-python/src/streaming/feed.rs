//! The input of tests: RDDs that they push, one for each batch.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use tidemill_core::{Rdd, Timestamp};
use tidemill_streaming::dstream::{Compute, Computed};
use tidemill_streaming::event::InputInfo;
use tidemill_streaming::input::{Input, InputId};
use tidemill_streaming::{DStream, StreamingContext};

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
    pub(super) fn new(streaming: &StreamingContext, stream: impl FnOnce(DStream<PyBatch>) -> PyStream) -> PyFeed {
        let input = streaming.add_input(|id| Arc::new(Pushed { id, state: Mutex::default() }));
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

    /// The RDD of the next batch, or none for it; `records` is what listeners are told.
    #[pyo3(signature = (rdd, records = 0))]
    fn push(&self, rdd: Option<PyRef<'_, PyRdd>>, records: u64) {
        self.input.state().waiting.push_back((rdd.map(|rdd| rdd.rdd().clone()), records));
    }
}

struct Pushed {
    id: InputId,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Option<Rdd<PyBatch>>, u64)>,
    batches: BTreeMap<Timestamp, Option<Rdd<PyBatch>>>,
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
        let (rdd, records) = state.waiting.pop_front()?;
        state.batches.entry(time).or_insert(rdd);
        Some(InputInfo { records, ..InputInfo::default() })
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
        Ok(pushed.unwrap_or_else(|| Some(streaming.context().empty())))
    }

    fn forget(&self, time: Timestamp) {
        self.0.state().batches.retain(|of, _| *of > time);
    }
}

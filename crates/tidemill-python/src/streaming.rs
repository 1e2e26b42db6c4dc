//! The class `StreamingContext`: streams of batches, as Python programs hold them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pyo3::prelude::*;
use tidemill_core::lineage::{Operator, called_by};
use tidemill_core::{Cause, Clock, ManualClock, Rdd, StorageLevel, Timestamp};
use tidemill_streaming::{DStream, Error, QueueOptions, RddQueue, State, Stop, StreamingContext};

use crate::batch::PyBatch;
use crate::context::PyContext;
use crate::engine::Engine;
use crate::error::engine_error;
use crate::rdd::{Call, PyRdd, operator};
use crate::source;
use crate::state::Reads;
use crate::streaming::callback::Callback;
use crate::streaming::error::to_python;
use crate::streaming::folding::Folding;
use crate::streaming::listener::Told;
use crate::streaming::transformed::Transformed;
use crate::streaming::update_state::{First, UpdateState};

mod callback;
mod checkpoint;
mod error;
mod feed;
mod folding;
mod kept_states;
mod life;
mod listener;
mod stream;
mod transformed;
mod update_state;

pub use checkpoint::PyCheckpoint;
pub use feed::PyFeed;
pub use stream::PyStream;

/// An `EngineError` for what the Python side of streams refuses.
#[pyfunction]
pub fn refusal(py: Python<'_>, message: String) -> PyErr {
    engine_error(py, "streaming", message)
}

/// The entry to streams.
#[pyclass(name = "StreamingContext", module = "tidemill._engine", frozen)]
pub struct PyStreamingContext {
    engine: Arc<Engine>,
    streaming: StreamingContext,
    /// The clock of a test, which stands still.
    clock: Option<ManualClock>,
}

impl PyStreamingContext {
    /// As [`made`](Self::made), of a source and the stream of its batches.
    ///
    /// # Errors
    /// As there.
    fn read<T: 'static>(
        &self,
        py: Python<'_>,
        call: Call,
        source: impl FnOnce(&StreamingContext) -> DStream<T> + Send,
        batches: impl FnOnce(&DStream<T>) -> DStream<PyBatch> + Send,
    ) -> PyResult<PyStream> {
        self.check_open(py)?;
        let (source, stream) = py.detach(|| {
            called_by(operator(call), || {
                let source = source(&self.streaming);
                let stream = batches(&source);
                (source, stream)
            })
        });
        Ok(PyStream::reading(&self.engine, stream, move |id| source.uid(id).map(drop)))
    }

    /// A stream that a call of the user's makes.
    ///
    /// # Errors
    /// The context was started: nothing can be added any more (behaviour 10.2).
    fn made(
        &self,
        py: Python<'_>,
        call: Call,
        make: impl FnOnce(&StreamingContext) -> Result<DStream<PyBatch>, Error> + Send,
    ) -> PyResult<PyStream> {
        self.check_open(py)?;
        let made = py.detach(|| called_by(operator(call), || make(&self.streaming)));
        made.map(|stream| PyStream::new(&self.engine, stream)).map_err(|error| to_python(py, &error))
    }

    fn check_open(&self, py: Python<'_>) -> PyResult<()> {
        let when = match self.streaming.state() {
            State::Initialized => return Ok(()),
            State::Active => "starting",
            State::Stopped => "stopping",
        };
        let message = format!(
            "Adding new inputs, transformations, and output operations after {when} a context is not supported; declare \
             them before start()"
        );
        Err(engine_error(py, "streaming", message))
    }
}

#[pymethods]
impl PyStreamingContext {
    #[new]
    #[pyo3(signature = (context, interval_ms, manual_start_ms = None))]
    fn new(
        py: Python<'_>,
        context: PyRef<'_, PyContext>,
        interval_ms: u64,
        manual_start_ms: Option<u64>,
    ) -> PyResult<PyStreamingContext> {
        let engine = Arc::clone(context.engine());
        let clock = manual_start_ms.map(|start| ManualClock::at(Timestamp::from_millis(start)));
        let source = match &clock {
            Some(clock) => Arc::new(clock.clone()) as Arc<dyn Clock>,
            None => Arc::clone(engine.context().clock()),
        };
        let interval = Duration::from_millis(interval_ms);
        let streaming = StreamingContext::with_clock(engine.context(), interval, source);
        let streaming = streaming.map_err(|error| to_python(py, &error))?;
        streaming.leave_signals(); // Python has handlers of its own
        Ok(PyStreamingContext { engine, streaming, clock })
    }

    /// Keeps what `program()` gives in the checkpoint; it is asked at the start and with each batch.
    fn keep_program(&self, program: Py<PyAny>) {
        self.streaming.keep_program(move || {
            let asked = Python::attach(|py| program.call0(py)?.extract::<Vec<u8>>(py));
            asked.map_err(|error| {
                let operator = Operator { name: "checkpoint".into(), file: "".into(), line: 0 };
                let cause = Cause::Invalid(format!("the program cannot be written: {error}"));
                Error::Argument { cause: Arc::new(tidemill_core::Error::Driver { operator, cause }) }
            })
        });
    }

    /// Whether the batch of that time will not be run again, whatever happens to the process.
    fn is_kept(&self, py: Python<'_>, time_ms: u64) -> bool {
        py.detach(|| self.streaming.is_kept(Timestamp::from_millis(time_ms)))
    }

    /// Lets the start go on from a checkpoint. States that others may have written are read where they are signed, or where
    /// the program trusts them.
    fn recover(&self, py: Python<'_>, checkpoint: &PyCheckpoint, trust: bool) -> PyResult<()> {
        self.engine.seal().set_reads(match (trust, checkpoint.is_private()) {
            (true, _) => Reads::All,
            (false, true) => Reads::Private,
            (false, false) => Reads::Signed,
        });
        let checkpoint = checkpoint.take(py)?;
        py.detach(|| self.streaming.recover(checkpoint)).map_err(|error| to_python(py, &error))
    }

    #[getter]
    fn interval_ms(&self) -> u64 {
        self.streaming.interval().as_millis() as u64
    }

    #[getter]
    fn state(&self, py: Python<'_>) -> &'static str {
        match py.detach(|| self.streaming.state()) {
            State::Initialized => "INITIALIZED",
            State::Active => "ACTIVE",
            State::Stopped => "STOPPED",
        }
    }

    #[getter]
    fn zero_ms(&self, py: Python<'_>) -> Option<u64> {
        py.detach(|| self.streaming.zero()).map(|zero| zero.millis())
    }

    fn socket_text_stream(&self, py: Python<'_>, call: Call, host: &str, port: u16) -> PyResult<PyStream> {
        let batches = |blocks: &DStream<_>| blocks.transform(|rdd, _| source::of_blocks(&rdd));
        self.read(py, call, |streaming| streaming.socket_text_blocks(host, port), batches)
    }

    fn text_file_stream(&self, py: Python<'_>, call: Call, directory: &str) -> PyResult<PyStream> {
        let batches = |blocks: &DStream<_>| blocks.transform(|rdd, _| source::of_blocks(&rdd));
        self.read(py, call, |streaming| streaming.text_file_blocks(directory), batches)
    }

    fn binary_records_stream(
        &self,
        py: Python<'_>,
        call: Call,
        directory: &str,
        record_length: u64,
    ) -> PyResult<PyStream> {
        let batches = |records: &DStream<_>| records.transform(|rdd, _| source::of_records(&rdd));
        self.read(py, call, |streaming| streaming.binary_records_stream(directory, record_length), batches)
    }

    #[pyo3(signature = (call, rdds, one_at_a_time, default = None))]
    fn queue_stream(
        &self,
        py: Python<'_>,
        call: Call,
        rdds: Vec<PyRef<'_, PyRdd>>,
        one_at_a_time: bool,
        default: Option<PyRef<'_, PyRdd>>,
    ) -> PyResult<PyStream> {
        let queue: RddQueue<PyBatch> = rdds.iter().map(|rdd| rdd.rdd().clone()).collect();
        let default: Option<Rdd<PyBatch>> = default.map(|rdd| rdd.rdd().clone());
        self.made(py, call, |streaming| {
            let options = QueueOptions::as_in_python(streaming.context());
            let options = if one_at_a_time { options } else { options.all_at_once() };
            let options = default.into_iter().fold(options, QueueOptions::default_rdd);
            Ok(streaming.queue_stream_with(&queue, options))
        })
    }

    fn transform(
        &self,
        py: Python<'_>,
        call: Call,
        parents: Vec<PyRef<'_, PyStream>>,
        function: Py<PyAny>,
    ) -> PyResult<PyStream> {
        let parents: Vec<_> = parents.iter().map(|parent| parent.stream().clone()).collect();
        let (operator, function) = (operator(call.clone()), Callback::new(&self.engine, function));
        self.made(py, call, |streaming| {
            let slide = parents.first().map_or(streaming.interval(), DStream::slide);
            Ok(streaming.stream_every("transform", slide, Transformed { operator, parents, function }))
        })
    }

    fn union(&self, py: Python<'_>, call: Call, parents: Vec<PyRef<'_, PyStream>>) -> PyResult<PyStream> {
        let parents: Vec<_> = parents.iter().map(|parent| parent.stream().clone()).collect();
        self.made(py, call, |streaming| streaming.union(&parents))
    }

    fn window(
        &self,
        py: Python<'_>,
        call: Call,
        parent: &PyStream,
        window_ms: u64,
        slide_ms: u64,
    ) -> PyResult<PyStream> {
        let (window, slide) = (Duration::from_millis(window_ms), Duration::from_millis(slide_ms));
        self.made(py, call, |_| parent.stream().window_every(window, slide))
    }

    fn folding(
        &self,
        py: Python<'_>,
        call: Call,
        parent: &PyStream,
        slide_ms: u64,
        window_ms: u64,
        function: Py<PyAny>,
    ) -> PyResult<PyStream> {
        let (window, slide) = (Duration::from_millis(window_ms), Duration::from_millis(slide_ms));
        let (operator, function) = (operator(call.clone()), Callback::new(&self.engine, function));
        self.made(py, call, |streaming| {
            // Each batch is read when it enters and when it leaves.
            let parent = parent.stream().persist(StorageLevel::MEMORY_AND_DISK)?;
            let folding = Folding { operator, parent, window, slide, function, last: Mutex::default() };
            Ok(streaming.stream_every("folding", slide, folding))
        })
    }

    fn update_state(
        &self,
        py: Python<'_>,
        call: Call,
        parent: &PyStream,
        lies: &PyRdd,
        initial: Option<(PyRef<'_, PyRdd>, Py<PyAny>)>,
        prepare: Py<PyAny>,
    ) -> PyResult<PyStream> {
        let (operator, prepare) = (operator(call.clone()), Callback::new(&self.engine, prepare));
        let initial = initial.map(|(rdd, taken)| First { states: rdd.rdd().clone(), taken });
        let (parent, lies) = (parent.stream(), lies.rdd());
        self.made(py, call, |streaming| {
            let update = UpdateState::new(operator, &self.engine, parent.clone(), lies, initial, prepare);
            Ok(streaming.stream_every("updateStateByKey", parent.slide(), update))
        })
    }

    fn for_each(&self, py: Python<'_>, call: Call, stream: &PyStream, function: Py<PyAny>) -> PyResult<()> {
        self.check_open(py)?;
        let (stream, function) = (stream.stream(), Callback::new(&self.engine, function));
        let output = move |rdd: Rdd<PyBatch>, time: Timestamp| Ok(function.on_one(time.millis(), rdd)?);
        py.detach(|| called_by(operator(call), || stream.foreach_rdd(output)));
        Ok(())
    }

    fn remember(&self, py: Python<'_>, duration_ms: u64) -> PyResult<()> {
        self.streaming.remember(Duration::from_millis(duration_ms)).map_err(|error| to_python(py, &error))
    }

    #[pyo3(signature = (directory = None))]
    fn checkpoint(&self, py: Python<'_>, directory: Option<&str>) -> PyResult<()> {
        let Some(directory) = directory else {
            self.streaming.without_checkpoints();
            return Ok(());
        };
        let path = checkpoint::place(py, directory)?;
        let call = Operator { name: "checkpoint".into(), file: "".into(), line: 0 };
        let set = py.detach(|| called_by(call, || self.streaming.checkpoint(path)));
        set.map_err(|error| to_python(py, &error))
    }

    fn add_listener(&self, py: Python<'_>, listener: Py<PyAny>) -> PyResult<()> {
        let added = self.streaming.add_listener("python", Told { function: listener });
        added.map(drop).map_err(|error| engine_error(py, "streaming", error.to_string()))
    }

    fn start(&self, py: Python<'_>) -> PyResult<()> {
        self.engine.expect_tasks(); // so that the first batch finds workers
        py.detach(|| self.streaming.start()).map_err(|error| to_python(py, &error))
    }

    #[pyo3(signature = (timeout_ms = None))]
    fn await_termination(&self, py: Python<'_>, timeout_ms: Option<u64>) -> PyResult<bool> {
        life::await_termination(py, &self.streaming, timeout_ms.map(Duration::from_millis))
    }

    fn stop(&self, py: Python<'_>, stop_context: bool, graceful: bool) -> PyResult<()> {
        life::stop(py, &self.streaming, Stop { graceful, context: stop_context })
    }

    fn feed(&self, py: Python<'_>, call: Call, again: Py<PyAny>) -> PyResult<PyFeed> {
        self.check_open(py)?;
        let stream = |stream| PyStream::new(&self.engine, stream);
        Ok(called_by(operator(call), || PyFeed::new(&self.streaming, again, stream)))
    }

    fn tick(&self, py: Python<'_>) -> PyResult<()> {
        let Some(clock) = &self.clock else {
            return Err(engine_error(
                py,
                "streaming",
                "only a context with a clock of its own can be told to tick".into(),
            ));
        };
        let interval = self.streaming.interval();
        py.detach(|| clock.advance(interval));
        let micros = interval.as_micros() as u64;
        life::await_batch(py, &self.streaming, Timestamp::from_micros(clock.now().micros() / micros * micros))
    }
}

//! What happens to batches and receivers, as Python's listeners are told.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tidemill_core::Timestamp;
use tidemill_streaming::event::{BatchInfo, InputInfo, OutputInfo, ReceiverInfo};
use tidemill_streaming::listener::StreamingListener;

/// Calls `function(name of the event, its fields)`, both as PySpark's listeners have them (behaviour 1.59 to 1.63).
pub(super) struct Told {
    pub(super) function: Py<PyAny>,
}

impl Told {
    fn tell(&self, name: &str, fields: impl for<'py> FnOnce(Python<'py>) -> PyResult<Bound<'py, PyDict>>) {
        let told = Python::attach(|py| fields(py).and_then(|fields| self.function.call1(py, (name, fields))));
        if let Err(error) = told {
            tracing::warn!(%error, event = name, "A listener failed.");
        }
    }

    fn batch(&self, name: &str, batch: &BatchInfo) {
        self.tell(name, |py| holding(py, "batchInfo", batch_fields(py, batch)?));
    }

    fn output(&self, name: &str, output: &OutputInfo) {
        self.tell(name, |py| holding(py, "outputOperationInfo", output_fields(py, output)?));
    }

    fn receiver(&self, name: &str, receiver: &ReceiverInfo) {
        self.tell(name, |py| holding(py, "receiverInfo", receiver_fields(py, receiver)?));
    }
}

impl StreamingListener for Told {
    fn on_streaming_started(&mut self, time: Timestamp) {
        self.tell("onStreamingStarted", |py| holding(py, "time", time.millis()));
    }

    fn on_batch_submitted(&mut self, batch: &BatchInfo) {
        self.batch("onBatchSubmitted", batch);
    }

    fn on_batch_started(&mut self, batch: &BatchInfo) {
        self.batch("onBatchStarted", batch);
    }

    fn on_batch_completed(&mut self, batch: &BatchInfo) {
        self.batch("onBatchCompleted", batch);
    }

    fn on_output_started(&mut self, output: &OutputInfo) {
        self.output("onOutputOperationStarted", output);
    }

    fn on_output_completed(&mut self, output: &OutputInfo) {
        self.output("onOutputOperationCompleted", output);
    }

    fn on_receiver_started(&mut self, receiver: &ReceiverInfo) {
        self.receiver("onReceiverStarted", receiver);
    }

    fn on_receiver_error(&mut self, receiver: &ReceiverInfo) {
        self.receiver("onReceiverError", receiver);
    }

    fn on_receiver_stopped(&mut self, receiver: &ReceiverInfo) {
        self.receiver("onReceiverStopped", receiver);
    }
}

fn holding<'py>(py: Python<'py>, name: &str, value: impl IntoPyObject<'py>) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item(name, value)?;
    Ok(fields)
}

fn batch_fields<'py>(py: Python<'py>, batch: &BatchInfo) -> PyResult<Bound<'py, PyDict>> {
    let (inputs, outputs) = (PyDict::new(py), PyDict::new(py));
    for (stream, input) in &batch.inputs {
        inputs.set_item(stream, input_fields(py, *stream, input)?)?;
    }
    for output in &batch.outputs {
        outputs.set_item(output.id, output_fields(py, output)?)?;
    }
    let fields = holding(py, "batchTime", batch.time.millis())?;
    fields.set_item("streamIdToInputInfo", inputs)?;
    fields.set_item("submissionTime", batch.submitted.millis())?;
    fields.set_item("processingStartTime", batch.started.map(|time| time.millis()))?;
    fields.set_item("processingEndTime", batch.completed.map(|time| time.millis()))?;
    // Of the times in milliseconds, so that they agree with what is told above.
    let delay =
        |from: Option<Timestamp>, until: Option<Timestamp>| Some(until?.millis().saturating_sub(from?.millis()));
    let (submitted, started, completed) = (Some(batch.submitted), batch.started, batch.completed);
    fields.set_item("schedulingDelay", delay(submitted, started))?;
    fields.set_item("processingDelay", delay(started, completed))?;
    fields.set_item("totalDelay", delay(submitted, completed))?;
    fields.set_item("numRecords", batch.records())?;
    fields.set_item("outputOperationInfos", outputs)?;
    Ok(fields)
}

fn input_fields<'py>(py: Python<'py>, stream: u32, input: &InputInfo) -> PyResult<Bound<'py, PyDict>> {
    let metadata = PyDict::new(py);
    for (name, value) in &input.metadata {
        match name.as_str() {
            "files" => metadata.set_item(name, value.lines().collect::<Vec<_>>())?,
            _ => metadata.set_item(name, value)?,
        }
    }
    if let Some(description) = &input.description {
        metadata.set_item("Description", description)?;
    }
    let fields = holding(py, "inputStreamId", stream)?;
    fields.set_item("numRecords", input.records)?;
    fields.set_item("metadata", metadata)?;
    fields.set_item("metadataDescription", input.description.as_deref())?;
    Ok(fields)
}

fn output_fields<'py>(py: Python<'py>, output: &OutputInfo) -> PyResult<Bound<'py, PyDict>> {
    let operator = &output.operator;
    let file = operator.file.rsplit('/').next().unwrap_or_default();
    let fields = holding(py, "batchTime", output.time.millis())?;
    fields.set_item("id", output.id)?;
    fields.set_item("name", format!("{} at {file}:{}", operator.name, operator.line))?;
    fields.set_item("description", operator.to_string())?;
    fields.set_item("startTime", output.started.map(|time| time.millis()))?;
    fields.set_item("endTime", output.completed.map(|time| time.millis()))?;
    fields.set_item("failureReason", output.failure.as_deref())?;
    Ok(fields)
}

fn receiver_fields<'py>(py: Python<'py>, receiver: &ReceiverInfo) -> PyResult<Bound<'py, PyDict>> {
    let error = receiver.last_error.as_deref().unwrap_or_default();
    let fields = holding(py, "streamId", receiver.stream)?;
    fields.set_item("name", &receiver.name)?;
    fields.set_item("active", receiver.active)?;
    fields.set_item("location", &receiver.location)?;
    fields.set_item("executorId", "driver")?;
    fields.set_item("lastErrorMessage", error)?;
    fields.set_item("lastError", error)?;
    fields.set_item("lastErrorTime", receiver.last_error_time.map(|time| time.millis()))?;
    Ok(fields)
}

//! Statistics: how a stream is doing, in figures that miss nothing.
//!
//! They are told every event directly, on the thread where it happens, so unlike a listener they never lag behind.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tidemill_core::Timestamp;

use crate::event::{BatchInfo, ReceiverInfo, StreamingEvent};

/// How a streaming context is doing: what Spark shows on its streaming page (behaviour 5.19).
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// When it was started.
    pub started: Option<Timestamp>,
    /// The time between batches.
    pub interval: Duration,
    /// Batches that wait for their turn.
    pub waiting_batches: usize,
    /// Batches that run: none or one.
    pub running_batches: usize,
    /// Batches that are over, well or not.
    pub completed_batches: u64,
    /// Records that batches were given so far.
    pub received_records: u64,
    /// Records of batches that are over.
    pub processed_records: u64,
    /// Records a second, on average over the batches that are retained.
    pub input_rate: Option<f64>,
    /// How long a retained batch waited for its turn, on average.
    pub scheduling_delay: Option<Duration>,
    /// How long a retained batch ran, on average.
    pub processing_time: Option<Duration>,
    /// Both, on average: by how much results are behind.
    pub total_delay: Option<Duration>,
    /// Each input by itself, in order of creation.
    pub inputs: Vec<InputStatistics>,
    /// The last completed batches, oldest first: `spark.streaming.ui.retainedBatches` of them.
    pub retained: Vec<Arc<BatchInfo>>,
}

/// How one input is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct InputStatistics {
    /// Its number.
    pub stream: u32,
    /// Its name.
    pub name: String,
    /// Records that it gave to batches so far.
    pub records: u64,
    /// Records a second, on average over the batches that are retained.
    pub rate: Option<f64>,
    /// The state of its receiver, if it has one that has started.
    pub receiver: Option<ReceiverInfo>,
}

/// What the figures are computed from.
#[derive(Debug, Default)]
pub(crate) struct Record {
    retained_max: usize,
    started: Option<Timestamp>,
    waiting: usize,
    running: usize,
    completed: u64,
    received: u64,
    processed: u64,
    names: Vec<(u32, String)>,
    by_input: BTreeMap<u32, u64>,
    receivers: BTreeMap<u32, ReceiverInfo>,
    retained: VecDeque<Arc<BatchInfo>>,
}

impl Record {
    pub(crate) fn new(retained_max: usize) -> Record {
        Record { retained_max, ..Record::default() }
    }

    /// The inputs, which are known at the start.
    pub(crate) fn set_inputs(&mut self, names: Vec<(u32, String)>) {
        self.names = names;
    }

    /// A batch was given its input, whether an output is due for it or not.
    pub(crate) fn allocated(&mut self, batch: &BatchInfo) {
        self.received += batch.records();
        for (stream, input) in &batch.inputs {
            *self.by_input.entry(*stream).or_default() += input.records;
        }
    }

    /// Batches that waited were dropped by a stop.
    pub(crate) fn dropped_waiting(&mut self) {
        self.waiting = 0;
    }

    pub(crate) fn on(&mut self, event: &StreamingEvent) {
        match event {
            StreamingEvent::Started { time } => self.started = Some(*time),
            StreamingEvent::BatchSubmitted(_) => self.waiting += 1,
            StreamingEvent::BatchStarted(_) => {
                self.waiting = self.waiting.saturating_sub(1);
                self.running += 1;
            }
            StreamingEvent::BatchCompleted(batch) => {
                self.running = self.running.saturating_sub(1);
                self.completed += 1;
                self.processed += batch.records();
                self.retained.push_back(Arc::clone(batch));
                self.retained.drain(..self.retained.len().saturating_sub(self.retained_max));
            }
            StreamingEvent::ReceiverStarted(receiver)
            | StreamingEvent::ReceiverError(receiver)
            | StreamingEvent::ReceiverStopped(receiver) => {
                self.receivers.insert(receiver.stream, receiver.clone());
            }
            StreamingEvent::Recovered(_) | StreamingEvent::OutputStarted(_) | StreamingEvent::OutputCompleted(_) => {}
        }
    }

    pub(crate) fn statistics(&self, interval: Duration) -> Statistics {
        let retained: Vec<_> = self.retained.iter().cloned().collect();
        let rate = |records: u64| {
            let seconds = interval.as_secs_f64() * retained.len() as f64;
            (!retained.is_empty()).then(|| records as f64 / seconds)
        };
        let of_input = |stream: u32| {
            retained.iter().filter_map(|batch| batch.inputs.get(&stream)).map(|input| input.records).sum()
        };
        let inputs = self.names.iter().map(|(stream, name)| InputStatistics {
            stream: *stream,
            name: name.clone(),
            records: self.by_input.get(stream).copied().unwrap_or_default(),
            rate: rate(of_input(*stream)),
            receiver: self.receivers.get(stream).cloned(),
        });
        Statistics {
            started: self.started,
            interval,
            waiting_batches: self.waiting,
            running_batches: self.running,
            completed_batches: self.completed,
            received_records: self.received,
            processed_records: self.processed,
            input_rate: rate(retained.iter().map(|batch| batch.records()).sum()),
            scheduling_delay: mean(&retained, BatchInfo::scheduling_delay),
            processing_time: mean(&retained, BatchInfo::processing_delay),
            total_delay: mean(&retained, BatchInfo::total_delay),
            inputs: inputs.collect(),
            retained,
        }
    }
}

fn mean(batches: &[Arc<BatchInfo>], delay: fn(&BatchInfo) -> Option<Duration>) -> Option<Duration> {
    let delays: Vec<Duration> = batches.iter().filter_map(|batch| delay(batch)).collect();
    let count = u32::try_from(delays.len()).ok().filter(|&count| count > 0)?;
    Some(delays.iter().sum::<Duration>() / count)
}

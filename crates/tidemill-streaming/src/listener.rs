//! Listeners: programs that want to know how a stream is doing.

use tidemill_core::event::{Listener, ListenerError, ListenerHandle};

use crate::context::{StreamingContext, inside};
use crate::event::{BatchInfo, CatchUp, OutputInfo, ReceiverInfo, StreamingEvent};

mod stats_report;

pub use stats_report::{Distribution, StatsReportListener};

/// Is told what happens to batches and receivers: Spark's `StreamingListener` (behaviour 1.59 to 1.64).
///
/// Calls come in order, on a thread of the listener's own: submitted, started, each output started and completed, completed.
/// It may take its time; batches never wait for it. Where it lags behind by more than `tidemill.event.queue.limit` events,
/// further ones are dropped and counted. For figures that miss nothing there is [`StreamingContext::statistics`].
#[expect(unused_variables, reason = "what a listener does not care for does nothing")]
pub trait StreamingListener: Send {
    /// The context was started, at this time.
    fn on_streaming_started(&mut self, time: tidemill_core::Timestamp) {}
    /// The context goes on from a checkpoint and has to catch up. Spark tells listeners nothing of it.
    fn on_recovered(&mut self, catch_up: &CatchUp) {}
    /// A batch has its input and waits for its turn.
    fn on_batch_submitted(&mut self, batch: &BatchInfo) {}
    /// A batch is run.
    fn on_batch_started(&mut self, batch: &BatchInfo) {}
    /// All outputs of a batch are done, well or not.
    fn on_batch_completed(&mut self, batch: &BatchInfo) {}
    /// An output of a batch begins.
    fn on_output_started(&mut self, output: &OutputInfo) {}
    /// An output of a batch is done, well or not.
    fn on_output_completed(&mut self, output: &OutputInfo) {}
    /// A receiver runs.
    fn on_receiver_started(&mut self, receiver: &ReceiverInfo) {}
    /// A receiver reports something that went wrong.
    fn on_receiver_error(&mut self, receiver: &ReceiverInfo) {}
    /// A receiver ended, perhaps to be started again.
    fn on_receiver_stopped(&mut self, receiver: &ReceiverInfo) {}
}

impl StreamingContext {
    /// Adds a listener: Spark's `addStreamingListener` (behaviour 1.19). The handle takes it out again and says how many
    /// events it has missed.
    ///
    /// ```
    /// use std::sync::mpsc::{SyncSender, sync_channel};
    /// use tidemill_streaming::event::BatchInfo;
    /// use tidemill_streaming::listener::StreamingListener;
    /// use tidemill_streaming::testing::TestContext;
    ///
    /// struct Records(SyncSender<u64>);
    ///
    /// impl StreamingListener for Records {
    ///     fn on_batch_completed(&mut self, batch: &BatchInfo) {
    ///         self.0.send(batch.records()).unwrap();
    ///     }
    /// }
    ///
    /// let test = TestContext::new();
    /// let (feed, numbers) = test.input();
    /// test.collect(&numbers);
    /// let (sender, records) = sync_channel(10);
    /// test.streaming().add_listener("records", Records(sender))?;
    /// feed.push([1, 2, 3]);
    /// test.tick()?;
    /// assert_eq!(records.recv()?, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the context was stopped or there is no thread to be had.
    pub fn add_listener(
        &self,
        name: &str,
        listener: impl StreamingListener + 'static,
    ) -> Result<ListenerHandle<StreamingEvent>, ListenerError> {
        self.events().add(name, Told(listener))
    }
}

/// Calls the method of each event.
struct Told<L>(L);

impl<L: StreamingListener> Listener<StreamingEvent> for Told<L> {
    fn on_event(&mut self, event: &StreamingEvent) {
        let listener = &mut self.0;
        inside(|| match event {
            StreamingEvent::Started { time } => listener.on_streaming_started(*time),
            StreamingEvent::Recovered(catch_up) => listener.on_recovered(catch_up),
            StreamingEvent::BatchSubmitted(batch) => listener.on_batch_submitted(batch),
            StreamingEvent::BatchStarted(batch) => listener.on_batch_started(batch),
            StreamingEvent::BatchCompleted(batch) => listener.on_batch_completed(batch),
            StreamingEvent::OutputStarted(output) => listener.on_output_started(output),
            StreamingEvent::OutputCompleted(output) => listener.on_output_completed(output),
            StreamingEvent::ReceiverStarted(receiver) => listener.on_receiver_started(receiver),
            StreamingEvent::ReceiverError(receiver) => listener.on_receiver_error(receiver),
            StreamingEvent::ReceiverStopped(receiver) => listener.on_receiver_stopped(receiver),
        });
    }
}

//! `socket_text_stream`: lines of text from a TCP server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_core::environment::Environment;
use tidemill_core::service::{Service, ServiceHandle};
use tidemill_core::settings::keys;
use tidemill_core::{BlockId, Text, TextBlock, Timestamp};

use crate::context::{StreamingContext, WeakContext};
use crate::dstream::{Compute, DStream};
use crate::error::Error;
use crate::event::InputInfo;
use crate::input::{Input, InputId};
use crate::receiver::socket::SocketReceiver;
use crate::receiver::text::TextReceived;

impl StreamingContext {
    /// The lines that a TCP server sends: Spark's `socketTextStream` (behaviour 1.12).
    ///
    /// Lines end with `\n`, `\r\n` or a lone `\r`; empty lines are kept; malformed UTF-8 becomes U+FFFD. When the
    /// connection is refused, breaks or ends, it is tried again every `spark.streaming.receiverRestartDelay`. Each block
    /// of what arrived is a partition of its batch; a batch without blocks has no partitions.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use tidemill_streaming::StreamingContext;
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
    /// let words = streaming.socket_text_stream("localhost", 9999).flat_map(|line| line.split(' '));
    /// words.map(|word| (word, 1)).reduce_by_key(|a, b| a + b).print(10);
    /// streaming.start()?;
    /// streaming.await_termination()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn socket_text_stream(&self, host: &str, port: u16) -> DStream<Text> {
        let (context, config) = (self.context(), self.context().config());
        let block_bytes_max = config.get(keys::RECEIVER_BLOCK_SIZE).bytes() as usize;
        let line_bytes_max = config.get(keys::LINE_LENGTH_LIMIT).bytes() as usize;
        let restart_delay = config.get(keys::RECEIVER_RESTART_DELAY);
        let input = self.add_input(|id| {
            let environment = context.environment();
            let received = Arc::new(TextReceived::new(id.blocks, environment, block_bytes_max, line_bytes_max));
            let address = format!("{host}:{port}");
            let (environment, clock) = (Arc::clone(environment), Arc::clone(context.clock()));
            let receiver =
                SocketReceiver::new(address, restart_delay, Arc::clone(&received), Arc::clone(&environment), clock);
            let (receiver, streaming) = (Arc::new(receiver), self.weak());
            let (running, batches) = Default::default();
            Arc::new(SocketInput { id, received, receiver, running, streaming, environment, batches })
        });
        self.stream("socket_text_stream", Lines(input))
    }
}

struct SocketInput {
    id: InputId,
    received: Arc<TextReceived>,
    receiver: Arc<SocketReceiver>,
    running: Mutex<Option<ServiceHandle>>,
    streaming: WeakContext,
    environment: Arc<Environment>,
    /// The blocks of each batch that is not forgotten.
    batches: Mutex<BTreeMap<Timestamp, Vec<BlockId>>>,
}

impl SocketInput {
    fn batches(&self) -> MutexGuard<'_, BTreeMap<Timestamp, Vec<BlockId>>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Input for SocketInput {
    fn id(&self) -> InputId {
        self.id
    }

    fn name(&self) -> String {
        format!("SocketReceiver-{}", self.id.stream)
    }

    fn start(&self) -> Result<(), Error> {
        let Some(streaming) = self.streaming.upgrade() else { return Ok(()) };
        let started = streaming.context().start_service(Arc::clone(&self.receiver) as Arc<dyn Service>, None);
        let handle = started.map_err(|error| Error::Thread(error.to_string()))?;
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
        Ok(())
    }

    fn stop(&self) {
        self.receiver.stop();
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        running.iter().for_each(ServiceHandle::stop);
    }

    fn cut_block(&self) {
        self.received.cut_block();
    }

    fn has_blocks(&self) -> bool {
        true
    }

    fn allocate(&self, time: Timestamp) -> Option<InputInfo> {
        self.batches().entry(time).or_insert_with(|| self.received.take_blocks());
        Some(InputInfo::default())
    }

    fn has_backlog(&self) -> bool {
        self.received.has_backlog()
    }

    fn clear(&self) {
        let held = std::mem::take(&mut *self.batches()).into_values().flatten();
        held.chain(self.received.take_blocks()).for_each(|block| self.environment.store.remove(block));
    }
}

/// The stream of a socket's lines.
struct Lines(Arc<SocketInput>);

impl Compute<Text> for Lines {
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> crate::dstream::Computed<Text> {
        let blocks = self.0.batches().get(&time).cloned().unwrap_or_default();
        Ok(Some(streaming.context().received::<TextBlock>("socket_text_stream", blocks).lines()))
    }

    fn forget(&self, time: Timestamp) {
        let mut batches = self.0.batches();
        let kept = batches.split_off(&(time + Duration::from_micros(1)));
        let forgotten = std::mem::replace(&mut *batches, kept);
        drop(batches);
        forgotten.into_values().flatten().for_each(|block| self.0.environment.store.remove(block));
    }
}

//! `ReceiverInput`: the one input behind all receivers, and the streams that read it.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tidemill_core::service::{Service, ServiceHandle};
use tidemill_core::settings::keys;
use tidemill_core::{BlockId, Cause, Clock, Context, Element, Rdd, Text, TextBlock, Timestamp};

use crate::checkpoint::storage::Storage;
use crate::context::{StreamingContext, WeakContext};
use crate::dead_letter::{DeadLetter, Parsed};
use crate::dstream::{Compute, Computed, DStream};
use crate::error::Error;
use crate::event::{BatchInfo, InputInfo, StreamingEvent};
use crate::input::{Input, InputId};
use crate::rate::RateController;
use crate::receiver::blocks::{Blocks, Kind, Policy};
use crate::receiver::form::Form;
use crate::receiver::life::{Life, Running, Surroundings, Work};
use crate::receiver::log::ReceivedLog;
use crate::receiver::{Gather, Receiver, ReceiverOptions, Supervised};

/// A receiver as the streaming context drives it: it says when to cut a block, which batch gets what has arrived, and what
/// to forget. The receiver behind it knows no batches.
pub(crate) struct ReceiverInput {
    blocks: Arc<Blocks>,
    gather: Arc<dyn Gather>,
    running: Arc<Running>,
    rate: RateController,
    home: Option<String>,
    clock: Arc<dyn Clock>,
    streaming: WeakContext,
    handle: Mutex<Option<ServiceHandle>>,
    /// How long a stop waits for code of the program.
    stop_timeout: Duration,
    /// Whether somebody reads records, and whether somebody reads letters: what nobody reads goes with its batch.
    readers: Mutex<[Weak<()>; 2]>,
}

/// What a receiver is made with.
pub(crate) struct Ground<'a> {
    pub(crate) blocks: &'a Arc<Blocks>,
    pub(crate) life: &'a Arc<Life>,
    pub(crate) context: &'a Context,
}

impl StreamingContext {
    /// Adds the input of a receiver of that name, which `make` makes, with blocks of that form.
    pub(crate) fn add_receiver(
        &self,
        name: &str,
        home: Option<String>,
        options: ReceiverOptions,
        form: Form,
        make: impl FnOnce(Ground<'_>) -> (Box<dyn Work>, Arc<dyn Gather>),
    ) -> Arc<ReceiverInput> {
        let (context, config) = (self.context(), self.context().config());
        let (clock, environment) = (Arc::clone(self.clock()), context.environment());
        self.add_input(|id| {
            let name = format!("{name}-{}", id.stream);
            let blocks = Blocks::new(id, name.clone(), environment, Policy::new(config, options.on_error, form));
            let rate = RateController::new(id.stream, config, self.interval(), clock.monotonic());
            let streaming = self.weak();
            let post = move |event: StreamingEvent| {
                if let Some(streaming) = streaming.upgrade() {
                    streaming.post(event);
                }
            };
            let surroundings = Surroundings {
                clock: Arc::clone(&clock),
                memory: environment.memory.clone(),
                limiter: Arc::clone(rate.limiter()),
                restart_delay: config.get(keys::RECEIVER_RESTART_DELAY),
                post: Box::new(post),
            };
            let life = Arc::new(Life::new(id.stream, name, surroundings));
            let blocks = Arc::new(blocks);
            let (work, gather) = make(Ground { blocks: &blocks, life: &life, context });
            let (running, streaming) = (Arc::new(Running { life, work }), self.weak());
            let (handle, readers, stop_timeout) = (Mutex::default(), Mutex::default(), config.get(keys::STOP_TIMEOUT));
            Arc::new(ReceiverInput {
                blocks,
                gather,
                running,
                rate,
                home,
                clock,
                streaming,
                handle,
                stop_timeout,
                readers,
            })
        })
    }

    /// The stream of a program's receiver, and of what it rejects.
    #[track_caller]
    pub(crate) fn supervised<R: Receiver>(
        &self,
        operator: &'static str,
        receiver: R,
        options: ReceiverOptions,
    ) -> Parsed<R::Item> {
        let form = Form::values::<R::Item>();
        let input = self.add_receiver(&receiver.name(), receiver.home(), options, form, |ground| {
            let block_bytes_max = ground.context.config().get(keys::RECEIVER_BLOCK_SIZE).bytes();
            let work = Supervised::new(receiver, ground.blocks, ground.life, block_bytes_max);
            let gather = work.gather();
            (Box::new(work), gather)
        });
        let letters = Letters { operator, reader: input.reader(Kind::Letters), input: Arc::clone(&input) };
        let (reader, item) = (input.reader(Kind::Records), PhantomData);
        let records = self.stream(operator, Values { operator, reader, input, item });
        Parsed::new(records, self.stream("dead_letters", letters))
    }

    /// The stream of the lines of an input whose blocks are text.
    #[track_caller]
    pub(crate) fn received_lines(&self, operator: &'static str, input: Arc<ReceiverInput>) -> DStream<Text> {
        let reader = input.reader(Kind::Records);
        self.stream(operator, Lines(TextBlocks { operator, reader, input }))
    }

    /// The stream of the blocks of text that a receiver stores.
    #[track_caller]
    pub(crate) fn received_blocks(&self, operator: &'static str, input: Arc<ReceiverInput>) -> DStream<TextBlock> {
        let reader = input.reader(Kind::Records);
        self.stream(operator, TextBlocks { operator, reader, input })
    }
}

impl ReceiverInput {
    /// Notes a reader: it is one as long as what this returns lives.
    fn reader(&self, kind: Kind) -> Arc<()> {
        let reader = Arc::new(());
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers[kind as usize] = Arc::downgrade(&reader);
        reader
    }

    /// Opens the way of what comes into the log, or says what may be lost without one (behaviour 6.3, 6.4).
    fn start_log(&self, streaming: &StreamingContext) -> Result<(), Error> {
        let input = self.blocks.name();
        self.blocks.recover();
        if !streaming.context().config().get(keys::RECEIVER_LOG_ENABLE) {
            if streaming.has_checkpoints() {
                tracing::warn!(
                    input,
                    "What this input has received and no batch has finished is lost if the process ends, even where its \
                     source was told that it is stored; spark.streaming.receiver.writeAheadLog.enable keeps it in the \
                     checkpoint directory."
                );
            }
            return Ok(());
        }
        if !self.blocks.has_log() {
            return Err(Error::LogWithoutCheckpoint { input: input.to_owned() });
        }
        let life = Arc::clone(&self.running.life);
        let begun = self.blocks.begin_to_write(move |error| life.report_error(error));
        begun.map_err(|error| Error::Thread(error.to_string()))
    }

    /// The RDD of the batch of `time`: `read` of its blocks, with a partition that fails where the batch has to.
    fn rdd<T: 'static>(
        &self,
        streaming: &StreamingContext,
        time: Timestamp,
        read: impl FnOnce(&Context, Vec<BlockId>) -> Rdd<T>,
    ) -> Computed<T> {
        let allocated = self.blocks.allocated(time);
        let rdd = read(streaming.context(), allocated.blocks);
        let Some(failure) = allocated.failure else { return Ok(Some(rdd)) };
        let failing = streaming.context().parallelize([()], 1);
        Ok(Some(rdd.union(&failing.try_flat_map(move |()| Err::<Option<T>, _>(failure.clone())))))
    }
}

impl Input for ReceiverInput {
    fn id(&self) -> InputId {
        self.blocks.id()
    }

    fn name(&self) -> String {
        self.blocks.name().to_owned()
    }

    fn attach(&self, storage: &Arc<dyn Storage>, id: &str) -> Result<(), Error> {
        let Some(streaming) = self.streaming.upgrade() else { return Ok(()) };
        let (form, config) = (self.blocks.form(Kind::Records), streaming.context().config());
        let opened = ReceivedLog::open(Arc::clone(storage), id, form, config, &self.clock);
        let set = opened.and_then(|log| self.blocks.set_log(log));
        let input = self.blocks.name().to_owned();
        set.map_err(|error| Error::Received { input, cause: Cause::User(Arc::new(error)) })
    }

    fn start(&self) -> Result<(), Error> {
        let Some(streaming) = self.streaming.upgrade() else { return Ok(()) };
        self.start_log(&streaming)?;
        let service = Arc::clone(&self.running) as Arc<dyn Service>;
        let started = streaming.context().start_service(service, self.home.as_deref());
        let handle = started.map_err(|error| Error::Thread(error.to_string()))?;
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
        Ok(())
    }

    fn stop(&self) {
        self.blocks.queue().hurry();
        self.running.stop();
        let Some(handle) = self.handle.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        if self.running.await_over(self.stop_timeout) {
            handle.stop();
        } else {
            tracing::warn!(
                receiver = self.blocks.name(),
                "A receiver does not return; its thread is left behind. (tidemill.stop.timeout says how long to wait.)"
            );
        }
        self.gather.cut();
        self.blocks.flush(); // a stop that is not graceful loses nothing that the next run could have
    }

    fn cut_block(&self) {
        // Where the log is behind, the clock of all inputs does not wait for it: the next block is larger.
        if !self.blocks.queue().is_full() {
            self.gather.cut();
        }
    }

    fn has_blocks(&self) -> bool {
        true
    }

    fn allocate(&self, time: Timestamp) -> Option<InputInfo> {
        self.gather.cut();
        Some(self.blocks.allocate(time))
    }

    fn entry(&self, time: Timestamp) -> Vec<u8> {
        self.blocks.entry(time)
    }

    fn restore(&self, time: Timestamp, entry: &[u8]) -> Result<(), Error> {
        let input = self.blocks.name().to_owned();
        self.blocks.restore(time, entry).map_err(|cause| Error::Received { input, cause })
    }

    fn check(&self, from: Timestamp) -> Result<(), Error> {
        let input = self.blocks.name().to_owned();
        self.blocks.check(from).map_err(|cause| Error::Received { input, cause })
    }

    fn release(&self, before: Timestamp) {
        self.blocks.release(before);
    }

    fn has_backlog(&self) -> bool {
        self.gather.cut();
        self.blocks.has_backlog()
    }

    fn completed(&self, batch: &BatchInfo) {
        self.rate.completed(batch, self.clock.monotonic());
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let unread =
            [Kind::Records, Kind::Letters].into_iter().filter(|kind| readers[*kind as usize].strong_count() == 0);
        unread.for_each(|kind| self.blocks.forget(kind, batch.time));
    }

    fn clear(&self) {
        self.running.life.close();
        self.gather.cut();
        self.blocks.clear();
    }
}

/// The stream of records that are text.
struct TextBlocks {
    operator: &'static str,
    input: Arc<ReceiverInput>,
    #[expect(dead_code, reason = "it is there as long as this is")]
    reader: Arc<()>,
}

impl Compute<TextBlock> for TextBlocks {
    fn input(&self) -> Option<u32> {
        Some(self.input.blocks.id().stream)
    }

    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<TextBlock> {
        self.input.rdd(streaming, time, |context, blocks| context.received(self.operator, blocks))
    }

    fn forget(&self, time: Timestamp) {
        self.input.blocks.forget(Kind::Records, time);
    }
}

/// The lines of blocks of text.
struct Lines(TextBlocks);

impl Compute<Text> for Lines {
    fn input(&self) -> Option<u32> {
        self.0.input()
    }

    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<Text> {
        Ok(self.0.compute(streaming, time)?.map(|blocks| blocks.lines()))
    }

    fn forget(&self, time: Timestamp) {
        self.0.forget(time);
    }
}

/// The stream of records that are values.
struct Values<T> {
    operator: &'static str,
    input: Arc<ReceiverInput>,
    #[expect(dead_code, reason = "it is there as long as this is")]
    reader: Arc<()>,
    item: PhantomData<fn() -> T>,
}

impl<T: Element> Compute<T> for Values<T> {
    fn input(&self) -> Option<u32> {
        Some(self.input.blocks.id().stream)
    }

    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<T> {
        self.input.rdd(streaming, time, |context, blocks| {
            context.received::<Arc<Vec<T>>>(self.operator, blocks).flat_map(|block| Shared { block, next: 0 })
        })
    }

    fn forget(&self, time: Timestamp) {
        self.input.blocks.forget(Kind::Records, time);
    }
}

/// The stream of what could not be read.
struct Letters {
    operator: &'static str,
    input: Arc<ReceiverInput>,
    #[expect(dead_code, reason = "it is there as long as this is")]
    reader: Arc<()>,
}

impl Compute<DeadLetter> for Letters {
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<DeadLetter> {
        let blocks = self.input.blocks.letters(time);
        Ok(Some(streaming.context().received::<Vec<DeadLetter>>(self.operator, blocks).flat_map(|block| block)))
    }

    fn forget(&self, time: Timestamp) {
        self.input.blocks.forget(Kind::Letters, time);
    }
}

/// The values of a block that others may read as well.
struct Shared<T> {
    block: Arc<Vec<T>>,
    next: usize,
}

impl<T: Clone> Iterator for Shared<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let value = self.block.get(self.next)?.clone();
        self.next += 1;
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let rest = self.block.len() - self.next;
        (rest, Some(rest))
    }
}

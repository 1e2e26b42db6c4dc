//! `Supervisor`: what a receiver stores its records with, and how it hears that it is to stop.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tidemill_core::Element;

use crate::dead_letter::{DeadLetter, OnError};
use crate::receiver::blocks::{Blocks, Kind};
use crate::receiver::life::{Life, Work};
use crate::receiver::records::Records;
use crate::receiver::{Gather, Receiver, ReceiverError, Stopped, StoreError};

/// A receiver's way to its stream. Cloning it clones a pointer: a receiver may store from several threads.
pub struct Supervisor<T: 'static> {
    life: Arc<Life>,
    gathered: Arc<Gathered<T>>,
}

struct Gathered<T> {
    blocks: Arc<Blocks>,
    records: Records<T>,
    letters: Records<DeadLetter>,
}

impl<T: 'static> Clone for Supervisor<T> {
    fn clone(&self) -> Self {
        Supervisor { life: Arc::clone(&self.life), gathered: Arc::clone(&self.gathered) }
    }
}

impl<T: Element> Supervisor<T> {
    /// Stores one record: Spark's `store(item)` (behaviour 2.25). It is in the batch whose time comes next, and is lost if
    /// the process ends before that batch is done; with a log, if the process ends before the record's block is there.
    ///
    /// Waits while the rate does not allow it (behaviour 2.29), memory is short, or too many blocks wait for the log.
    ///
    /// # Errors
    /// [`Stopped`] where the receiver was told to stop and stores on: what was under way then is still taken.
    pub fn store(&self, item: T) -> Result<(), Stopped> {
        self.life.await_tokens();
        self.gathered.records.add(item, &self.life)?;
        self.life.take_tokens(1);
        Ok(())
    }

    /// Stores records as one block, which becomes one partition: Spark's `store(iterator)` (behaviour 2.26). It returns
    /// once they are stored, so a receiver may tell its source then: with a log (see the [module](crate::receiver)) they are
    /// durable, and come into a batch whatever happens to the process. The rate does not hold for it.
    ///
    /// Waits while memory is short; a block should be much smaller than what there is for received data.
    ///
    /// # Errors
    /// The block is not stored: the receiver is stopped before, or the log does not take it. A source that is told nothing
    /// sends it again, so a block that was late, and came all the same, is there twice: at least once (behaviour 6.5).
    pub fn store_block(&self, items: Vec<T>) -> Result<(), StoreError> {
        self.gathered.records.add_block(items, &self.life)
    }

    /// Stores what came and could not be read; what becomes of it says [`OnError`].
    ///
    /// # Errors
    /// As [`store`](Supervisor::store).
    pub fn reject(&self, letter: DeadLetter) -> Result<(), Stopped> {
        self.life.await_tokens();
        match self.gathered.blocks.on_error() {
            OnError::Fail => self.gathered.blocks.fail(letter),
            OnError::Drop => self.gathered.blocks.count("droppedRecords", 1),
            OnError::DeadLetter => self.gathered.letters.add(letter, &self.life)?,
        }
        self.life.take_tokens(1);
        Ok(())
    }

    /// Tells listeners of something that went wrong, and nothing else: Spark's `reportError` (behaviour 2.27).
    pub fn report_error(&self, error: impl Display) {
        self.life.report_error(error.to_string());
    }

    /// Ends this run, without waiting for its end; the next begins after the delay that the settings say: Spark's
    /// `restart`.
    pub fn restart(&self, reason: impl Display) {
        self.life.restart(reason.to_string(), None);
    }

    /// As [`restart`](Supervisor::restart), after a delay of its own.
    pub fn restart_after(&self, reason: impl Display, delay: Duration) {
        self.life.restart(reason.to_string(), Some(delay));
    }

    /// Ends the receiver for good, without waiting for its end; its stream goes on with empty batches: Spark's `stop`.
    pub fn stop(&self, reason: impl Display) {
        self.life.end(reason.to_string());
    }

    /// Whether this run is to end: the context stops, or a restart was asked for.
    pub fn is_stopped(&self) -> bool {
        self.life.is_stopped()
    }

    /// Calls `f` when this run is to end, to end what the receiver waits for, as by closing its connection: Spark's
    /// `onStop`. It must not wait itself. If the run is to end already, it is called now; with the run it is forgotten.
    pub fn on_stop(&self, f: impl FnOnce() + Send + 'static) {
        self.life.on_stop(f);
    }

    /// Waits so long by the context's clock; `false` as soon as this run is to end.
    pub fn wait(&self, time: Duration) -> bool {
        self.life.wait(time);
        !self.is_stopped()
    }

    /// The number of its stream: Spark's `streamId`.
    pub fn stream_id(&self) -> u32 {
        self.gathered.blocks.id().stream
    }
}

impl<T: Element> Gather for Gathered<T> {
    fn cut(&self) {
        self.records.cut();
        self.letters.cut();
    }
}

/// A receiver of a program with its supervisor.
pub(crate) struct Supervised<R: Receiver> {
    receiver: R,
    to: Supervisor<R::Item>,
}

impl<R: Receiver> Supervised<R> {
    pub(crate) fn new(receiver: R, blocks: &Arc<Blocks>, life: &Arc<Life>, block_bytes_max: u64) -> Supervised<R> {
        let records = Records::new(blocks, Kind::Records, block_bytes_max);
        let letters = Records::new(blocks, Kind::Letters, block_bytes_max);
        let gathered = Gathered { blocks: Arc::clone(blocks), records, letters };
        Supervised { receiver, to: Supervisor { life: Arc::clone(life), gathered: Arc::new(gathered) } }
    }

    pub(crate) fn gather(&self) -> Arc<dyn Gather> {
        Arc::clone(&self.to.gathered) as Arc<dyn Gather>
    }
}

impl<R: Receiver> Work for Supervised<R> {
    fn run(&self, _: &Arc<Life>) -> Result<(), ReceiverError> {
        self.receiver.run(&self.to)
    }
}

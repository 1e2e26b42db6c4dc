//! `ReceivedLog`: the log of one receiver's blocks, and the thread that writes it (behaviour 2.32).
//!
//! A finished block waits in a [`Queue`](crate::receiver::queue::Queue) until it is written, and is seen by batches once it
//! is durable. What is in the log can leave memory, and is read again when a task needs it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tidemill_core::settings::{Config, keys};
use tidemill_core::store::{AnyValue, Recall};
use tidemill_core::{Cause, Clock};

use crate::checkpoint::log::{Log, LogKind, LogOptions, Position, scan};
use crate::checkpoint::states::name_of;
use crate::checkpoint::storage::{Storage, StorageError};
use crate::receiver::StoreError;
use crate::receiver::blocks::Blocks;
use crate::receiver::form::{Form, Header, Sort, header, shape};
use crate::receiver::queue::{Item, What};
use crate::step::step;

/// Where the logs of all receivers lie.
pub(crate) const RECEIVED_FOLDER: &str = "received";
/// The log is removed by whole segments: they are small against what receivers take in within a minute at full speed.
const SEGMENT_BYTES: u64 = 32 << 20;
/// A buffer for encoding that grew beyond is given back after its block.
const SCRATCH_BYTES_MAX: usize = 16 << 20;

/// The log of the blocks that one receiver brought in, in this run of the program and in those before.
pub(crate) struct ReceivedLog {
    log: Log,
    storage: Arc<dyn Storage>,
    folder: String,
    /// What the program has records of.
    form: Form,
    /// The segments that begin with the shape of the records in them and in those after.
    shapes: Mutex<BTreeSet<u64>>,
}

/// A block in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Logged {
    /// Counts the blocks of the stream.
    pub(crate) number: u64,
    pub(crate) position: Position,
    /// What it takes in memory, in bytes.
    pub(crate) weight: u64,
}

/// A block in the log, as a reader of all of it finds it.
pub(crate) struct Read<'a> {
    pub(crate) logged: Logged,
    pub(crate) header: Header,
    pub(crate) block: &'a [u8],
    /// Why it is not what the program has records of.
    pub(crate) misfit: Option<Arc<str>>,
}

impl ReceivedLog {
    /// The log of the input that is called `id` in the checkpoint, and has records of that form.
    pub(crate) fn open(
        storage: Arc<dyn Storage>,
        id: &str,
        form: Form,
        config: &Config,
        clock: &Arc<dyn Clock>,
    ) -> Result<ReceivedLog, StorageError> {
        let folder = folder_of(id);
        let options = LogOptions {
            roll_bytes: SEGMENT_BYTES,
            roll_after: config.get(keys::RECEIVER_LOG_ROLLING_INTERVAL),
            close_after_write: config.get(keys::RECEIVER_LOG_CLOSE_AFTER_WRITE),
            attempts: config.get(keys::RECEIVER_LOG_MAX_FAILURES),
            clock: Arc::clone(clock),
            ..LogOptions::new(LogKind::Received { stream: id.to_owned() })
        };
        let log = Log::open(Arc::clone(&storage), &folder, options)?;
        let first = form.shape().map_err(|cause| StorageError::unusable(&folder, cause.to_string()))?;
        log.set_first(move || first.clone());
        Ok(ReceivedLog { log, storage, folder, form, shapes: Mutex::default() })
    }

    /// How the block there is read when it is needed.
    pub(crate) fn recall(self: &Arc<Self>, form: Form, logged: Logged) -> Recall {
        let log = Arc::clone(self);
        Recall::new(logged.weight, move || Ok(log.read(form, logged.position)?))
    }

    fn read(&self, form: Form, position: Position) -> Result<AnyValue, Cause> {
        let block = self.log.read(position).map_err(|error| Cause::User(Arc::new(error)))?;
        form.read(&block)
    }

    /// Gives `visit` all blocks in order, each once. What cannot be read is told of and left out. Returns the newest segment.
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(Read<'_>)) -> Result<u64, StorageError> {
        let (mut next, mut other) = (0, None::<Arc<str>>);
        let found = scan(&*self.storage, &self.folder, &mut |position, block| {
            let read = header(block).and_then(|(header, body)| match header.sort {
                Sort::Shape => {
                    self.shapes().insert(position.segment);
                    other = self.form.other_shape(&shape(body)?).map(Arc::from);
                    Ok(())
                }
                _ if header.number < next => Ok(()), // written twice, as the first time did not surely succeed
                sort => {
                    next = header.number + 1;
                    let logged = Logged { number: header.number, position, weight: header.weight };
                    let of_records = matches!(sort, Sort::Text | Sort::Values);
                    let misfit = || self.form.other_sort(header).map(Arc::from).or_else(|| other.clone());
                    let misfit = of_records.then(misfit).flatten();
                    visit(Read { logged, header, block, misfit });
                    Ok(())
                }
            });
            if let Err(error) = read {
                tracing::error!(log = self.folder, %error, "A block in the log is left out.");
            }
            Ok(())
        })?;
        for damage in found.damage {
            let (segment, offset, text) = (damage.segment, damage.offset, damage.text);
            tracing::error!(log = self.folder, segment, offset, text, "Blocks in the log are lost: it is damaged.");
        }
        Ok(found.segments.last().map_or(0, |segment| segment.number))
    }

    /// Removes the segments with smaller numbers, but none that those which stay need to say what is in them.
    pub(crate) fn remove_before(&self, segment: u64) -> Result<(), StorageError> {
        let from = self.shapes().range(..=segment).next_back().copied().unwrap_or(segment);
        self.log.remove_before(from)?;
        let mut shapes = self.shapes();
        *shapes = shapes.split_off(&from);
        Ok(())
    }

    fn shapes(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.shapes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits, until the end. `report` is told of each failure that follows a success.
    pub(crate) fn write_all(&self, blocks: &Blocks, report: &dyn Fn(String)) {
        let mut scratch = Vec::new();
        while let Some(item) = blocks.queue().next() {
            let encoded = catch_unwind(AssertUnwindSafe(|| encode(blocks, &item, std::mem::take(&mut scratch))));
            let encoded = encoded.unwrap_or_else(|panic| Err(Cause::panic(&*panic)));
            let (head, block) = match encoded {
                Ok(encoded) => encoded,
                Err(cause) => {
                    blocks.refuse(item, cause);
                    continue;
                }
            };
            let appended = {
                let _step = step!("block write");
                self.log.append(&block)
            };
            match appended {
                Ok(position) => {
                    self.shapes().extend(self.log.base());
                    let logged = Logged { number: head.number, position, weight: head.weight };
                    blocks.is_durable(item.what, logged);
                    blocks.queue().settle(item.ticket.as_ref(), Ok(()));
                }
                Err(error) => {
                    let cause = Cause::User(Arc::new(error));
                    let error = StoreError::Log { stream: blocks.name().to_owned(), cause };
                    let text = error.to_string();
                    if blocks.queue().fail(item, error) {
                        report(text);
                    }
                }
            }
            scratch = block;
            scratch.clear();
            scratch.shrink_to(SCRATCH_BYTES_MAX);
        }
    }
}

/// Whether the log of the input that is called `id` has blocks with this number or greater ones. What cannot be read may be
/// such.
pub(crate) fn has_blocks_from(storage: &dyn Storage, id: &str, number: u64) -> Result<bool, StorageError> {
    let mut any = false;
    let found = scan(storage, &folder_of(id), &mut |_, block| {
        any |= header(block).map_or(true, |(header, _)| header.sort != Sort::Shape && header.number >= number);
        Ok(())
    })?;
    Ok(any || !found.damage.is_empty())
}

fn folder_of(id: &str) -> String {
    format!("{RECEIVED_FOLDER}/{}", name_of(id))
}

/// The bytes of a block that waits.
fn encode(blocks: &Blocks, item: &Item, into: Vec<u8>) -> Result<(Header, Vec<u8>), Cause> {
    let (form, records, weight, value) = match &item.what {
        What::Block { kind, value, grant, records } => (blocks.form(*kind), *records, grant.bytes(), Arc::clone(value)),
        What::Failure(failure) => (Form::failure(), 0, 0, Arc::new(failure.clone()) as AnyValue),
    };
    let head = form.header(item.number, records, weight);
    Ok((head, form.write(head, &value, into)?))
}

//! A log: records that are durable once they are appended, in segments that are removed from the front.
//!
//! Segments are numbered files `<folder>/<number>.log`. Appends of several threads share one write and one sync. A process
//! never appends to a segment of another: it begins the next one. Where files cannot grow (object stores), each write is a
//! segment of its own that is created on condition that it is not there, so of two drivers the older finds out.
//!
//! An append that failed is tried again in a new segment, whose header says up to where the ones before it count. So a record
//! that was written twice is read once, and what a failed append left behind is not read at all.
//!
//! ```
//! use std::sync::Arc;
//! use tidemill_streaming::checkpoint::log::{Log, LogKind, LogOptions, scan};
//! use tidemill_streaming::checkpoint::storage::{LocalStorage, Storage};
//!
//! # let folder = tempfile::tempdir()?;
//! let storage: Arc<dyn Storage> = Arc::new(LocalStorage::open(folder.path())?);
//! let log = Log::open(storage.clone(), "batches", LogOptions::new(LogKind::Batches))?;
//! let position = log.append(b"batch 1 is planned")?;
//! assert_eq!(log.read(position)?, b"batch 1 is planned");
//! let found = scan(&*storage, "batches", &mut |_, record| Ok(assert_eq!(record, b"batch 1 is planned")))?;
//! assert!(found.damage.is_empty() && !found.torn_tail);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod frame;
#[cfg(test)]
pub(crate) mod fuzzing;
mod group;
mod reader;
mod scan;
mod segment;
mod writer;

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidemill_core::{Clock, SystemClock};

use super::storage::{Place, Storage, StorageError};
use frame::{FRAME_BYTES, Frame};
use group::{Group, Lead, Queue};
pub use scan::{Damage, Scan, scan};
pub use segment::{LogKind, SegmentInfo};
use writer::Writer;

/// How large a segment grows unless the options say otherwise: small enough to be removed soon, large enough that few are
/// begun.
const ROLL_BYTES: u64 = 64 << 20;
/// How long a segment grows: Spark's `writeAheadLog.rollingIntervalSecs`.
const ROLL_AFTER: Duration = Duration::from_secs(60);
/// How often a write is tried: Spark's `writeAheadLog.maxFailures`.
const ATTEMPTS: u32 = 3;
/// The longest record, in bytes. It is read into memory as a whole, and object stores take no longer objects in one call.
pub const RECORD_BYTES_MAX: usize = 1 << 30;

/// How a log is written.
#[derive(Clone)]
pub struct LogOptions {
    /// Whose log it is. It stands in each segment, so that one log is not taken for another.
    pub kind: LogKind,
    /// The next segment is begun when the current one has as many bytes.
    pub roll_bytes: u64,
    /// The next segment is begun when the current one is as old.
    pub roll_after: Duration,
    /// A segment takes one write only, for file systems whose files cannot be relied on until they are closed (Spark's
    /// `writeAheadLog.closeFileAfterWrite`).
    pub close_after_write: bool,
    /// How often a write is tried, at least once (Spark's `writeAheadLog.maxFailures`).
    pub attempts: u32,
    /// Tells how old a segment is.
    pub clock: Arc<dyn Clock>,
}

impl LogOptions {
    /// Spark's defaults: a segment a minute, three attempts.
    pub fn new(kind: LogKind) -> LogOptions {
        LogOptions {
            kind,
            roll_bytes: ROLL_BYTES,
            roll_after: ROLL_AFTER,
            close_after_write: false,
            attempts: ATTEMPTS,
            clock: Arc::new(SystemClock::new()),
        }
    }
}

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The number of the segment.
    pub segment: u64,
    /// Where the record's frame begins, in bytes.
    pub offset: u64,
    /// The bytes of the record itself.
    pub length: u32,
}

impl Position {
    /// Where the record ends, in bytes.
    pub(crate) fn end(self) -> u64 {
        self.offset + FRAME_BYTES as u64 + u64::from(self.length)
    }
}

/// A log that is being written. All calls may come from several threads.
pub struct Log {
    storage: Arc<dyn Storage>,
    folder: String,
    queue: Mutex<Queue>,
    /// A group of appends is durable, or failed.
    written: Condvar,
    /// Locked by the thread that writes, and shortly by those that ask; never while `queue` is.
    writer: Mutex<Writer>,
}

impl Log {
    /// Continues the log in `folder`, or begins one: with the segment after the last one that is there.
    ///
    /// On storage whose files cannot grow, this takes the log over: whoever wrote it before fails with
    /// [`StorageError::Fenced`] from now on. So open first, and read ([`scan`]) then.
    ///
    /// Fails where another kind of log lies in the folder.
    pub fn open(storage: Arc<dyn Storage>, folder: &str, options: LogOptions) -> Result<Log, StorageError> {
        let writer = Writer::open(storage.clone(), folder, options)?;
        let (queue, written, writer) = (Mutex::default(), Condvar::new(), Mutex::new(writer));
        Ok(Log { storage, folder: folder.into(), queue, written, writer })
    }

    /// Adds a record, and returns when it is durable. Calls of several threads share one sync.
    ///
    /// After an error the record counts as not written (unless the process dies before the next append succeeds: then it may
    /// turn up), and the log can be used further.
    pub fn append(&self, record: &[u8]) -> Result<Position, StorageError> {
        let length = self.check_length(record)?;
        let frame = Frame::new(record);
        let mut queue = self.queue();
        let (group, at) = queue.add(frame, record);
        loop {
            if let Some(start) = group.start() {
                return start.map(|start| Position { segment: start.segment, offset: start.offset + at, length });
            }
            if queue.is_led() {
                queue = self.written.wait(queue).unwrap_or_else(PoisonError::into_inner);
            } else {
                // No thread writes, so the group is the one that fills: this thread writes it.
                let lead = queue.lead();
                drop(queue);
                self.write(lead);
                queue = self.queue();
            }
        }
    }

    /// Sets what gives the record that every segment begins with from now on, for instance the whole state, so that older
    /// segments are not needed any more.
    ///
    /// It is called when a segment is begun, before the records that are being appended; it may or may not know of those, and
    /// it must not use this log. On storage whose files cannot grow, it is called for each segment that [`base`](Log::base)
    /// names, and not for those between.
    pub fn set_first(&self, first: impl Fn() -> Vec<u8> + Send + Sync + 'static) {
        self.writer().set_first(Arc::new(first));
    }

    /// Makes the next append begin a new segment.
    pub fn roll(&self) {
        self.writer().roll();
    }

    /// The number of the segment that the last append went to, or that the next one begins.
    pub fn current(&self) -> u64 {
        self.writer().current()
    }

    /// The newest segment that begins with the record of [`set_first`](Log::set_first): it and those after it hold all that
    /// this record stands for. None before this log wrote one.
    pub fn base(&self) -> Option<u64> {
        self.writer().base()
    }

    /// The segments that are there, by number.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        self.writer().segments()
    }

    /// Removes the segments with smaller numbers, but never the newest one.
    pub fn remove_before(&self, segment: u64) -> Result<(), StorageError> {
        // From the front, each removal durable before the next: a missing segment amid others is always damage.
        loop {
            let Some(oldest) = self.writer().oldest_before(segment) else { return Ok(()) };
            self.storage.remove(&segment::name(&self.folder, oldest))?;
            self.writer().removed(oldest);
        }
    }

    /// Reads one record. [`StorageError::Damaged`] if it is not what was written there, or not there yet.
    pub fn read(&self, position: Position) -> Result<Vec<u8>, StorageError> {
        read(&*self.storage, &self.folder, position)
    }

    fn check_length(&self, record: &[u8]) -> Result<u32, StorageError> {
        u32::try_from(record.len()).ok().filter(|_| record.len() <= RECORD_BYTES_MAX).ok_or_else(|| {
            let place = Place::new(&self.storage.location().into(), self.folder.as_str());
            let text = format!(
                "a record of {} bytes is too long for a log, which takes {RECORD_BYTES_MAX}; write smaller blocks",
                record.len()
            );
            StorageError::Unusable { location: place.to_string().into(), text }
        })
    }

    /// Writes a group and tells those who wait, come what may.
    fn write(&self, mut lead: Lead) {
        let end = EndOfTurn { log: self, group: lead.group.clone() };
        let start = self.writer().write(&mut lead.bytes);
        end.group.finish(start);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Log({}/{})", self.storage.location(), self.folder)
    }
}

/// Ends a thread's turn at writing, also where it panics: the others must not wait forever.
struct EndOfTurn<'a> {
    log: &'a Log,
    group: Arc<Group>,
}

impl Drop for EndOfTurn<'_> {
    fn drop(&mut self) {
        let location = self.log.storage.location();
        self.group.finish_if_not(|| StorageError::unusable(&location, "the thread that wrote the log panicked"));
        self.log.queue().end_turn();
        self.log.written.notify_all();
    }
}

/// Reads one record of a log that need not be open.
pub fn read(storage: &dyn Storage, folder: &str, position: Position) -> Result<Vec<u8>, StorageError> {
    let name = segment::name(folder, position.segment);
    let length = position.length as usize;
    let mut bytes = storage.read_range(&name, position.offset, FRAME_BYTES + length)?;
    let frame = Frame::parse(&bytes, position.segment, position.offset);
    let is_whole = |frame: &Frame| frame.length == position.length && frame.fits(&bytes[FRAME_BYTES..]);
    if frame.as_ref().is_some_and(is_whole) {
        bytes.drain(..FRAME_BYTES);
        return Ok(bytes);
    }
    let place = Place::new(&storage.location().into(), name);
    let text = format!("the record of {length} bytes that was written there cannot be read");
    Err(StorageError::Damaged { place, offset: position.offset, text })
}

#[cfg(test)]
mod tests;

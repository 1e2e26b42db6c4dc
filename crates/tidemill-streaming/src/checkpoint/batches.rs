//! The driver's log: each batch is in it before it runs, and again when it is done.
//!
//! Every segment begins with all that is known ([`Ledger`]), so the newest readable one is enough, and older ones go. The one
//! before the newest stays, for a newest that cannot be read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidemill_core::settings::{Config, keys};
use tidemill_core::{Clock, Timestamp};

use crate::checkpoint::RecoveryError;
use crate::checkpoint::ledger::{Entry, Ledger};
use crate::checkpoint::log::{Damage, Log, LogKind, LogOptions, Position, scan};
use crate::checkpoint::storage::{Storage, StorageError};

/// Where the log lies.
pub(crate) const FOLDER: &str = "batches";

/// A segment is ended at this size, or at some times the size of what it begins with: so the log stays small, and what a
/// segment begins with is a small part of what is written.
const SEGMENT_BYTES_LEAST: u64 = 16 << 10;
/// What an entry costs besides its bytes.
const ENTRY_BYTES: u64 = 16;
const SEGMENT_BEGINNINGS: u64 = 4;

/// The driver's log, open for writing. All methods may be called from any thread.
pub(crate) struct BatchLog {
    log: Log,
    ledger: Arc<Mutex<Ledger>>,
    /// The size of what the segment begins with.
    beginning: Arc<AtomicU64>,
    written: Mutex<Written>,
}

/// How much was written since the last segment that begins with the whole state.
#[derive(Default)]
struct Written {
    segment: u64,
    bytes: u64,
}

/// What was found in a checkpoint.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) ledger: Ledger,
    /// What of the log cannot be read; the ledger is as it was before the damage.
    pub(crate) damage: Vec<Damage>,
}

impl BatchLog {
    /// Opens the log of `storage`; [`begin`](Self::begin) says what it goes on from.
    pub(crate) fn open(
        storage: Arc<dyn Storage>,
        config: &Config,
        clock: Arc<dyn Clock>,
    ) -> Result<BatchLog, StorageError> {
        let options = LogOptions {
            kind: LogKind::Batches,
            roll_bytes: u64::MAX, // by what a segment begins with: see below
            roll_after: config.get(keys::DRIVER_LOG_ROLLING_INTERVAL),
            close_after_write: config.get(keys::DRIVER_LOG_CLOSE_AFTER_WRITE),
            attempts: config.get(keys::DRIVER_LOG_MAX_FAILURES),
            clock,
        };
        let log = Log::open(storage, FOLDER, options)?;
        let ledger: Arc<Mutex<Ledger>> = Arc::default();
        let beginning = Arc::new(AtomicU64::new(0));
        let (known, size) = (Arc::clone(&ledger), Arc::clone(&beginning));
        log.set_first(move || {
            let whole = encode(&lock(&known).whole());
            size.store(whole.len() as u64, Ordering::Relaxed);
            whole
        });
        Ok(BatchLog { log, ledger, beginning, written: Mutex::default() })
    }

    /// Goes on from `ledger`, in a segment that says so.
    ///
    /// # Errors
    /// It is not written down.
    pub(crate) fn begin(&self, ledger: Ledger) -> Result<(), StorageError> {
        *self.ledger() = ledger;
        self.done(&[])
    }

    /// Writes down a batch and its input. When this returns it will be run, whatever happens.
    ///
    /// # Errors
    /// It is not written down; the next entry writes it as well.
    pub(crate) fn plan(&self, time: Timestamp, inputs: BTreeMap<String, Vec<u8>>) -> Result<(), StorageError> {
        let entry = self.ledger().plan(time, inputs);
        self.append(&entry)
    }

    /// Writes down that batches are done.
    ///
    /// # Errors
    /// It is not written down; the next entry writes it as well.
    pub(crate) fn done(&self, times: &[Timestamp]) -> Result<(), StorageError> {
        let entry = self.ledger().done(times);
        self.append(&entry)
    }

    /// Writes down the code of the program, if it has changed.
    ///
    /// # Errors
    /// It is not written down; the next segment has it.
    pub(crate) fn keep_code(&self, code: Vec<u8>) -> Result<(), StorageError> {
        let mut ledger = self.ledger();
        if ledger.program.code.as_ref().is_some_and(|known| known.0 == code) {
            return Ok(());
        }
        let entry = ledger.code(code);
        drop(ledger);
        self.append(&entry)
    }

    /// Forgets the batches before `time` that are done.
    pub(crate) fn forget(&self, before: Timestamp) {
        self.ledger().forget(before);
    }

    /// What is known now.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// Appends an entry that the ledger holds already, so that where appending fails the beginning of the next segment has it.
    fn append(&self, entry: &Entry) -> Result<(), StorageError> {
        let bytes = encode(entry);
        let appended = self.log.append(&bytes).inspect_err(|_| self.log.roll())?;
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        // Where files cannot grow, not every segment begins with all that is known: those since the last that does stay.
        let base = self.log.base().unwrap_or(appended.segment);
        if written.segment != base {
            let last = std::mem::replace(&mut *written, Written { segment: base, bytes: 0 }).segment;
            // The last beginning stays too, should this one become unreadable; at first it is in another process's segment.
            self.log.remove_before(if last == 0 { base.saturating_sub(1) } else { last })?;
        }
        written.bytes += u64::from(appended.length) + ENTRY_BYTES;
        let beginning = self.beginning.load(Ordering::Relaxed);
        if written.bytes > (SEGMENT_BEGINNINGS * beginning).max(SEGMENT_BYTES_LEAST) {
            self.log.roll();
        }
        Ok(())
    }
}

/// What the log of `storage` says.
///
/// # Errors
/// Nothing in it can be read.
pub(crate) fn read(storage: &dyn Storage) -> Result<Found, RecoveryError> {
    let mut records = Vec::new(); // all of them: the log is kept small
    let scan = scan(storage, FOLDER, &mut |position, bytes| {
        records.push((position, bytes.to_vec()));
        Ok(())
    })?;
    let (mut ledger, mut damage) = (None::<Ledger>, scan.damage);
    for (Position { segment, offset, .. }, bytes) in records {
        // Behind damage a segment is not read on: what became of the batches in it would be guessed.
        if damage.iter().any(|damage| damage.segment == segment && damage.offset <= offset) {
            continue;
        }
        if let Err(text) = apply(&mut ledger, &bytes) {
            damage.push(Damage { segment, offset, text });
        }
    }
    let Some(ledger) = ledger else {
        let reason = damage.first().map_or_else(|| "its log is empty".to_owned(), ToString::to_string);
        return Err(RecoveryError::Unreadable { location: storage.location(), reason });
    };
    Ok(Found { ledger, damage })
}

fn apply(ledger: &mut Option<Ledger>, bytes: &[u8]) -> Result<(), String> {
    let entry = postcard::from_bytes::<Entry>(bytes).map_err(|error| error.to_string())?;
    let begins = matches!(entry, Entry::Whole(_));
    if begins {
        let mut whole = Ledger::default();
        whole.apply(entry).map_err(|error| error.to_string())?;
        *ledger = Some(whole);
        return Ok(());
    }
    let known = ledger.as_mut().ok_or("its log does not begin with what is known")?;
    known.apply(entry).map_err(|error| error.to_string())
}

#[expect(clippy::expect_used, reason = "the entries are plain data, of which postcard can write all")]
fn encode(entry: &Entry) -> Vec<u8> {
    postcard::to_stdvec(entry).expect("plain data can be written")
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

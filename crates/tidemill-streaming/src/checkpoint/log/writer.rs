//! The end of a log: the segment that is being written, and when the next one is begun.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use super::frame::{Frame, seal};
use super::group::Start;
use super::scan::ending;
use super::segment::{Header, SegmentInfo, name, segments_in};
use super::{LogOptions, Place, Storage, StorageError};
use crate::checkpoint::storage::Append;

/// How often a driver that takes a log over tries to be ahead of the one that still writes.
const TAKE_OVER_ATTEMPTS_MAX: u32 = 1000;

/// Gives the record that a segment begins with.
pub(super) type First = Arc<dyn Fn() -> Vec<u8> + Send + Sync>;

/// Writes segments, one at a time.
pub(super) struct Writer {
    storage: Arc<dyn Storage>,
    folder: String,
    options: LogOptions,
    /// Random, so that another driver's segments are known.
    id: u64,
    /// Whether files can grow; else each write is a segment.
    grows: bool,
    current: Option<Growing>,
    next: u64,
    /// The segment of the last durable record, and that record's end.
    previous: (u64, u64),
    first: Option<First>,
    base: Option<u64>,
    /// Since the last segment that counts as a beginning.
    age: Age,
    roll: bool,
    known: BTreeMap<u64, u64>,
}

/// A segment that can take more.
struct Growing {
    number: u64,
    file: Box<dyn Append>,
    /// The bytes that are durable.
    end: u64,
}

/// What decides whether the next segment is due.
#[derive(Clone, Copy, Default)]
struct Age {
    bytes: u64,
    since: Duration,
    /// Nothing is written yet.
    fresh: bool,
}

impl Writer {
    pub(super) fn open(storage: Arc<dyn Storage>, folder: &str, options: LogOptions) -> Result<Writer, StorageError> {
        let segments = segments_in(&*storage, folder)?;
        let previous = settle(&*storage, folder, &segments, &options)?;
        let last = segments.last().map_or(0, |it| it.number);
        let since = options.clock.monotonic();
        let mut writer = Writer {
            storage,
            folder: folder.into(),
            options,
            id: RandomState::new().build_hasher().finish(),
            grows: true,
            current: None,
            next: last + 1,
            previous,
            first: None,
            base: None,
            age: Age { bytes: 0, since, fresh: true },
            roll: false,
            known: segments.into_iter().map(|it| (it.number, it.bytes)).collect(),
        };
        writer.current = writer.begin()?;
        if writer.current.is_none() {
            writer.grows = false;
            writer.take_over()?;
        }
        Ok(writer)
    }

    pub(super) fn set_first(&mut self, first: First) {
        self.first = Some(first);
    }

    pub(super) fn roll(&mut self) {
        self.roll = true;
    }

    pub(super) fn current(&self) -> u64 {
        match &self.current {
            Some(segment) if !self.is_due() => segment.number,
            _ if self.grows => self.next,
            _ => self.next - 1,
        }
    }

    pub(super) fn base(&self) -> Option<u64> {
        self.base
    }

    pub(super) fn segments(&self) -> Vec<SegmentInfo> {
        self.known.iter().map(|(&number, &bytes)| SegmentInfo { number, bytes }).collect()
    }

    /// The oldest segment, if its number is smaller and it isn't the newest one.
    pub(super) fn oldest_before(&self, segment: u64) -> Option<u64> {
        let (oldest, newest) = (self.known.keys().next()?, self.known.keys().next_back()?);
        Some(*oldest).filter(|oldest| *oldest < segment && oldest != newest)
    }

    pub(super) fn removed(&mut self, segment: u64) {
        self.known.remove(&segment);
    }

    /// Writes frames, and returns when they are durable. Tries as often as the options say.
    pub(super) fn write(&mut self, frames: &mut [u8]) -> Result<Start, StorageError> {
        let mut attempt = 1;
        loop {
            let written = if self.grows { self.write_file(frames) } else { self.write_object(frames) };
            match written {
                Err(error) if attempt < self.options.attempts && error.may_pass() => {
                    tracing::warn!(%error, attempt, log = self.folder, "a write to the log failed and is tried again");
                    attempt += 1;
                }
                written => return written,
            }
        }
    }

    fn is_due(&self) -> bool {
        let age = self.options.clock.monotonic().saturating_sub(self.age.since);
        let is_old = self.age.bytes >= self.options.roll_bytes || age >= self.options.roll_after;
        !self.age.fresh && (self.roll || is_old || (self.grows && self.options.close_after_write))
    }

    /// Begins the file of the next segment; none where files cannot grow.
    fn begin(&mut self) -> Result<Option<Growing>, StorageError> {
        let number = self.next;
        let begun = self.storage.append(&name(&self.folder, number));
        if !matches!(begun, Ok(None)) {
            self.next += 1; // After an error too: there may be a file.
        }
        let Some(file) = begun? else { return Ok(None) };
        self.known.insert(number, 0);
        self.age = Age { bytes: 0, since: self.options.clock.monotonic(), fresh: true };
        self.roll = false;
        Ok(Some(Growing { number, file, end: 0 }))
    }

    /// After an error the segment is left as it is: nobody knows what it holds, so nothing is added to it.
    fn write_file(&mut self, frames: &mut [u8]) -> Result<Start, StorageError> {
        let is_due = self.is_due();
        let mut segment = match self.current.take() {
            Some(segment) if !is_due => segment,
            _ => self.begin()?.ok_or_else(|| {
                StorageError::unusable(&self.storage.location(), "its files could grow, and cannot any more")
            })?,
        };
        let opening = if segment.end == 0 { self.opening(segment.number, true)? } else { Vec::new() };
        let offset = segment.end + opening.len() as u64;
        seal(frames, segment.number, offset, segment.end);
        if !opening.is_empty() {
            segment.file.write(&opening)?;
        }
        segment.file.write(frames)?;
        segment.file.sync()?;
        segment.end = offset + frames.len() as u64;
        if !opening.is_empty() {
            self.base = self.first.as_ref().map(|_| segment.number);
        }
        self.durable(segment.number, segment.end);
        self.age = Age { bytes: segment.end, fresh: false, ..self.age };
        let start = Start { segment: segment.number, offset };
        self.current = Some(segment);
        Ok(start)
    }

    /// What a segment begins with: its header, and the first record if it is to have one.
    fn opening(&self, number: u64, with_first: bool) -> Result<Vec<u8>, StorageError> {
        let (previous, previous_end) = self.previous;
        let (kind, writer) = (self.options.kind.clone(), self.id);
        let mut bytes = Header { kind, number, previous, previous_end, writer }.encode()?;
        if let Some(first) = self.first.as_ref().filter(|_| with_first) {
            let (header, record) = (bytes.len(), first());
            Frame::new(&record).write(&record, &mut bytes);
            seal(&mut bytes[header..], number, header as u64, 0);
        }
        Ok(bytes)
    }

    fn durable(&mut self, number: u64, end: u64) {
        self.previous = (number, end);
        self.known.insert(number, end);
    }

    /// Writes a segment that holds nothing, so that whoever wrote the log before finds its next number taken.
    fn take_over(&mut self) -> Result<(), StorageError> {
        for _ in 0..TAKE_OVER_ATTEMPTS_MAX {
            let number = self.next;
            let opening = self.opening(number, false)?;
            match self.create(number, &opening)? {
                Created::Ours => {
                    self.next = number + 1;
                    self.durable(number, opening.len() as u64);
                    return Ok(());
                }
                // It was there before ours, so it counts.
                Created::Theirs(bytes) => {
                    self.next = number + 1;
                    self.previous = (number, bytes);
                    self.known.insert(number, bytes);
                }
                Created::Abandoned => self.next = number + 1,
            }
        }
        let text = "another driver writes to this log faster than it can be taken over; stop that driver";
        Err(StorageError::unusable(&self.place(self.next).to_string(), text))
    }

    fn write_object(&mut self, frames: &mut [u8]) -> Result<Start, StorageError> {
        let begins = self.age.fresh || self.is_due();
        loop {
            let number = self.next;
            let mut object = self.opening(number, begins)?;
            let offset = object.len() as u64;
            seal(frames, number, offset, 0);
            object.extend_from_slice(frames);
            match self.create(number, &object)? {
                Created::Ours => {
                    self.next = number + 1;
                    self.durable(number, object.len() as u64);
                    if begins {
                        self.base = self.first.as_ref().map(|_| number);
                        self.age = Age { bytes: 0, since: self.options.clock.monotonic(), fresh: false };
                        self.roll = false;
                    }
                    self.age.bytes += object.len() as u64;
                    return Ok(Start { segment: number, offset });
                }
                Created::Abandoned => self.next = number + 1,
                Created::Theirs(_) => return Err(StorageError::Fenced { place: self.place(number) }),
            }
        }
    }

    /// Creates the object of a segment, or finds out whose is there: a request whose answer was lost may have succeeded.
    fn create(&self, number: u64, object: &[u8]) -> Result<Created, StorageError> {
        let name = name(&self.folder, number);
        match self.storage.create(&name, object) {
            Ok(()) => return Ok(Created::Ours),
            Err(StorageError::Exists { .. }) => {}
            Err(error) => return Err(error),
        }
        let there = self.storage.read(&name)?;
        Ok(match Header::parse(&there, number) {
            _ if there == object => Created::Ours,
            Ok((header, _)) if header.writer == self.id => Created::Abandoned,
            _ => Created::Theirs(there.len() as u64),
        })
    }

    fn place(&self, number: u64) -> Place {
        Place::new(&self.storage.location().into(), name(&self.folder, number))
    }
}

/// Whose object has a number.
enum Created {
    /// The one that was to be created.
    Ours,
    /// One of an append that failed here, as it seemed: the number is used up.
    Abandoned,
    /// Another driver's, of so many bytes.
    Theirs(u64),
}

/// Makes durable what a killed process may have left in the machine's memory, and looks whether the log is of the kind that
/// is wanted. Gives the last segment that counts, and its end; what counts of those before it is known.
fn settle(
    storage: &dyn Storage,
    folder: &str,
    segments: &[SegmentInfo],
    options: &LogOptions,
) -> Result<(u64, u64), StorageError> {
    for segment in segments.iter().rev() {
        let name = name(folder, segment.number);
        storage.settle(&name)?;
        let ending = ending(storage, folder, *segment)?;
        if let Some(kind) = ending.kind.filter(|kind| *kind != options.kind) {
            let text = format!("it belongs to {kind}, and {} was to be continued", options.kind);
            return Err(StorageError::unusable(&format!("{}/{name}", storage.location()), text));
        }
        if let Some(end) = ending.end {
            return Ok((segment.number, end));
        }
    }
    Ok((0, 0))
}

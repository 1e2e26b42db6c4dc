//! Reading a whole log: what is there, what is torn, what is damaged.
//!
//! The end of the last segment may be torn, because the process died while it wrote: what is there was never acknowledged.
//! Everything else that is not as it was written is damage. The two are told apart by what the rest of the log says: a later
//! segment's header knows up to where the ones before it were durable, and so does each record within a segment.

use std::collections::{HashSet, VecDeque};
use std::fmt;

use super::reader::Reader;
use super::segment::{Header, LogKind, NoHeader, SegmentInfo, name, segments_in};
use super::{Position, Storage, StorageError};

/// What a log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The segments, by number.
    pub segments: Vec<SegmentInfo>,
    /// Whose log it is: none if no segment could say.
    pub kind: Option<LogKind>,
    /// The records that were visited.
    pub records: u64,
    /// Whether the log ends in bytes that are no record. That is normal after a crash: they were never acknowledged.
    pub torn_tail: bool,
    /// What was written and cannot be read any more.
    pub damage: Vec<Damage>,
}

/// A place where a log is not as it was written. Records from there up to the next one that was visited are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The number of the segment.
    pub segment: u64,
    /// Where it begins, in bytes from the segment's start.
    pub offset: u64,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {} at byte {}: {}", self.segment, self.offset, self.text)
    }
}

/// Gives every record of a log to `visit`, in the order in which they were appended, and says what could not be read.
/// `visit` may end the scan by an error. Memory: some MiB, and the longest record.
pub fn scan(
    storage: &dyn Storage,
    folder: &str,
    visit: &mut dyn FnMut(Position, &[u8]) -> Result<(), StorageError>,
) -> Result<Scan, StorageError> {
    let segments = segments_in(storage, folder)?;
    let mut scanner = Scanner { visit, scan: Scan { segments, ..Scan::default() } };
    scanner.run(storage, folder)?;
    Ok(scanner.scan)
}

/// What a log that goes on after a restart has to know of a segment that was not closed.
pub(super) struct Ending {
    /// Whose log it is, if that can be read.
    pub kind: Option<LogKind>,
    /// The end of the last record that counts; none if there is nothing in the segment that was ever durable.
    pub end: Option<u64>,
}

/// Reads a segment to its end. Fails where this release cannot go on with it.
pub(super) fn ending(storage: &dyn Storage, folder: &str, segment: SegmentInfo) -> Result<Ending, StorageError> {
    let mut ending = Ending { kind: None, end: None };
    let Some(mut reader) = Reader::open(storage, folder, segment)? else { return Ok(ending) };
    match &reader.header {
        Ok((header, length)) => ending = Ending { kind: Some(header.kind.clone()), end: Some(*length as u64) },
        Err(NoHeader::Strange(text)) => {
            let location = format!("{}/{}", storage.location(), name(folder, segment.number));
            return Err(StorageError::unusable(&location, text.as_str()));
        }
        Err(NoHeader::Unreadable) => {}
    }
    let mut visit = |position: Position, _: &[u8]| {
        ending.end = Some(position.end());
        Ok(())
    };
    Scanner { visit: &mut visit, scan: Scan::default() }.segment(&mut reader, Extent::Unknown)?;
    Ok(ending)
}

/// How much of a segment counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// Nothing: each write to it failed.
    Nothing,
    /// Up to here, all of it.
    To(u64),
    /// As much as can be read: nobody knows.
    Unknown,
}

struct Scanner<'a> {
    visit: &'a mut dyn FnMut(Position, &[u8]) -> Result<(), StorageError>,
    scan: Scan,
}

impl Scanner<'_> {
    fn run(&mut self, storage: &dyn Storage, folder: &str) -> Result<(), StorageError> {
        let there: HashSet<u64> = self.scan.segments.iter().map(|it| it.number).collect();
        let oldest = there.iter().min().copied().unwrap_or_default();
        let mut coming = self.scan.segments.clone().into_iter();
        // Readers from the current segment up to the next one with a header, which knows how much of the current one counts.
        let mut window: VecDeque<Reader> = VecDeque::new();
        loop {
            while window.iter().skip(1).all(|it| it.header.is_err()) {
                let Some(segment) = coming.next() else { break };
                if let Some(reader) = Reader::open(storage, folder, segment)? {
                    window.push_back(reader);
                }
            }
            let Some(mut reader) = window.pop_front() else { return Ok(()) };
            let previous = reader.header.as_ref().map_or(0, |(header, _)| header.previous);
            if previous > oldest && !there.contains(&previous) {
                self.damage(previous, 0, "the segment is missing");
            }
            let extent = extent(reader.number, window.iter().find_map(|it| Some(&it.header.as_ref().ok()?.0)));
            self.segment(&mut reader, extent)?;
        }
    }

    fn damage(&mut self, segment: u64, offset: u64, text: &str) {
        self.scan.damage.push(Damage { segment, offset, text: text.into() });
    }

    fn segment(&mut self, reader: &mut Reader, extent: Extent) -> Result<(), StorageError> {
        let end = match extent {
            Extent::Nothing => return Ok(()),
            Extent::To(end) => end.min(reader.bytes),
            Extent::Unknown => reader.bytes,
        };
        let mut next = match &reader.header {
            Ok((header, length)) => {
                self.check_kind(reader.number, &header.kind);
                Some(*length as u64)
            }
            Err(NoHeader::Strange(text)) => {
                self.damage(reader.number, 0, text);
                None
            }
            Err(NoHeader::Unreadable) if reader.bytes == 0 && extent == Extent::Unknown => None, // Begun, no more.
            Err(NoHeader::Unreadable) => self.bad(reader, 0, end, extent, "the header is not as it was written")?,
        };
        let number = reader.number;
        while let Some(offset) = next.filter(|offset| *offset < end) {
            next = match reader.record(offset, end)? {
                Some((frame, record)) => {
                    let position = Position { segment: number, offset, length: frame.length };
                    (self.visit)(position, record)?;
                    self.scan.records += 1;
                    self.scan.torn_tail = false;
                    Some(offset + frame.whole())
                }
                None => self.bad(reader, offset, end, extent, "a record is not as it was written")?,
            };
        }
        match extent {
            Extent::To(whole) if whole > end => {
                self.damage(reader.number, end, &format!("the last {} bytes are missing", whole - end));
            }
            _ => {}
        }
        Ok(())
    }

    fn check_kind(&mut self, segment: u64, kind: &LogKind) {
        match &self.scan.kind {
            None => self.scan.kind = Some(kind.clone()),
            Some(known) if known == kind => {}
            Some(known) => {
                let text = format!("it belongs to {kind}, amid segments of {known}");
                self.damage(segment, 0, &text);
            }
        }
    }

    /// Something at `offset` cannot be read: notes whether it is torn or damaged, and gives where the next record is.
    fn bad(
        &mut self,
        reader: &mut Reader,
        offset: u64,
        end: u64,
        extent: Extent,
        text: &str,
    ) -> Result<Option<u64>, StorageError> {
        let later = reader.find_after(offset, end, extent == Extent::Unknown)?;
        if later.is_none() && extent == Extent::Unknown {
            self.scan.torn_tail = true;
        } else {
            self.damage(reader.number, offset, text);
        }
        Ok(later)
    }
}

/// How much of segment `number` counts, from the header of a later one.
fn extent(number: u64, later: Option<&Header>) -> Extent {
    match later {
        Some(header) if header.previous == number => Extent::To(header.previous_end),
        Some(header) if header.previous < number => Extent::Nothing,
        _ => Extent::Unknown,
    }
}

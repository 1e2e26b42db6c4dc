//! One segment, read through a buffer.

use super::frame::{FRAME_BYTES, Frame};
use super::segment::{Header, NoHeader, SegmentInfo, name};
use super::{Storage, StorageError};

/// How much is read at a time; longer records are read whole.
const BUFFER_BYTES: usize = 1 << 20;

/// A segment that is being read.
pub(super) struct Reader<'a> {
    pub number: u64,
    /// Its size when it was listed: it may grow, and what comes later is left out.
    pub bytes: u64,
    /// With its length.
    pub header: Result<(Header, usize), NoHeader>,
    storage: &'a dyn Storage,
    name: String,
    buffer: Vec<u8>,
    /// Where the buffer begins in the segment.
    start: u64,
}

impl<'a> Reader<'a> {
    /// None if the segment was removed since it was listed.
    pub(super) fn open(
        storage: &'a dyn Storage,
        folder: &str,
        segment: SegmentInfo,
    ) -> Result<Option<Reader<'a>>, StorageError> {
        let SegmentInfo { number, bytes } = segment;
        let name = name(folder, number);
        let mut buffer = match storage.read_range(&name, 0, BUFFER_BYTES) {
            Ok(buffer) => buffer,
            Err(StorageError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let header = Header::parse(&buffer, number);
        if header.is_err() {
            buffer = Vec::new(); // Any number of these may be waiting for one with a header.
        }
        Ok(Some(Reader { number, bytes, header, storage, name, buffer, start: 0 }))
    }

    /// The record at `offset`, if there is a whole and valid one before `end`.
    pub(super) fn record(&mut self, offset: u64, end: u64) -> Result<Option<(Frame, &[u8])>, StorageError> {
        let Some(frame) = self.frame(offset, end)?.filter(|frame| frame.whole() <= end - offset) else {
            return Ok(None);
        };
        let record = self.bytes_at(offset + FRAME_BYTES as u64, frame.length as usize)?;
        Ok(Some((frame, record)).filter(|_| frame.fits(record)))
    }

    /// Where the next record after a bad one at `offset` may be. With `proven`, only if some later record says that the bad
    /// one had been durable.
    pub(super) fn find_after(&mut self, offset: u64, end: u64, proven: bool) -> Result<Option<u64>, StorageError> {
        // A record that is damaged behind a valid frame is skipped; it may hold anything, even frames.
        let mut at = self.frame(offset, end)?.map_or(offset + 1, |frame| offset + frame.whole());
        let mut found = None;
        while at < end {
            let Some(frame) = self.frame(at, end)? else {
                at += 1;
                continue;
            };
            let next = *found.get_or_insert(at);
            if !proven || frame.durable > offset {
                return Ok(Some(next));
            }
            at += frame.whole();
        }
        Ok(None)
    }

    fn frame(&mut self, offset: u64, end: u64) -> Result<Option<Frame>, StorageError> {
        if end.saturating_sub(offset) < FRAME_BYTES as u64 {
            return Ok(None);
        }
        let number = self.number;
        Ok(Frame::parse(self.bytes_at(offset, FRAME_BYTES)?, number, offset))
    }

    /// `length` bytes at `offset`; fewer where the segment ends.
    fn bytes_at(&mut self, offset: u64, length: usize) -> Result<&[u8], StorageError> {
        let buffered = offset.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let is_buffered = buffered.is_some_and(|at| at + length <= self.buffer.len());
        if !is_buffered {
            // A long record's buffer is given back before the next read.
            self.buffer = Vec::new();
            self.buffer = self.storage.read_range(&self.name, offset, length.max(BUFFER_BYTES))?;
            self.start = offset;
        }
        let at = if is_buffered { buffered.unwrap_or_default() } else { 0 };
        let rest = &self.buffer[at..];
        Ok(&rest[..length.min(rest.len())])
    }
}

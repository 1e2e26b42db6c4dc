//! The frames of a spill file, over anything that can be written or read.

use std::io::{self, ErrorKind, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// `TMSPILL`, version 1.
const MAGIC: [u8; 8] = *b"TMSPILL\x01";

/// Length, number of records and checksum.
const FRAME_HEADER: usize = 12;

/// What is wrong with a file or a record.
#[derive(Debug)]
pub(super) enum Flaw {
    File(io::Error),
    Damaged(&'static str),
    Encode(postcard::Error),
    Decode(postcard::Error),
}

#[derive(Debug)]
pub(super) struct FrameWriter<W> {
    out: W,
    /// The frame so far: room for its header, then its payload. The first one has the file's header before it.
    buffer: Vec<u8>,
    /// Where in `buffer` the frame starts.
    start: usize,
    count: u32,
    frame_bytes: usize,
    written: Written,
}

/// What a finished file holds.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) records: u64,
    pub(super) frames: u64,
    pub(super) largest_frame: usize,
}

impl<W: Write> FrameWriter<W> {
    pub(super) fn new(out: W, type_hash: u64, frame_bytes: usize) -> FrameWriter<W> {
        let mut buffer = Vec::with_capacity(frame_bytes + frame_bytes / 8);
        buffer.extend(MAGIC);
        buffer.extend(type_hash.to_le_bytes());
        let start = buffer.len();
        buffer.extend([0; FRAME_HEADER]);
        FrameWriter { out, buffer, start, count: 0, frame_bytes, written: Written::default() }
    }

    pub(super) fn push<R: Serialize>(&mut self, record: &R) -> Result<(), Flaw> {
        let before = self.buffer.len();
        if let Err(error) = postcard::to_io(record, &mut self.buffer) {
            self.buffer.truncate(before);
            return Err(Flaw::Encode(error));
        }
        self.count += 1;
        if self.buffer.len() - self.start >= self.frame_bytes || self.count == u32::MAX {
            self.end_frame().map_err(Flaw::File)?;
        }
        Ok(())
    }

    /// Ends the sequence; nothing may be pushed any more.
    pub(super) fn finish(&mut self) -> io::Result<Written> {
        if self.count > 0 {
            self.end_frame()?;
        }
        self.buffer.extend(self.written.records.to_le_bytes());
        self.buffer.extend(self.written.frames.to_le_bytes());
        self.end_frame()?;
        self.out.flush()?;
        Ok(std::mem::take(&mut self.written))
    }

    /// Where the frames go.
    pub(super) fn out(&self) -> &W {
        &self.out
    }

    #[cfg(test)]
    pub(super) fn out_mut(&mut self) -> &mut W {
        &mut self.out
    }

    pub(super) fn into_out(self) -> W {
        self.out
    }

    fn end_frame(&mut self) -> io::Result<()> {
        let payload = self.start + FRAME_HEADER;
        let Ok(length) = u32::try_from(self.buffer.len() - payload) else {
            return Err(io::Error::new(ErrorKind::FileTooLarge, "a record takes more than 4 GiB"));
        };
        self.buffer[self.start..][..4].copy_from_slice(&length.to_le_bytes());
        self.buffer[self.start + 4..][..4].copy_from_slice(&self.count.to_le_bytes());
        let checksum = checksum(&self.buffer[self.start..][..8], &self.buffer[payload..]);
        self.buffer[self.start + 8..][..4].copy_from_slice(&checksum.to_le_bytes());
        self.out.write_all(&self.buffer)?;
        self.written.records += u64::from(self.count);
        self.written.frames += u64::from(self.count > 0);
        self.written.largest_frame = self.written.largest_frame.max(length as usize);
        self.buffer.clear();
        self.buffer.shrink_to(2 * self.frame_bytes); // one huge record is no reason to keep its room
        self.buffer.extend([0; FRAME_HEADER]);
        (self.start, self.count) = (0, 0);
        Ok(())
    }
}

pub(super) fn checksum(header: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(payload);
    hasher.finalize()
}

#[derive(Debug)]
pub(super) struct FrameReader<R> {
    input: R,
    /// How many bytes the file has beyond what was read: no frame can be larger.
    remaining: u64,
    type_hash: u64,
    payload: Vec<u8>,
    /// Where in `payload` the next record starts.
    at: usize,
    /// The records of this frame that were not yet read.
    left: u32,
    records: u64,
    frames: u64,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Unopened,
    Open,
    Ended,
}

impl<R: Read> FrameReader<R> {
    pub(super) fn new(input: R, length: u64, type_hash: u64) -> FrameReader<R> {
        let (payload, state) = (Vec::new(), State::Unopened);
        FrameReader { input, remaining: length, type_hash, payload, at: 0, left: 0, records: 0, frames: 0, state }
    }

    pub(super) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Flaw> {
        if self.left == 0 && !self.next_frame()? {
            return Ok(None);
        }
        let rest = &self.payload[self.at..];
        let (record, after) = postcard::take_from_bytes(rest).map_err(Flaw::Decode)?;
        self.at += rest.len() - after.len();
        self.left -= 1;
        Ok(Some(record))
    }

    /// Reads the next frame; `false` at the end.
    fn next_frame(&mut self) -> Result<bool, Flaw> {
        match self.state {
            State::Ended => return Ok(false),
            State::Unopened => self.read_file_header()?,
            State::Open => {}
        }
        if self.at != self.payload.len() {
            return Err(Flaw::Damaged("a frame is longer than its records"));
        }
        let header: [u8; FRAME_HEADER] = self.read_array()?;
        let [length, count, sum] = [0, 4, 8].map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|byte| header[at + byte])));
        if u64::from(length) > self.remaining {
            return Err(Flaw::Damaged(TOO_SHORT));
        }
        self.payload.clear();
        self.payload.resize(length as usize, 0);
        read_all(&mut self.input, &mut self.payload)?;
        self.remaining -= u64::from(length);
        if checksum(&header[..8], &self.payload) != sum {
            return Err(Flaw::Damaged("the checksum of a frame does not fit"));
        }
        if count == 0 {
            return self.end();
        }
        (self.at, self.left) = (0, count);
        self.records += u64::from(count);
        self.frames += 1;
        Ok(true)
    }

    fn read_file_header(&mut self) -> Result<(), Flaw> {
        if self.read_array()? != MAGIC {
            return Err(Flaw::Damaged("it does not begin as a spill file does"));
        }
        if u64::from_le_bytes(self.read_array()?) != self.type_hash {
            return Err(Flaw::Damaged("it holds values of another type"));
        }
        self.state = State::Open;
        Ok(())
    }

    fn end(&mut self) -> Result<bool, Flaw> {
        let totals = [self.records.to_le_bytes(), self.frames.to_le_bytes()].concat();
        if self.payload != totals {
            return Err(Flaw::Damaged("frames are missing or too many"));
        }
        if self.remaining > 0 {
            return Err(Flaw::Damaged("something follows its end"));
        }
        self.payload = Vec::new();
        self.at = 0;
        self.state = State::Ended;
        Ok(false)
    }

    fn read_array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let mut bytes = [0; N];
        read_all(&mut self.input, &mut bytes)?;
        self.remaining = self.remaining.saturating_sub(N as u64);
        Ok(bytes)
    }
}

pub(super) const TOO_SHORT: &str = "it ends too early";

fn read_all(input: &mut impl Read, into: &mut [u8]) -> Result<(), Flaw> {
    input.read_exact(into).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => Flaw::Damaged(TOO_SHORT),
        _ => Flaw::File(error),
    })
}

//! Frames: pieces of bytes in a stream, each with its length and check sum, so that damage and a torn end are noticed.
//!
//! ```text
//! stream := frame* end
//! frame  := length:u32 check:u32 payload     length bytes, at most 2^30; check = crc32(length payload)
//! end    := 0xFFFFFFFF:u32 check:u32 count:u64    count of frames; check = crc32(0xFFFFFFFF count)
//! ```
//!
//! Numbers are little-endian. A frame that is lost or doubled as a whole shows in the count; bytes after the end are not the
//! reader's, so that something else may follow.

use std::io::{self, Read, Write};

/// The longest payload; a greater length in a stream is damage.
pub const MAX_FRAME_BYTES: usize = 1 << 30;

const END: u32 = u32::MAX;

/// Why a frame cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream itself failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The stream holds something else than was written; the text says what does not fit.
    #[error("{0}")]
    Damaged(&'static str),
}

/// Writes frames. Without [`finish`](FrameWriter::finish) the stream has no end, and whoever reads it is told.
#[derive(Debug)]
pub struct FrameWriter<W> {
    writer: W,
    count: u64,
}

impl<W: Write> FrameWriter<W> {
    /// Writes frames to `writer`, which should be buffered.
    pub fn new(writer: W) -> FrameWriter<W> {
        FrameWriter { writer, count: 0 }
    }

    /// Writes one frame; `payload` may be empty. More than [`MAX_FRAME_BYTES`] is an error of kind `InvalidInput`.
    pub fn write(&mut self, payload: &[u8]) -> io::Result<()> {
        if payload.len() > MAX_FRAME_BYTES {
            let text = format!("{} bytes do not fit into one frame; write several", payload.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let length = (payload.len() as u32).to_le_bytes();
        self.writer.write_all(&length)?;
        self.writer.write_all(&check(length, payload))?;
        self.writer.write_all(payload)?;
        self.count += 1;
        Ok(())
    }

    /// Writes the end, flushes, and hands back the writer.
    pub fn finish(mut self) -> io::Result<W> {
        let (end, count) = (END.to_le_bytes(), self.count.to_le_bytes());
        self.writer.write_all(&end)?;
        self.writer.write_all(&check(end, &count))?;
        self.writer.write_all(&count)?;
        self.writer.flush()?;
        Ok(self.writer)
    }
}

/// Reads frames.
#[derive(Debug)]
pub struct FrameReader<R> {
    reader: R,
    count: u64,
    is_over: bool,
}

impl<R: Read> FrameReader<R> {
    /// Reads frames from `reader`, which should be buffered.
    pub fn new(reader: R) -> FrameReader<R> {
        FrameReader { reader, count: 0, is_over: false }
    }

    /// Puts the payload of the next frame into `into`, whose content is dropped. `false`: the stream is over, and complete.
    ///
    /// Memory grows with the bytes that are there, not with what a damaged length promises.
    pub fn next(&mut self, into: &mut Vec<u8>) -> Result<bool, FrameError> {
        into.clear();
        if self.is_over {
            return Ok(false);
        }
        let (length, expected) = (self.word()?, self.word()?);
        let bytes = match u32::from_le_bytes(length) {
            END => size_of::<u64>(),
            bytes if bytes as usize <= MAX_FRAME_BYTES => bytes as usize,
            _ => return Err(FrameError::Damaged("the length of a frame is impossible")),
        };
        if (&mut self.reader).take(bytes as u64).read_to_end(into)? < bytes {
            return Err(TORN);
        }
        if check(length, into) != expected {
            return Err(FrameError::Damaged("the check sum of a frame does not fit its bytes"));
        }
        if u32::from_le_bytes(length) != END {
            self.count += 1;
            return Ok(true);
        }
        self.is_over = true;
        if *into != self.count.to_le_bytes() {
            return Err(FrameError::Damaged("it holds more or fewer frames than were written"));
        }
        into.clear();
        Ok(false)
    }

    /// The reader, to look at what follows the stream.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The reader, just behind the last frame read.
    pub fn into_inner(self) -> R {
        self.reader
    }

    fn word(&mut self) -> Result<[u8; 4], FrameError> {
        let mut word = [0; 4];
        match self.reader.read_exact(&mut word) {
            Ok(()) => Ok(word),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(TORN),
            Err(error) => Err(error.into()),
        }
    }
}

const TORN: FrameError = FrameError::Damaged("it ends in the middle; it was cut off, or its writer died");

fn check(length: [u8; 4], payload: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut writer = FrameWriter::new(Vec::new());
        payloads.iter().for_each(|payload| writer.write(payload).unwrap());
        writer.finish().unwrap()
    }

    fn read(stream: &[u8]) -> Result<Vec<Vec<u8>>, FrameError> {
        let (mut reader, mut payloads, mut payload) = (FrameReader::new(stream), Vec::new(), Vec::new());
        while reader.next(&mut payload)? {
            payloads.push(payload.clone());
        }
        assert!(!reader.next(&mut payload).unwrap(), "the end stays the end");
        Ok(payloads)
    }

    #[test]
    fn the_bytes_are_those_of_the_grammar() {
        let expected = [
            &b"\x02\0\0\0"[..],
            &crc32fast::hash(b"\x02\0\0\0hi").to_le_bytes(),
            b"hi",
            b"\xFF\xFF\xFF\xFF",
            &crc32fast::hash(b"\xFF\xFF\xFF\xFF\x01\0\0\0\0\0\0\0").to_le_bytes(),
            b"\x01\0\0\0\0\0\0\0",
        ];
        assert_eq!(written(&[b"hi".to_vec()]), expected.concat());
    }

    #[test]
    fn lost_and_doubled_frames_are_noticed() {
        let payloads = [b"one".to_vec(), b"two".to_vec()];
        let stream = written(&payloads);
        let lost = stream[11..].to_vec();
        let doubled = [&stream[..11], &stream[..]].concat();
        for damaged in [lost, doubled] {
            let error = read(&damaged).unwrap_err().to_string();
            assert!(error.contains("more or fewer frames"), "{error}");
        }
    }

    #[test]
    fn what_follows_the_stream_is_left_alone() {
        let stream = [written(&[b"a".to_vec()]), b"rest".to_vec()].concat();
        let (mut reader, mut payload) = (FrameReader::new(&stream[..]), Vec::new());
        while reader.next(&mut payload).unwrap() {}
        assert_eq!(reader.into_inner(), b"rest");
    }

    proptest! {
        #[test]
        fn payloads_come_back_and_no_damage_passes(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..5),
            bit in any::<proptest::sample::Index>(),
        ) {
            let mut stream = written(&payloads);
            prop_assert_eq!(&read(&stream).unwrap(), &payloads);
            for length in 0..stream.len() {
                prop_assert!(matches!(read(&stream[..length]), Err(FrameError::Damaged(_))), "cut at {}", length);
            }
            let bit = bit.index(stream.len() * 8);
            stream[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(matches!(read(&stream), Err(FrameError::Damaged(_))), "bit {}", bit);
        }
    }
}

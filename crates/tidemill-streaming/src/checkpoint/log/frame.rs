//! The frame of a record: its length and checksums.
//!
//! `length u32 | durable u64 | checksum of the record u32 | checksum of the frame u32 | record`, little-endian. `durable` is
//! the end of what was synced in the segment when the record was written: a valid record whose `durable` lies behind a damaged
//! one proves that the damaged one had been durable. The frame's checksum includes its segment and offset, so that bytes of
//! another place are never taken for a record.

use crc32fast::Hasher;

use super::RECORD_BYTES_MAX;

/// The bytes before a record.
pub(super) const FRAME_BYTES: usize = 20;

/// What stands before a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub length: u32,
    pub durable: u64,
    checksum: u32,
}

impl Frame {
    /// The frame of a record that is not in its place yet. The record is not longer than `RECORD_BYTES_MAX`.
    pub(super) fn new(record: &[u8]) -> Frame {
        Frame { length: record.len() as u32, durable: 0, checksum: crc32fast::hash(record) }
    }

    /// Adds the frame, not yet sealed, and the record.
    pub(super) fn write(&self, record: &[u8], bytes: &mut Vec<u8>) {
        bytes.reserve(FRAME_BYTES + record.len());
        bytes.extend_from_slice(&self.encode(0, 0));
        bytes.extend_from_slice(record);
    }

    /// Reads a frame; none if the bytes are none that was sealed for this place.
    pub(super) fn parse(bytes: &[u8], segment: u64, offset: u64) -> Option<Frame> {
        let bytes: &[u8; FRAME_BYTES] = bytes.first_chunk()?;
        let frame = Frame::unchecked(bytes);
        // The cheap tests first: a search for the next frame asks at every byte.
        let may_be = frame.length as usize <= RECORD_BYTES_MAX && frame.durable <= offset;
        (may_be && frame.encode(segment, offset) == *bytes).then_some(frame)
    }

    /// Whether these bytes are the record.
    pub(super) fn fits(&self, record: &[u8]) -> bool {
        record.len() == self.length as usize && crc32fast::hash(record) == self.checksum
    }

    /// Frame and record, in bytes.
    pub(super) fn whole(&self) -> u64 {
        FRAME_BYTES as u64 + u64::from(self.length)
    }

    fn unchecked(bytes: &[u8; FRAME_BYTES]) -> Frame {
        let [l0, l1, l2, l3, d0, d1, d2, d3, d4, d5, d6, d7, c0, c1, c2, c3, ..] = *bytes;
        Frame {
            length: u32::from_le_bytes([l0, l1, l2, l3]),
            durable: u64::from_le_bytes([d0, d1, d2, d3, d4, d5, d6, d7]),
            checksum: u32::from_le_bytes([c0, c1, c2, c3]),
        }
    }

    fn encode(&self, segment: u64, offset: u64) -> [u8; FRAME_BYTES] {
        let mut bytes = [0; FRAME_BYTES];
        bytes[0..4].copy_from_slice(&self.length.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.durable.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.checksum.to_le_bytes());
        let mut hasher = Hasher::new();
        hasher.update(&segment.to_le_bytes());
        hasher.update(&offset.to_le_bytes());
        hasher.update(&bytes[..16]);
        bytes[16..].copy_from_slice(&hasher.finalize().to_le_bytes());
        bytes
    }
}

/// Seals the frames in `bytes` for a place: the first is at `offset` of the segment, whose first `durable` bytes are synced.
pub(super) fn seal(bytes: &mut [u8], segment: u64, offset: u64, durable: u64) {
    let mut at = 0;
    while let Some(head) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<FRAME_BYTES>()) {
        let frame = Frame { durable, ..Frame::unchecked(head) };
        *head = frame.encode(segment, offset + at as u64);
        at += FRAME_BYTES + frame.length as usize;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_valid_in_its_place_alone() {
        let mut bytes = Vec::new();
        for record in [&b"one"[..], b"", b"three"] {
            Frame::new(record).write(record, &mut bytes);
        }
        seal(&mut bytes, 7, 100, 60);
        let frame = Frame::parse(&bytes, 7, 100).unwrap();
        assert_eq!((frame.length, frame.durable, frame.whole()), (3, 60, 23));
        assert!(frame.fits(b"one") && !frame.fits(b"onf") && !frame.fits(b"on"));
        assert_eq!(Frame::parse(&bytes[23..], 7, 123).unwrap().length, 0);
        assert_eq!(Frame::parse(&bytes[43..], 7, 143).unwrap().length, 5);
        for (segment, offset) in [(8, 100), (7, 101), (0, 0)] {
            assert_eq!(Frame::parse(&bytes, segment, offset), None);
        }
        for bit in 0..FRAME_BYTES * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Frame::parse(&flipped, 7, 100), None, "bit {bit}");
        }
        assert_eq!(Frame::parse(&[0; 64], 0, 0), None, "zeros are no record");
        assert_eq!(Frame::parse(&bytes[..19], 7, 100), None);
    }
}

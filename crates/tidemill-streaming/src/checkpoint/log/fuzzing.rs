//! For the fuzzer: the checksums of a segment made right.

use super::frame::{FRAME_BYTES, seal};
pub(crate) use super::segment::name;
use super::segment::repair_header;

/// Makes the checksums of a segment's header and frames right, where they are found by the lengths that stand there.
pub(crate) fn repair(segment: &mut [u8], number: u64) {
    let Some(header) = repair_header(segment, number) else { return };
    let (mut at, mut durable) = (header, header as u64);
    while let Some(frame) = segment.get_mut(at..).filter(|rest| rest.len() >= FRAME_BYTES) {
        let length = frame.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
        let end = FRAME_BYTES.saturating_add(length).min(frame.len());
        let checksum = crc32fast::hash(&frame[FRAME_BYTES..end]);
        frame[12..16].copy_from_slice(&checksum.to_le_bytes());
        seal(&mut frame[..end], number, at as u64, durable);
        at += end;
        durable = at as u64;
    }
}

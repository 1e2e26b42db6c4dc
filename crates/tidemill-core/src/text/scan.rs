//! Masks of separators: one bit for each byte of 16 or 64 that ends a part.
//!
//! Looking for separators one at a time costs a call and a mispredicted branch a word. A mask costs them once for 64
//! bytes, in plain integer arithmetic that every machine has.

use super::TextBlock;

/// What ends a part, as far as single ASCII bytes can tell.
pub trait Separator {
    /// The top bit of each byte of `bytes` that is a separator, no other bits.
    fn tops(&self, bytes: u64) -> u64;
}

const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const ONES: u64 = 0x0101_0101_0101_0101;

/// One byte.
#[derive(Clone, Copy)]
pub struct Byte(pub(super) u8);

impl Separator for Byte {
    #[inline(always)]
    fn tops(&self, bytes: u64) -> u64 {
        let x = bytes ^ (ONES * self.0 as u64);
        !(((x & LOW) + LOW) | x | LOW)
    }
}

/// `\n` or `\r`.
#[derive(Clone, Copy)]
pub(super) struct LineEnd;

impl Separator for LineEnd {
    #[inline(always)]
    fn tops(&self, bytes: u64) -> u64 {
        Byte(b'\n').tops(bytes) | Byte(b'\r').tops(bytes)
    }
}

/// ASCII's white space as `char::is_whitespace` has it: 9 to 13 and the space.
#[derive(Clone, Copy)]
pub(super) struct AsciiSpace;

impl Separator for AsciiSpace {
    #[inline(always)]
    fn tops(&self, bytes: u64) -> u64 {
        let low = bytes & LOW;
        let at_least_9 = low + ONES * (0x80 - 9);
        let at_least_14 = low + ONES * (0x80 - 14);
        (at_least_9 & !at_least_14 & !bytes & !LOW) | Byte(b' ').tops(bytes)
    }
}

/// A bit for each of the 8 bytes, the first byte's lowest.
#[inline(always)]
fn gather(tops: u64) -> u64 {
    (tops >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// A bit for each of 16 bytes.
#[inline(always)]
pub(super) fn mask16(by: &impl Separator, bytes: u128) -> u64 {
    gather(by.tops(bytes as u64)) | gather(by.tops((bytes >> 64) as u64)) << 8
}

/// A bit for each of the 64 bytes of the block from `at`, which is at most the end of its text.
#[inline(always)]
pub(super) fn mask64(by: &impl Separator, block: &TextBlock, at: usize) -> u64 {
    let Some(window) = block.padded().get(at..).and_then(|bytes| bytes.first_chunk::<64>()) else { return 0 };
    let (words, _) = window.as_chunks::<8>();
    let eight = |i: usize| gather(by.tops(u64::from_le_bytes(words[i]))) << (8 * i);
    (0..8).fold(0, |mask, i| mask | eight(i))
}

/// The mask's bits below `bits` (at most 63).
#[inline(always)]
pub(super) fn below(mask: u64, bits: usize) -> u64 {
    mask & ((1 << bits) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(by: impl Separator, is: fn(u8) -> bool) {
        for byte in 0..=255u8 {
            for at in 0..16 {
                for other in [b'a', b' ', 0, 0x80, 0xff, b'\n'] {
                    let mut bytes = [other; 16];
                    bytes[at] = byte;
                    let want = (0..16).fold(0, |mask, i| mask | (is(bytes[i]) as u64) << i);
                    assert_eq!(mask16(&by, u128::from_le_bytes(bytes)), want, "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn masks_are_exact_for_every_byte_at_every_place() {
        check(Byte(b' '), |b| b == b' ');
        check(Byte(0), |b| b == 0);
        check(Byte(0x7f), |b| b == 0x7f);
        check(LineEnd, |b| b == b'\n' || b == b'\r');
        check(AsciiSpace, |b| b.is_ascii() && (b as char).is_whitespace());
    }
}

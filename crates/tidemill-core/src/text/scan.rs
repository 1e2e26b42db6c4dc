//! Masks of separators: one bit for each of 64 bytes that ends a part.
//!
//! Looking for separators one at a time costs a call and a mispredicted branch a word. A mask costs them once for 64
//! bytes. The loops are written so that the compiler makes vector instructions of them: a comparison of 16 bytes at a
//! time, and a sum of 8 bytes at a time (`psadbw` where there is SSE2), 60 instructions in all where integer arithmetic
//! takes 120. The loop over 16 bytes alone it would unroll instead, so short text is scanned as 64 bytes too.

/// What ends a part, as far as single bytes can tell.
pub trait Separator {
    /// Whether a byte is it; without branches.
    fn is(&self, byte: u8) -> bool;
}

/// One byte.
#[derive(Clone, Copy)]
pub struct Byte(pub(super) u8);

impl Separator for Byte {
    #[inline(always)]
    fn is(&self, byte: u8) -> bool {
        byte == self.0
    }
}

/// `\n` or `\r`.
#[derive(Clone, Copy)]
pub(super) struct LineEnd;

impl Separator for LineEnd {
    #[inline(always)]
    fn is(&self, byte: u8) -> bool {
        (byte == b'\n') | (byte == b'\r')
    }
}

/// ASCII's white space as `char::is_whitespace` has it: 9 to 13 and the space.
#[derive(Clone, Copy)]
pub(super) struct AsciiSpace;

impl Separator for AsciiSpace {
    #[inline(always)]
    fn is(&self, byte: u8) -> bool {
        (byte == b' ') | (byte.wrapping_sub(9) < 5)
    }
}

/// A bit for each byte, the first byte's lowest.
#[inline(always)]
fn mask(by: &impl Separator, bytes: &[u8; 64]) -> u64 {
    let mut bits = [0u8; 64];
    for (at, bit) in bits.iter_mut().enumerate() {
        *bit = if by.is(bytes[at]) { 1 << (at % 8) } else { 0 };
    }
    let (eights, _) = bits.as_chunks::<8>();
    let mut mask = 0;
    for (at, eight) in eights.iter().enumerate() {
        mask |= (eight.iter().fold(0u8, |sum, bit| sum.wrapping_add(*bit)) as u64) << (8 * at);
    }
    mask
}

/// A bit for each of 16 bytes.
#[inline(always)]
pub(super) fn mask16(by: &impl Separator, bytes: [u8; 16]) -> u64 {
    let mut window = [0; 64];
    window[..16].copy_from_slice(&bytes);
    below(mask(by, &window), 16)
}

/// A bit for each of the 64 bytes from `at`, which is at most the end of a block's text: `padded` holds its NULs too.
#[inline(always)]
pub(super) fn mask64(by: &impl Separator, padded: &[u8], at: usize) -> u64 {
    padded.get(at..at + 64).and_then(|bytes| bytes.first_chunk()).map_or(0, |window| mask(by, window))
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
            for at in [0, 1, 7, 8, 15, 16, 31, 63] {
                for other in [b'a', b' ', 0, 0x80, 0xff, b'\n'] {
                    let mut bytes = [other; 64];
                    bytes[at] = byte;
                    let want = (0..64).fold(0, |mask, i| mask | (is(bytes[i]) as u64) << i);
                    assert_eq!(mask64(&by, &bytes, 0), want, "{bytes:?}");
                    let first: [u8; 16] = bytes[..16].try_into().unwrap();
                    assert_eq!(mask16(&by, first), below(want, 16), "{first:?}");
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

//! `TextBlock`: the one form in which text enters.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{LineCursor, Text};

/// How many NUL bytes follow the text of a block, so that a load of 64 bytes that starts in the text never ends outside
/// the buffer. Whoever reads into a buffer that has this much room to spare saves a copy of it.
pub const PADDING: usize = 64;

/// The longest text of a block, in bytes: a place in a block fits 32 bits.
const LONGEST: usize = u32::MAX as usize - PADDING;

/// A buffer of UTF-8 text that many [`Text`]s lie in; cloning it counts a reference.
///
/// Give each partition a block of its own: two threads that cut lines from one block share its reference count, which
/// costs a third of their speed.
#[derive(Clone)]
pub struct TextBlock(Arc<Body>);

struct Body {
    /// The text and [`PADDING`] NULs.
    padded: String,
    /// The length of the text alone.
    len: usize,
    ascii: bool,
    /// Whether there is a `\r`: most text has none, and lines are found faster.
    returns: bool,
}

/// The text is too long for one block, which holds less than 4 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{len} bytes of text do not fit one block, which holds {LONGEST} at most: cut the text into several blocks at line ends"
)]
pub struct TooLong {
    /// The length of the text, in bytes.
    pub len: usize,
}

impl TextBlock {
    /// A block of this text. Copies nothing if the string has [`PADDING`] bytes of capacity to spare.
    ///
    /// # Errors
    /// The text is 4 GiB or longer.
    pub fn new(text: String) -> Result<TextBlock, TooLong> {
        TooLong::check(text.len())?;
        Ok(TextBlock::of_any_length(text))
    }

    /// A block of bytes that ought to be UTF-8, and how many malformed sequences became U+FFFD, as
    /// [`String::from_utf8_lossy`] does it (and Spark's text sources do: 1.12). Copies well-formed bytes no more than
    /// [`TextBlock::new`] does.
    ///
    /// # Errors
    /// The text is 4 GiB or longer.
    pub fn from_utf8_lossy(bytes: Vec<u8>) -> Result<(TextBlock, usize), TooLong> {
        TooLong::check(bytes.len())?;
        let malformed = match String::from_utf8(bytes) {
            Ok(text) => return Ok((TextBlock::of_any_length(text), 0)),
            Err(error) => error.into_bytes(),
        };
        let mut text = String::with_capacity(malformed.len() + malformed.len() / 8 + PADDING);
        let mut replaced = 0;
        for chunk in malformed.utf8_chunks() {
            text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
                replaced += 1;
            }
        }
        Ok((TextBlock::new(text)?, replaced))
    }

    /// A block of its own for one text, however long.
    pub(super) fn of_any_length(mut text: String) -> TextBlock {
        let (len, ascii) = (text.len(), text.is_ascii());
        let returns = memchr::memchr(b'\r', text.as_bytes()).is_some();
        text.push_str(NULS);
        TextBlock(Arc::new(Body { padded: text, len, ascii, returns }))
    }

    /// The text, without the NULs.
    pub fn as_str(&self) -> &str {
        &self.padded_str()[..self.0.len]
    }

    /// The length of the text in bytes, without the NULs.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// Whether all characters are ASCII, so that bytes are characters. Known since the block was made.
    #[inline]
    pub fn is_ascii(&self) -> bool {
        self.0.ascii
    }

    /// The bytes `range` of the block as text; `None` if they are not in the block or cut a character.
    pub fn get(&self, range: Range<usize>) -> Option<Text> {
        self.as_str().get(range.clone())?;
        Some(Text::of_block(self, range.start, range.end))
    }

    /// The lines of the block, from the first.
    ///
    /// `\n`, `\r\n` and a lone `\r` end lines. Empty lines are kept, the last line need not be ended, and an end of line
    /// at the very end begins no further one (1.12).
    pub fn lines(&self) -> LineCursor {
        LineCursor::new(self.clone())
    }

    /// How many blocks and texts hold the buffer.
    #[cfg(test)]
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// The text and the NULs behind it.
    #[inline(always)]
    pub(super) fn padded(&self) -> &[u8] {
        self.0.padded.as_bytes()
    }

    #[inline(always)]
    pub(super) fn padded_str(&self) -> &str {
        &self.0.padded
    }

    /// Whether there is a `\r` in the text, so that not only `\n` may end lines. Known since the block was made.
    pub fn has_returns(&self) -> bool {
        self.0.returns
    }
}

const NULS: &str = {
    match std::str::from_utf8(&[0; PADDING]) {
        Ok(nuls) => nuls,
        Err(_) => "",
    }
};
const _: () = assert!(NULS.len() == PADDING);

impl TooLong {
    fn check(len: usize) -> Result<(), TooLong> {
        if len > LONGEST { Err(TooLong { len }) } else { Ok(()) }
    }
}

impl PartialEq for TextBlock {
    fn eq(&self, other: &TextBlock) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.as_str() == other.as_str()
    }
}

impl Eq for TextBlock {}

impl fmt::Debug for TextBlock {
    /// The size alone: a block is too much to read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextBlock").field("len", &self.len()).field("ascii", &self.is_ascii()).finish()
    }
}

impl Serialize for TextBlock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for TextBlock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TextBlock, D::Error> {
        TextBlock::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_four_gibibytes_is_refused() {
        assert_eq!(TooLong::check(LONGEST), Ok(()));
        let refused = TooLong::check(LONGEST + 1).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "4294967232 bytes of text do not fit one block, which holds 4294967231 at most: \
             cut the text into several blocks at line ends"
        );
    }

    #[test]
    fn room_to_spare_saves_the_copy() {
        let mut text = String::with_capacity(10 + PADDING);
        text.push_str("0123456789");
        let before = text.as_ptr();
        let block = TextBlock::new(text).unwrap();
        assert_eq!((block.as_str(), block.len(), block.padded().as_ptr()), ("0123456789", 10, before));
        assert_eq!(block.padded().len(), 10 + PADDING);
    }

    #[test]
    fn malformed_bytes_are_replaced_as_the_standard_library_does_and_counted() {
        let cases: [(&[u8], usize); 6] = [
            (b"", 0),
            ("h\u{e9}llo \u{6c34}".as_bytes(), 0),
            (b"a\xffb\xfe", 2),
            (b"\xe6\xb0", 1),
            (b"\xf0\x9f\x92x\xc0\x80", 3),
            (b"tail \xc3", 1),
        ];
        for (bytes, replaced) in cases {
            let (block, count) = TextBlock::from_utf8_lossy(bytes.to_vec()).unwrap();
            assert_eq!(block.as_str(), String::from_utf8_lossy(bytes));
            assert_eq!((count, block.is_ascii()), (replaced, block.as_str().is_ascii()), "{bytes:?}");
        }
    }

    #[test]
    fn a_range_that_cuts_a_character_is_no_text() {
        let block = TextBlock::new("h\u{e9}llo, this is a block".into()).unwrap();
        assert_eq!(block.get(0..3).unwrap().as_str(), "h\u{e9}");
        assert_eq!(block.get(7..23).unwrap().as_str(), " this is a block");
        assert_eq!([block.get(0..2), block.get(0..99), block.get(23..24)], [None, None, None]);
    }
}

//! `Text`: the text element, 24 bytes, held in place or as a slice of a shared [`TextBlock`].
//!
//! Text enters as a [`TextBlock`], is cut into lines by a [`LineCursor`] and cut further by methods of [`Text`] that
//! carry the names and the meaning of `str`'s, but give parts that own themselves: a closure may return them, so
//! `lines.flat_map(|line| line.split(' '))` compiles as written. Nothing is copied but parts of up to 15 bytes.
//!
//! There is no `unsafe` here. In place, bytes are checked to be UTF-8 again when someone asks for a `&str`; splitting,
//! comparing and hashing ask for bytes and so do not pay for it.

mod block;
mod compare;
mod convert;
mod detach;
mod lines;
mod parts;
mod pattern;
mod scan;
mod split;
#[cfg(test)]
mod tests;

pub use block::{PADDING, TextBlock, TooLong};
pub use detach::detached;
pub use lines::LineCursor;
pub use parts::Lines;
pub use pattern::SplitBy;
pub use split::{Split, SplitN, SplitTerminator, SplitWhitespace};

use crate::hash::HashSeed;

/// The longest text that is held in place, in bytes.
const IN_PLACE: usize = 15;

/// UTF-8 text that is cheap to clone, to cut and to send between threads: Tidemill's text element.
///
/// It derefs to `str`, and its own methods (`split`, `trim`, ..) give owned parts where `str`'s give borrowed ones.
///
/// Two words and an owner rather than an enum, because an enum is written field by field and read back wide, and the
/// failed store forwarding costs a third of a word count. Up to 15 bytes: the bytes, zeros, and the length in the last
/// byte. More: where the text starts in its block and how long it is. So the length decides the form, and two texts of
/// different forms are never equal.
///
/// A long text keeps its whole block alive: see [`Text::detached`], and [`detached`] for values with texts in them.
#[derive(Default)]
pub struct Text {
    words: [u8; 16],
    block: Option<TextBlock>,
}

const _: () = assert!(size_of::<Text>() == 24);

/// For each length up to 15 the mask of so many bytes; a load is faster than a shift of two words.
const FIRST_BYTES: &[u128; 16] = &{
    let mut masks = [0; 16];
    let mut len = 1;
    while len < 16 {
        masks[len] = masks[len - 1] << 8 | 0xff;
        len += 1;
    }
    masks
};

impl Text {
    /// The empty text.
    pub const EMPTY: Text = Text { words: [0; 16], block: None };

    /// The text `start..end` of a block, both on character boundaries; short text is copied out of it.
    #[inline(always)]
    pub(crate) fn of_block(block: &TextBlock, start: usize, end: usize) -> Text {
        Text::of_bytes(block, block.padded(), start, end)
    }

    /// As `of_block`, for a loop that has the block's bytes at hand and need not follow two pointers to each part.
    #[inline(always)]
    fn of_bytes(block: &TextBlock, bytes: &[u8], start: usize, end: usize) -> Text {
        let len = end - start;
        if len > IN_PLACE {
            let words = (start as u128 | (len as u128) << 64).to_le_bytes();
            return Text { words, block: Some(block.clone()) };
        }
        // The NULs after a block's text let the load have a fixed size anywhere in the text.
        let loaded = bytes.get(start..).and_then(|bytes| bytes.first_chunk());
        Text::in_place(u128::from_le_bytes(loaded.copied().unwrap_or_default()), len)
    }

    /// The first `len <= 15` bytes of `bytes`; what follows them in the word is cut off.
    #[inline(always)]
    fn in_place(bytes: u128, len: usize) -> Text {
        Text { words: (bytes & FIRST_BYTES[len & IN_PLACE] | (len as u128) << 120).to_le_bytes(), block: None }
    }

    /// Copies up to 15 bytes, which must be UTF-8.
    #[inline]
    fn copied(bytes: &[u8]) -> Text {
        let mut words = [0; 16];
        let len = bytes.len().min(IN_PLACE);
        words[..len].copy_from_slice(&bytes[..len]);
        words[IN_PLACE] = len as u8;
        Text { words, block: None }
    }

    /// Start and length of a slice; without meaning for text in place.
    #[inline(always)]
    fn span(&self) -> (usize, usize) {
        let words = self.word();
        (words as u64 as usize, (words >> 64) as u64 as usize)
    }

    #[inline(always)]
    fn word(&self) -> u128 {
        u128::from_le_bytes(self.words)
    }

    /// The length of text in place, and for the compiler's sake never more than fits there.
    #[inline(always)]
    fn len_in_place(&self) -> usize {
        (self.words[IN_PLACE] as usize).min(IN_PLACE)
    }

    /// The length in bytes.
    #[inline(always)]
    pub fn len(&self) -> usize {
        if self.block.is_some() { self.span().1 } else { self.len_in_place() }
    }

    /// Whether there is no text.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.word() == 0 && self.block.is_none()
    }

    /// Whether all characters are ASCII. At most a look at the text; a block that is all ASCII is known to be.
    #[inline]
    pub fn is_ascii(&self) -> bool {
        match &self.block {
            None => self.as_bytes().is_ascii(),
            Some(block) => block.is_ascii() || self.as_bytes().is_ascii(),
        }
    }

    /// Whether the text is known to be all ASCII without a look at more than 16 bytes.
    #[inline(always)]
    fn is_known_ascii(&self) -> bool {
        match &self.block {
            None => self.word() & u128::from_ne_bytes([0x80; 16]) == 0,
            Some(block) => block.is_ascii(),
        }
    }

    /// The bytes of the text.
    #[inline(always)]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.block {
            None => &self.words[..self.len_in_place()],
            Some(block) => {
                let (start, len) = self.span();
                &block.padded()[start..start + len]
            }
        }
    }

    /// The text as `str`, borrowed.
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.block {
            // Every way to make a `Text` cuts at character boundaries, so the check never fails.
            None => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Some(block) => {
                let (start, len) = self.span();
                &block.padded_str()[start..start + len]
            }
        }
    }

    /// A part of this text, or any other `str`, as text of its own.
    ///
    /// Shares this text's block if `part` lies in it, which pointers tell; anything else is copied.
    /// With it `str`'s own methods serve: `line.part(line.as_str().rsplit(':').next().unwrap_or(""))`.
    #[inline]
    pub fn part(&self, part: &str) -> Text {
        if part.len() <= IN_PLACE {
            return Text::copied(part.as_bytes());
        }
        if let Some(block) = &self.block
            && let Some(start) = part.as_ptr().addr().checked_sub(block.padded().as_ptr().addr())
            && start + part.len() <= block.len()
        {
            return Text::of_block(block, start, start + part.len());
        }
        Text::from(part)
    }

    /// The bytes `from..to` of this text, both on character boundaries.
    #[inline(always)]
    fn cut(&self, from: usize, to: usize) -> Text {
        match &self.block {
            None => Text::in_place(self.word() >> (8 * from), to - from),
            Some(block) => {
                let (start, _) = self.span();
                Text::of_block(block, start + from, start + to)
            }
        }
    }

    /// The same text in a block of its own, for a value that outlives its batch: a state or a cache must not keep
    /// all the text alive that its texts came from. (Up to 15 bytes never do.)
    ///
    /// Copies only if the block holds more than this text.
    pub fn detached(&self) -> Text {
        match &self.block {
            Some(block) if block.len() > self.len() => Text::from(self.as_str()),
            _ => self.clone(),
        }
    }

    /// The block that a text of more than 15 bytes lies in, and where; `None` for text in place.
    pub fn within(&self) -> Option<(&TextBlock, std::ops::Range<usize>)> {
        let (start, len) = self.span();
        self.block.as_ref().map(|block| (block, start..start + len))
    }

    /// A hash for keys that are a `Text`, without branches for text in place; not the hash of the `str`.
    #[inline(always)]
    pub(crate) fn key_hash(&self, seed: HashSeed) -> u64 {
        match &self.block {
            None => seed.two_words(self.word() as u64, (self.word() >> 64) as u64),
            Some(_) => seed.bytes(self.as_bytes()),
        }
    }
}

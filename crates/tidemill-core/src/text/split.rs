//! The iterators that cut a text into parts that own themselves.

use std::iter::FusedIterator;

use super::Text;
use super::pattern::{SplitBy, Whitespace};
use super::scan::{below, mask16, mask64};

/// The parts of a text between separators, as `str::split` gives them: see [`Text::split`].
///
/// For ASCII separators it holds a mask of those in the next 64 bytes, so that there is a mispredicted branch a mask and
/// not one a word. The end of the text counts as a separator in its mask.
#[derive(Clone, Debug)]
pub struct Split<P> {
    text: Text,
    len: usize,
    /// Where the next part starts; beyond `len` once the last one is out.
    at: usize,
    /// Up to where separators are in `mask` or already used.
    scanned: usize,
    mask: u64,
    by: P,
}

impl<P: SplitBy> Split<P> {
    #[inline(always)]
    pub(super) fn new(text: Text, by: P) -> Split<P> {
        Split { len: text.len(), text, at: 0, scanned: 0, mask: 0, by }
    }

    /// All that is left, as one part.
    fn rest(&mut self) -> Option<Text> {
        let rest = (self.at <= self.len).then(|| self.text.cut(self.at, self.len));
        self.at = self.len + 1;
        rest
    }

    /// Start and end of the next part, by mask.
    #[inline(always)]
    fn next_masked(&mut self, by: &P::Mask) -> (usize, usize) {
        while self.mask == 0 {
            self.mask = match &self.text.block {
                Some(block) => mask64(by, block.padded(), self.text.span().0 + self.scanned),
                None => mask16(by, self.text.words),
            };
            self.mask = ended(self.mask, self.len - self.scanned);
            self.scanned += 64;
        }
        let (from, to) = (self.at, self.scanned - 64 + self.mask.trailing_zeros() as usize);
        self.mask &= self.mask - 1;
        self.at = to + 1;
        (from, to)
    }

    /// Start and end of the next part, by search.
    fn next_found(&mut self) -> (usize, usize) {
        let (text, from) = (self.text.as_str(), self.at);
        let found = text.get(self.scanned..).and_then(|rest| self.by.first(rest));
        let Some((start, end)) = found.map(|(start, end)| (start + self.scanned, end + self.scanned)) else {
            self.at = self.len + 1;
            return (from, self.len);
        };
        self.at = end;
        // The empty separator is found before and behind every character, and behind the last one for the last time.
        let step = if start < end { 0 } else { text[end..].chars().next().map_or(1, char::len_utf8) };
        self.scanned = end + step;
        (from, start)
    }

    /// The masked parts of a slice of a block.
    #[inline(always)]
    fn fold_block<B>(self, by: P::Mask, init: B, mut fold: impl FnMut(B, Text) -> B) -> B {
        let Split { text, len, at, scanned, mut mask, .. } = self;
        let Some(block) = &text.block else { return init };
        let (start, bytes) = (text.span().0, block.padded());
        let (end, mut at, mut scanned) = (start + len, start + at, start + scanned);
        let mut folded = init;
        loop {
            while mask != 0 {
                let to = scanned - 64 + mask.trailing_zeros() as usize;
                mask &= mask - 1;
                folded = fold(folded, Text::of_bytes(block, bytes, at, to));
                at = to + 1;
            }
            if at > end {
                return folded;
            }
            mask = ended(mask64(&by, bytes, scanned), end - scanned);
            scanned += 64;
        }
    }

    /// The masked parts of text in place.
    #[inline(always)]
    fn fold_in_place<B>(mut self, by: P::Mask, init: B, mut fold: impl FnMut(B, Text) -> B) -> B {
        let word = self.text.word();
        let mut folded = init;
        while self.at <= self.len {
            let (from, to) = self.next_masked(&by);
            folded = fold(folded, Text::in_place(word >> (8 * from), to - from));
        }
        folded
    }
}

/// The mask of a window that `left` bytes of text are left in or after: the end of the text is a separator too.
#[inline(always)]
fn ended(mask: u64, left: usize) -> u64 {
    if left < 64 { below(mask, left) | 1 << left } else { mask }
}

impl<P: SplitBy> Iterator for Split<P> {
    type Item = Text;

    #[inline(always)]
    fn next(&mut self) -> Option<Text> {
        if self.at > self.len {
            return None;
        }
        let (from, to) = match self.by.mask(&self.text) {
            Some(by) => self.next_masked(&by),
            None => self.next_found(),
        };
        Some(self.text.cut(from, to))
    }

    /// At most a part for each byte that is left, and for the empty separator one more on each side.
    #[inline(always)]
    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.at > self.len { (0, Some(0)) } else { (1, Some(self.len - self.at + 2)) }
    }

    #[inline(always)]
    fn fold<B, F: FnMut(B, Text) -> B>(self, init: B, mut fold: F) -> B {
        match self.by.mask(&self.text) {
            Some(_) if self.at > self.len => init,
            Some(by) if self.text.block.is_some() => self.fold_block(by, init, fold),
            Some(by) => self.fold_in_place(by, init, fold),
            None => {
                let mut folded = init;
                for part in self {
                    folded = fold(folded, part);
                }
                folded
            }
        }
    }
}

impl<P: SplitBy> FusedIterator for Split<P> {}

/// At most so many parts, of which the last is all that is left: see [`Text::splitn`].
#[derive(Clone, Debug)]
pub struct SplitN<P> {
    parts: Split<P>,
    left: usize,
}

impl<P: SplitBy> SplitN<P> {
    pub(super) fn new(parts: Split<P>, count: usize) -> SplitN<P> {
        SplitN { parts, left: count }
    }
}

impl<P: SplitBy> Iterator for SplitN<P> {
    type Item = Text;

    #[inline]
    fn next(&mut self) -> Option<Text> {
        let left = self.left;
        self.left = left.saturating_sub(1);
        match left {
            0 => None,
            1 => self.parts.rest(),
            _ => self.parts.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.parts.size_hint();
        (least.min(self.left), most.map(|most| most.min(self.left)))
    }
}

impl<P: SplitBy> FusedIterator for SplitN<P> {}

/// The parts that separators end: see [`Text::split_terminator`].
#[derive(Clone, Debug)]
pub struct SplitTerminator<P>(pub(super) Split<P>);

impl<P: SplitBy> SplitTerminator<P> {
    /// The next part, and whether a separator ended it.
    #[inline]
    pub(super) fn next_ended(&mut self) -> Option<(Text, bool)> {
        let part = self.0.next()?;
        let ended = self.0.at <= self.0.len;
        (ended || !part.is_empty()).then_some((part, ended))
    }
}

impl<P: SplitBy> Iterator for SplitTerminator<P> {
    type Item = Text;

    #[inline]
    fn next(&mut self) -> Option<Text> {
        self.next_ended().map(|(part, _)| part)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.0.size_hint().1)
    }
}

impl<P: SplitBy> FusedIterator for SplitTerminator<P> {}

/// The words between white space, none of them empty: see [`Text::split_whitespace`].
#[derive(Clone, Debug)]
pub struct SplitWhitespace(pub(super) Split<Whitespace>);

impl Iterator for SplitWhitespace {
    type Item = Text;

    #[inline]
    fn next(&mut self) -> Option<Text> {
        self.0.by_ref().find(|part| !part.is_empty())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.0.size_hint().1)
    }

    #[inline(always)]
    fn fold<B, F: FnMut(B, Text) -> B>(self, init: B, mut fold: F) -> B {
        self.0.fold(init, |folded, part| if part.is_empty() { folded } else { fold(folded, part) })
    }
}

impl FusedIterator for SplitWhitespace {}

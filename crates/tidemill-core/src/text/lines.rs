//! `LineCursor`: the lines of a block, drawn one by one or in runs.

use std::iter::FusedIterator;

use super::scan::{Byte, LineEnd, Separator, below, mask64};
use super::{Text, TextBlock};

/// Where in a block the next line starts. Owns its block, so it may be kept and gone on with later.
///
/// `\n`, `\r\n` and a lone `\r` end lines. Empty lines are kept, the last line need not be ended, and an end of line at
/// the very end begins no further one (1.12).
#[derive(Clone, Debug)]
pub struct LineCursor {
    block: TextBlock,
    at: usize,
}

impl LineCursor {
    pub(super) fn new(block: TextBlock) -> LineCursor {
        LineCursor { block, at: 0 }
    }

    /// Appends up to `max` lines to `into`, and says whether there are more: `false` once the last line is out.
    #[inline]
    pub fn next_run(&mut self, into: &mut Vec<Text>, max: usize) -> bool {
        self.take_lines(max, (), |(), line| into.push(line));
        self.at < self.block.len()
    }

    /// Folds the next lines, `max` at most.
    #[inline(always)]
    fn take_lines<B>(&mut self, max: usize, init: B, fold: impl FnMut(B, Text) -> B) -> B {
        match self.block.has_returns() {
            false => self.take_ended_by(Byte(b'\n'), max, init, fold),
            true => self.take_ended_by(LineEnd, max, init, fold),
        }
    }

    #[inline(always)]
    fn take_ended_by<B>(&mut self, by: impl Separator, max: usize, init: B, mut fold: impl FnMut(B, Text) -> B) -> B {
        let LineCursor { block, at } = self;
        let (bytes, end) = (block.padded(), block.len());
        let mut folded = init;
        let mut left = max;
        let mut scanned = *at;
        while left > 0 && *at < end {
            let mut mask = mask64(&by, bytes, scanned);
            if end - scanned < 64 {
                // What is not ended ends where the text does.
                mask = below(mask, end - scanned) | 1 << (end - scanned);
            }
            while mask != 0 && left > 0 {
                let stop = scanned + mask.trailing_zeros() as usize;
                mask &= mask - 1;
                // The `\n` of a `\r\n` is already behind us, and no line follows the last line's end.
                if stop < *at || (stop == end && *at == end) {
                    continue;
                }
                folded = fold(folded, Text::of_bytes(block, bytes, *at, stop));
                left -= 1;
                *at = stop + 1 + (bytes[stop] == b'\r' && bytes[stop + 1] == b'\n') as usize;
            }
            scanned += 64;
        }
        *at = (*at).min(end);
        folded
    }
}

impl Iterator for LineCursor {
    type Item = Text;

    #[inline]
    fn next(&mut self) -> Option<Text> {
        self.take_lines(1, None, |_, line| Some(line))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.block.len() - self.at;
        ((left > 0) as usize, Some(left))
    }

    #[inline]
    fn fold<B, F: FnMut(B, Text) -> B>(mut self, init: B, fold: F) -> B {
        self.take_lines(usize::MAX, init, fold)
    }
}

impl FusedIterator for LineCursor {}

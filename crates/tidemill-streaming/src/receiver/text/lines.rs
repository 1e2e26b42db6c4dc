//! Lines within bytes: counting them, stopping at one, and what becomes of those that are too long.

use std::str::FromStr;

/// How much of a line that fails its batch is shown.
const LETTER_BYTES_MAX: usize = 1 << 10;

/// Counts line ends over pieces of text: `\n`, a lone `\r`, and `\r\n` as one, even where a piece ends within it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineEnds {
    /// The piece before ended with `\r`.
    after_return: bool,
}

impl LineEnds {
    /// How many lines end in `piece`.
    pub(crate) fn count(&mut self, piece: &[u8]) -> u64 {
        self.walk(piece, u64::MAX).1
    }

    /// How many bytes of `piece` there are up to the end of its line number `lines`; all if it has fewer.
    pub(crate) fn until(&mut self, piece: &[u8], lines: u64) -> u64 {
        self.walk(piece, lines).0 as u64
    }

    fn walk(&mut self, piece: &[u8], lines_max: u64) -> (usize, u64) {
        let mut lines = 0;
        let mut last_return = if self.after_return { Some(0) } else { None };
        for at in memchr::memchr2_iter(b'\n', b'\r', piece) {
            let is_second_half = piece.get(at) == Some(&b'\n') && last_return == Some(at);
            if lines == lines_max && !is_second_half {
                break;
            }
            lines += u64::from(!is_second_half);
            last_return = (piece.get(at) == Some(&b'\r')).then_some(at + 1);
            if lines == lines_max && (last_return.is_none() || piece.get(at + 1) != Some(&b'\n')) {
                self.after_return = last_return.is_some();
                return (at + 1, lines);
            }
        }
        if !piece.is_empty() {
            self.after_return = last_return == Some(piece.len());
        }
        (piece.len(), lines)
    }
}

/// How many lines `text` has, the last one perhaps without an end. It is asked for whole blocks: the loop over pairs is one
/// that the compiler makes vectors of, because no sum of a piece leaves a byte.
pub(crate) fn count_lines(text: &[u8]) -> u64 {
    const PIECE: usize = u8::MAX as usize;
    let pieces = text.chunks(PIECE).zip(text.get(1..).unwrap_or_default().chunks(PIECE));
    let pairs = pieces.map(|(first, second)| {
        let is_pair = |(first, second): (&u8, &u8)| u8::from(*first == b'\r') & u8::from(*second == b'\n');
        u64::from(first.iter().zip(second).map(is_pair).sum::<u8>())
    });
    let count = |end| memchr::memchr_iter(end, text).count() as u64;
    count(b'\n') + count(b'\r') - pairs.sum::<u64>() + is_open(text)
}

/// 1 if the last line of `text` has no end.
pub(crate) fn is_open(text: &[u8]) -> u64 {
    u64::from(!matches!(text.last(), None | Some(b'\n' | b'\r')))
}

/// What becomes of a line that is too long (`tidemill.line.length.exceeded`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exceeded {
    /// It is lost.
    Drop,
    /// Its beginning is kept.
    Cut,
    /// Its batch fails.
    Fail,
}

impl FromStr for Exceeded {
    type Err = ();

    fn from_str(text: &str) -> Result<Exceeded, ()> {
        match text.to_ascii_lowercase().as_str() {
            "drop" => Ok(Exceeded::Drop),
            "cut" => Ok(Exceeded::Cut),
            "fail" => Ok(Exceeded::Fail),
            _ => Err(()),
        }
    }
}

/// How long lines may be, without their ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineLimit {
    pub(crate) bytes_max: usize,
    pub(crate) exceeded: Exceeded,
}

impl LineLimit {
    /// Takes the lines that are too long out of `text`, or shortens them: hands each to `too_long` and returns what stays.
    /// Lines end with `\n` then: a `\r` could meet the `\n` of a line behind one that was taken out.
    pub(crate) fn enforce(&self, text: Vec<u8>, mut too_long: impl FnMut(&[u8])) -> Vec<u8> {
        let mut kept = Vec::with_capacity(text.len());
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            let (line, next) = rest.split_at(memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len()));
            let stays = match line.len() <= self.bytes_max {
                true => Some(line),
                false => {
                    too_long(line);
                    (self.exceeded == Exceeded::Cut).then(|| self.cut(line))
                }
            };
            if let Some(line) = stays {
                kept.extend_from_slice(line);
                kept.push(b'\n');
            }
            rest = next.get(end_len(next)..).unwrap_or_default();
        }
        kept
    }

    /// The beginning of a line that is kept: as long as allowed, and no part of a character at its end.
    pub(crate) fn cut<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        let is_inside = |at: usize| line.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
        let mut end = self.bytes_max.min(line.len());
        for _ in 0..3 {
            end -= usize::from(end > 0 && is_inside(end));
        }
        line.get(..end).unwrap_or(line)
    }
}

/// The first bytes of a line, to show which it was.
pub(crate) fn shown(line: &[u8]) -> &[u8] {
    line.get(..LETTER_BYTES_MAX).unwrap_or(line)
}

/// The length of the line end that `text` begins with.
pub(crate) fn end_len(text: &[u8]) -> usize {
    match text {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines as they are defined: one character after the other.
    fn ends(text: &str) -> usize {
        text.replace("\r\n", "\n").matches(['\n', '\r']).count()
    }

    #[test]
    fn lines_are_counted() {
        for (text, lines) in [("", 0), ("a", 1), ("a\n", 1), ("\n\n", 2), ("a\r\nb", 2), ("a\r\rb\r", 3), ("\r\n", 1)] {
            assert_eq!(count_lines(text.as_bytes()), lines, "{text:?}");
        }
    }

    #[test]
    fn long_lines_are_taken_out_or_shortened() {
        let enforce = |exceeded, text: &str| {
            let mut long = Vec::new();
            let limit = LineLimit { bytes_max: 4, exceeded };
            let kept = limit.enforce(text.into(), |line| long.push(String::from_utf8(line.to_vec()).unwrap()));
            (String::from_utf8(kept).unwrap(), long.join("|"))
        };
        let text = "abcd\rabcde\r\n\nab水x\rb";
        let long = "abcde|ab水x".to_owned();
        assert_eq!(enforce(Exceeded::Drop, text), ("abcd\n\nb\n".to_owned(), long.clone()));
        assert_eq!(enforce(Exceeded::Fail, text), ("abcd\n\nb\n".to_owned(), long.clone()));
        assert_eq!(enforce(Exceeded::Cut, text), ("abcd\nabcd\n\nab\nb\n".to_owned(), long));
    }

    proptest! {
        #[test]
        fn pieces_have_the_line_ends_of_the_whole(text in "[ab\r\n]{0,30}", cut in 0_usize..30, lines in 1_u64..6) {
            let cut = cut.min(text.len());
            let (first, second) = text.as_bytes().split_at(cut);
            let mut counted = LineEnds::default();
            prop_assert_eq!(counted.count(first) + counted.count(second), ends(&text) as u64);
            prop_assert_eq!(count_lines(text.as_bytes()), text.replace("\r\n", "\n").replace('\r', "\n").lines().count() as u64);
            // Up to the end of a line: no more lines end, and as many if there are as many.
            let many = text.repeat(40);
            prop_assert_eq!(count_lines(many.as_bytes()), many.replace("\r\n", "\n").replace('\r', "\n").lines().count() as u64);
            let until = LineEnds::default().until(text.as_bytes(), lines) as usize;
            prop_assert_eq!(ends(&text[..until]) as u64, lines.min(ends(&text) as u64));
            prop_assert_eq!(ends(&text[..until]) + ends(&text[until..]), ends(&text), "no end of a line is cut in two");
            let mut stopped = LineEnds::default();
            let at = stopped.until(first, lines) as usize;
            if at < first.len() {
                prop_assert_eq!(stopped.count(&first[at..]) + lines, ends(&text[..cut]) as u64);
            }
        }
    }
}

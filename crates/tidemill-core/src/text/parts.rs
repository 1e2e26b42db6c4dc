//! `str`'s methods that give parts or new text, as methods of `Text` that give `Text`.

use std::iter::FusedIterator;
use std::slice::SliceIndex;
use std::str::FromStr;

use super::pattern::Whitespace;
use super::{Split, SplitBy, SplitN, SplitTerminator, SplitWhitespace, Text};

impl Text {
    /// The parts between separators, as [`str::split`]. Fast for an ASCII character.
    ///
    /// ```
    /// use tidemill_core::Text;
    /// let line = Text::from("the tide, the mill");
    /// assert_eq!(line.split(' ').collect::<Vec<_>>(), ["the", "tide,", "the", "mill"]);
    /// assert_eq!(line.split(", ").count(), 2);
    /// assert_eq!(line.split(char::is_whitespace).count(), 4);
    /// ```
    #[inline(always)]
    pub fn split<P: SplitBy>(&self, by: P) -> Split<P> {
        Split::new(self.clone(), by)
    }

    /// [`Text::split`] of a text that is not needed any more: saves counting one more reference to its block and
    /// dropping it, a tenth of the time for lines of ten words.
    #[inline(always)]
    pub fn into_split<P: SplitBy>(self, by: P) -> Split<P> {
        Split::new(self, by)
    }

    /// At most `count` parts, of which the last is all that is left, as [`str::splitn`].
    pub fn splitn<P: SplitBy>(&self, count: usize, by: P) -> SplitN<P> {
        SplitN::new(self.split(by), count)
    }

    /// The parts that separators end: no empty part after the last one, as [`str::split_terminator`].
    pub fn split_terminator<P: SplitBy>(&self, by: P) -> SplitTerminator<P> {
        SplitTerminator(self.split(by))
    }

    /// The words between white space (Unicode's), none of them empty, as [`str::split_whitespace`].
    /// Fast if the block is all ASCII.
    #[inline(always)]
    pub fn split_whitespace(&self) -> SplitWhitespace {
        SplitWhitespace(self.split(Whitespace))
    }

    /// The lines, ended by `\n` or `\r\n`, as [`str::lines`].
    ///
    /// [`TextBlock::lines`](super::TextBlock::lines) follows the rule of Spark's text sources, for which a lone `\r` ends
    /// a line too.
    pub fn lines(&self) -> Lines {
        Lines(self.split_terminator('\n'))
    }

    /// What is before and after the first separator, as [`str::split_once`].
    #[inline]
    pub fn split_once<P: SplitBy>(&self, mut by: P) -> Option<(Text, Text)> {
        let (start, end) = by.first(self.as_str())?;
        Some((self.cut(0, start), self.cut(end, self.len())))
    }

    /// What is before and after the last separator, as [`str::rsplit_once`].
    #[inline]
    pub fn rsplit_once<P: SplitBy>(&self, mut by: P) -> Option<(Text, Text)> {
        let (start, end) = by.last(self.as_str())?;
        Some((self.cut(0, start), self.cut(end, self.len())))
    }

    /// What follows `prefix` if the text starts with it, as [`str::strip_prefix`].
    pub fn strip_prefix<P: SplitBy>(&self, mut prefix: P) -> Option<Text> {
        prefix.strip_prefix(self.as_str()).map(|rest| self.part(rest))
    }

    /// What precedes `suffix` if the text ends with it, as [`str::strip_suffix`].
    pub fn strip_suffix<P: SplitBy>(&self, mut suffix: P) -> Option<Text> {
        suffix.strip_suffix(self.as_str()).map(|rest| self.part(rest))
    }

    /// Without white space on both sides, as [`str::trim`].
    pub fn trim(&self) -> Text {
        self.part(self.as_str().trim())
    }

    /// Without white space at the start, as [`str::trim_start`].
    pub fn trim_start(&self) -> Text {
        self.part(self.as_str().trim_start())
    }

    /// Without white space at the end, as [`str::trim_end`].
    pub fn trim_end(&self) -> Text {
        self.part(self.as_str().trim_end())
    }

    /// Without what repeats on both sides, as [`str::trim_matches`], but for strings too.
    pub fn trim_matches<P: SplitBy>(&self, mut by: P) -> Text {
        self.part(without_ends(without_starts(self.as_str(), &mut by), &mut by))
    }

    /// Without what repeats at the start, as [`str::trim_start_matches`].
    pub fn trim_start_matches<P: SplitBy>(&self, mut by: P) -> Text {
        self.part(without_starts(self.as_str(), &mut by))
    }

    /// Without what repeats at the end, as [`str::trim_end_matches`].
    pub fn trim_end_matches<P: SplitBy>(&self, mut by: P) -> Text {
        self.part(without_ends(self.as_str(), &mut by))
    }

    /// The bytes of a range, as [`str::get`]: `None` if it leaves the text or cuts a character.
    pub fn get(&self, range: impl SliceIndex<str, Output = str>) -> Option<Text> {
        self.as_str().get(range).map(|part| self.part(part))
    }

    /// The bytes of a range, as indexing of `str`.
    ///
    /// # Panics
    /// The range leaves the text or cuts a character; [`Text::get`] does not panic.
    pub fn slice(&self, range: impl SliceIndex<str, Output = str>) -> Text {
        self.part(&self.as_str()[range])
    }

    /// The text read as a value of another type, as [`str::parse`].
    ///
    /// # Errors
    /// Those of the type's [`FromStr`].
    #[inline]
    pub fn parse<F: FromStr>(&self) -> Result<F, F::Err> {
        self.as_str().parse()
    }

    /// In lower case, as [`str::to_lowercase`].
    pub fn to_lowercase(&self) -> Text {
        if self.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
            return self.clone();
        }
        Text::from(self.as_str().to_lowercase())
    }

    /// In upper case, as [`str::to_uppercase`].
    pub fn to_uppercase(&self) -> Text {
        if self.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_lowercase()) {
            return self.clone();
        }
        Text::from(self.as_str().to_uppercase())
    }

    /// With `to` in every place of `from`, as [`str::replace`].
    pub fn replace<P: SplitBy>(&self, from: P, to: &str) -> Text {
        let mut parts = self.split(from);
        let mut replaced = String::new();
        if let Some(first) = parts.next() {
            replaced.push_str(&first);
        }
        for part in parts {
            replaced.push_str(to);
            replaced.push_str(&part);
        }
        Text::from(replaced)
    }
}

fn without_starts<'t>(mut text: &'t str, by: &mut impl SplitBy) -> &'t str {
    while let Some(rest) = by.strip_prefix(text).filter(|rest| rest.len() < text.len()) {
        text = rest;
    }
    text
}

fn without_ends<'t>(mut text: &'t str, by: &mut impl SplitBy) -> &'t str {
    while let Some(rest) = by.strip_suffix(text).filter(|rest| rest.len() < text.len()) {
        text = rest;
    }
    text
}

/// The lines of a text: see [`Text::lines`].
#[derive(Clone, Debug)]
pub struct Lines(SplitTerminator<char>);

impl Iterator for Lines {
    type Item = Text;

    #[inline]
    fn next(&mut self) -> Option<Text> {
        let (line, ended) = self.0.next_ended()?;
        let returned = ended && line.as_bytes().last() == Some(&b'\r');
        Some(if returned { line.cut(0, line.len() - 1) } else { line })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl FusedIterator for Lines {}

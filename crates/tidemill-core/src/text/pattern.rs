//! `SplitBy`: what text can be split at and searched for.

use super::Text;
use super::scan::{AsciiSpace, Byte, Separator};

/// What text can be split at: a `char`, a `&str`, a list of characters, or a function of a `char`, as for `str`.
///
/// An ASCII character (or a `&str` of one) is found many at a time. Sealed: the ways to search are Tidemill's own.
#[diagnostic::on_unimplemented(
    message = "text cannot be split by `{Self}`",
    note = "split by a `char`, a `&str`, an array or slice of `char`, or a closure `|c: char| -> bool`"
)]
pub trait SplitBy: Find {}
impl<P: Find> SplitBy for P {}

/// White space, of which the ASCII part is known as a mask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whitespace;

/// The searches behind [`SplitBy`].
pub trait Find {
    /// How it is found as single bytes.
    type Mask: Separator;
    /// The mask that finds all of it in this text, if there is one.
    fn mask(&self, text: &Text) -> Option<Self::Mask>;
    /// Start and end of the first place.
    fn first(&mut self, text: &str) -> Option<(usize, usize)>;
    /// Start and end of the last place.
    fn last(&mut self, text: &str) -> Option<(usize, usize)>;
    /// What follows it, if the text starts with it.
    fn strip_prefix<'t>(&mut self, text: &'t str) -> Option<&'t str>;
    /// What precedes it, if the text ends with it.
    fn strip_suffix<'t>(&mut self, text: &'t str) -> Option<&'t str>;
}

/// The searches that `str` has for every pattern; its trait of patterns cannot be named in stable Rust.
macro_rules! as_str_does {
    ($self:ident => $pattern:expr) => {
        #[inline]
        fn first(&mut $self, text: &str) -> Option<(usize, usize)> {
            text.match_indices($pattern).next().map(|(at, found)| (at, at + found.len()))
        }
        #[inline]
        fn last(&mut $self, text: &str) -> Option<(usize, usize)> {
            text.rmatch_indices($pattern).next().map(|(at, found)| (at, at + found.len()))
        }
        #[inline]
        fn strip_prefix<'t>(&mut $self, text: &'t str) -> Option<&'t str> {
            text.strip_prefix($pattern)
        }
        #[inline]
        fn strip_suffix<'t>(&mut $self, text: &'t str) -> Option<&'t str> {
            text.strip_suffix($pattern)
        }
    };
}

impl Find for char {
    type Mask = Byte;
    #[inline(always)]
    fn mask(&self, _: &Text) -> Option<Byte> {
        self.is_ascii().then_some(Byte(*self as u8))
    }
    as_str_does!(self => *self);
}

impl Find for &str {
    type Mask = Byte;
    #[inline(always)]
    fn mask(&self, _: &Text) -> Option<Byte> {
        match self.as_bytes() {
            [byte] => Some(Byte(*byte)),
            _ => None,
        }
    }
    as_str_does!(self => *self);
}

impl Find for &String {
    type Mask = Byte;
    #[inline(always)]
    fn mask(&self, text: &Text) -> Option<Byte> {
        self.as_str().mask(text)
    }
    as_str_does!(self => self.as_str());
}

impl<F: FnMut(char) -> bool> Find for F {
    type Mask = Byte;
    #[inline(always)]
    fn mask(&self, _: &Text) -> Option<Byte> {
        None
    }
    as_str_does!(self => &mut *self);
}

impl<const N: usize> Find for [char; N] {
    type Mask = Byte;
    #[inline(always)]
    fn mask(&self, _: &Text) -> Option<Byte> {
        None
    }
    as_str_does!(self => *self);
}

impl Find for &[char] {
    type Mask = Byte;
    #[inline(always)]
    fn mask(&self, _: &Text) -> Option<Byte> {
        None
    }
    as_str_does!(self => *self);
}

impl Find for Whitespace {
    type Mask = AsciiSpace;
    #[inline(always)]
    fn mask(&self, text: &Text) -> Option<AsciiSpace> {
        text.is_known_ascii().then_some(AsciiSpace)
    }
    as_str_does!(self => char::is_whitespace);
}

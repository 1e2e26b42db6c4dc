//! How texts compare and hash: as the `str`s they hold.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::Text;

impl PartialEq for Text {
    #[inline(always)]
    fn eq(&self, other: &Text) -> bool {
        match (&self.block, &other.block) {
            (None, None) => self.words == other.words,
            (Some(_), Some(_)) => self.as_bytes() == other.as_bytes(),
            // The length decides the form.
            _ => false,
        }
    }
}

impl Eq for Text {}

impl Ord for Text {
    #[inline]
    fn cmp(&self, other: &Text) -> Ordering {
        match (&self.block, &other.block) {
            // Zeros follow the text, and between texts that differ only in zeros at the end the length decides.
            (None, None) => u128::from_be_bytes(self.words).cmp(&u128::from_be_bytes(other.words)),
            _ => self.as_bytes().cmp(other.as_bytes()),
        }
    }
}

impl PartialOrd for Text {
    #[inline]
    fn partial_cmp(&self, other: &Text) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Text {
    /// Does what `str` does, so that maps of texts can be asked with a `&str`, but needs no check of UTF-8.
    #[inline(always)]
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write(self.as_bytes());
        hasher.write_u8(0xff);
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

/// Comparison with a type that can be seen as bytes of UTF-8, both ways.
macro_rules! equals {
    ($($other:ty),*) => {$(
        impl PartialEq<$other> for Text {
            #[inline]
            fn eq(&self, other: &$other) -> bool {
                self.as_bytes() == other.as_bytes()
            }
        }

        impl PartialEq<Text> for $other {
            #[inline]
            fn eq(&self, other: &Text) -> bool {
                self.as_bytes() == other.as_bytes()
            }
        }
    )*};
}

equals!(str, &str, String);

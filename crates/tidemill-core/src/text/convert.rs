//! How texts are made of other types, shown, written and read.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::ops::{Add, Deref};
use std::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{IN_PLACE, PADDING, Text, TextBlock};

impl From<&str> for Text {
    #[inline]
    fn from(text: &str) -> Text {
        if text.len() <= IN_PLACE {
            return Text::copied(text.as_bytes());
        }
        let mut padded = String::with_capacity(text.len() + PADDING);
        padded.push_str(text);
        Text::from(padded)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        if text.len() <= IN_PLACE {
            return Text::copied(text.as_bytes());
        }
        let end = text.len();
        Text::of_block(&TextBlock::of_any_length(text), 0, end)
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Text {
        Text::from(text.as_str())
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(text: Cow<'_, str>) -> Text {
        match text {
            Cow::Borrowed(text) => Text::from(text),
            Cow::Owned(text) => Text::from(text),
        }
    }
}

impl From<char> for Text {
    fn from(text: char) -> Text {
        Text::copied(text.encode_utf8(&mut [0; 4]).as_bytes())
    }
}

impl From<&TextBlock> for Text {
    /// All of the block.
    fn from(block: &TextBlock) -> Text {
        Text::of_block(block, 0, block.len())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> String {
        text.as_str().to_owned()
    }
}

impl FromStr for Text {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Text, Infallible> {
        Ok(Text::from(text))
    }
}

impl FromIterator<char> for Text {
    fn from_iter<I: IntoIterator<Item = char>>(characters: I) -> Text {
        Text::from(String::from_iter(characters))
    }
}

impl Add<&str> for Text {
    type Output = Text;

    fn add(self, more: &str) -> Text {
        let mut both = String::with_capacity(self.len() + more.len() + PADDING);
        both.push_str(&self);
        both.push_str(more);
        Text::from(both)
    }
}

impl Deref for Text {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

/// Takes a borrowed `str` where the format has one, so that short text is never a `String` in between.
struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text::from(text))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Text, E> {
        Ok(Text::from(text))
    }
}

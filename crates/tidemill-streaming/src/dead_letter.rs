//! Dead letters: records that could not be read, and what becomes of them.
//!
//! A record that cannot be parsed never ends a stream. Whoever parses yields a `Result<T, DeadLetter>` once; [`OnError`]
//! says what becomes of the letters, and a [`Parsed`] stream gives the records and, beside them, the letters.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::dstream::DStream;

mod file;

pub use file::{letters_path, read_letters, write_letters};

/// How many bytes of a letter its text shows: enough to recognise a record in a log.
const SHOWN_BYTES_MAX: usize = 80;

/// A record that could not be read: where it came from, why, and its bytes as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The stream it came from, as `SocketReceiver-0`. Who parses may leave it empty: the stream puts its name.
    pub source: String,
    /// Why it could not be read.
    pub reason: String,
    /// The bytes of the record, or the first of them.
    pub bytes: Vec<u8>,
}

impl DeadLetter {
    /// A letter whose source is the stream that will get it.
    pub fn new(reason: impl fmt::Display, bytes: impl Into<Vec<u8>>) -> DeadLetter {
        DeadLetter { source: String::new(), reason: reason.to_string(), bytes: bytes.into() }
    }

    /// The same letter, from `source` unless it names its source itself.
    #[must_use]
    pub fn from_source(mut self, source: &str) -> DeadLetter {
        if self.source.is_empty() {
            source.clone_into(&mut self.source);
        }
        self
    }
}

/// The reason, and the first bytes: `SocketReceiver-0: no number: "12x"`.
impl fmt::Display for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.bytes.get(..SHOWN_BYTES_MAX).unwrap_or(&self.bytes);
        let dots = if shown.len() < self.bytes.len() { "..." } else { "" };
        write!(f, "{}: {}: \"{}{dots}\"", self.source, self.reason, shown.escape_ascii())
    }
}

/// What becomes of records that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The batch that holds one fails, as in Spark (behaviour 1.15); later batches go on.
    #[default]
    Fail,
    /// They are counted and dropped.
    Drop,
    /// They are counted, given to [`Parsed::dead_letters`], and written below `tidemill.dead.letters.directory`: a file a
    /// batch, at [`letters_path`].
    DeadLetter,
}

/// A word that is no choice of what becomes of records that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("on_error = {0}: it takes fail, drop or dead-letter")]
pub struct UnknownOnError(
    /// The word.
    pub String,
);

impl FromStr for OnError {
    type Err = UnknownOnError;

    fn from_str(text: &str) -> Result<OnError, UnknownOnError> {
        match text {
            "fail" => Ok(OnError::Fail),
            "drop" => Ok(OnError::Drop),
            "dead-letter" => Ok(OnError::DeadLetter),
            other => Err(UnknownOnError(other.to_owned())),
        }
    }
}

impl fmt::Display for OnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OnError::Fail => "fail",
            OnError::Drop => "drop",
            OnError::DeadLetter => "dead-letter",
        })
    }
}

/// What a task fails with where a record could not be read and [`OnError::Fail`] holds.
#[derive(Clone, Debug, thiserror::Error)]
#[error("a record could not be read ({0}); mend its source, or choose on_error = drop or dead-letter for the stream")]
pub struct Rejected(
    /// The record.
    pub DeadLetter,
);

/// A stream of records that were parsed; what could not be is beside it. It is used like the stream of its records.
#[derive(Clone)]
pub struct Parsed<T: 'static> {
    records: DStream<T>,
    letters: DStream<DeadLetter>,
}

impl<T: 'static> Parsed<T> {
    /// The records of `records`; `letters` are what could not be parsed of the same input. Neither parses again.
    pub fn new(records: DStream<T>, letters: DStream<DeadLetter>) -> Parsed<T> {
        Parsed { records, letters }
    }

    /// The records that were parsed.
    pub fn records(&self) -> &DStream<T> {
        &self.records
    }

    /// What could not be parsed, batch by batch: nothing unless [`OnError::DeadLetter`] holds.
    pub fn dead_letters(&self) -> &DStream<DeadLetter> {
        &self.letters
    }
}

impl<T: 'static> Deref for Parsed<T> {
    type Target = DStream<T>;

    fn deref(&self) -> &DStream<T> {
        &self.records
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_words() {
        for choice in [OnError::Fail, OnError::Drop, OnError::DeadLetter] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        let error = "ignore".parse::<OnError>().unwrap_err();
        assert_eq!(error.to_string(), "on_error = ignore: it takes fail, drop or dead-letter");
    }

    #[test]
    fn a_letter_says_where_why_and_what() {
        let letter = DeadLetter::new("no number", *b"12x\n").from_source("SocketReceiver-0");
        assert_eq!(letter.to_string(), r#"SocketReceiver-0: no number: "12x\n""#);
        assert_eq!(letter.clone().from_source("another").source, "SocketReceiver-0");
        let long = DeadLetter::new("long", vec![b'x'; 1000]).to_string();
        assert!(long.ends_with("xxx...\"") && long.len() < 100, "{long}");
    }
}

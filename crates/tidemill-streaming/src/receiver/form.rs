//! `Form`: received blocks as bytes, as they stand in the log.
//!
//! ```text
//! block := version u8, sort u8, number, records and weight as varints, body
//! body  := the text itself, or a postcard `Vec` of values or of letters, or a postcard `Failure`, or a postcard `Shape`
//! ```
//!
//! The shape is that of the values in the blocks behind it. It says what cannot be seen in their bytes.
//!
//! The log adds the length and a checksum. The number counts the blocks of a stream from its first start on: a block that
//! was written twice, because the first attempt did not surely reach the disk, is known by it.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use tidemill_core::shape::{Shape, difference};
use tidemill_core::store::AnyValue;
use tidemill_core::{Cause, Element, TextBlock};

use crate::dead_letter::{DeadLetter, Rejected};

/// The version that is written. Each release reads those of all releases before.
const VERSION: u8 = 1;
/// A block has this many bytes after its text, so its buffer gets them from the start.
const PADDING: usize = 64;

/// What a block in the log holds. The numbers are in the log for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Sort {
    Text = 1,
    Values = 2,
    Letters = 3,
    Failure = 4,
    Shape = 5,
}

/// What stands before the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) sort: Sort,
    /// Counts the blocks of the stream.
    pub(crate) number: u64,
    pub(crate) records: u64,
    /// What it takes in memory, in bytes.
    pub(crate) weight: u64,
}

/// Why a batch has to fail, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Failure {
    /// A record could not be read.
    Rejected(DeadLetter),
    /// Something else, in words.
    Other(String),
}

impl Failure {
    pub(crate) fn cause(self) -> Cause {
        match self {
            Failure::Rejected(letter) => Cause::User(Arc::new(Rejected(letter))),
            Failure::Other(text) => Cause::Invalid(text),
        }
    }
}

/// How the values of a stream's blocks become bytes, and values again.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    sort: Sort,
    shape: fn() -> Shape,
    encode: fn(&AnyValue, Vec<u8>) -> Result<Vec<u8>, Cause>,
    decode: fn(&[u8]) -> Result<AnyValue, Cause>,
}

impl Form {
    /// Blocks that are a [`TextBlock`].
    pub(crate) fn text() -> Form {
        Form { sort: Sort::Text, shape: Shape::of::<String>, encode: encode_text, decode: decode_text }
    }

    /// Blocks that are an `Arc<Vec<T>>`.
    pub(crate) fn values<T: Element>() -> Form {
        Form { sort: Sort::Values, shape: Shape::of::<T>, encode: encode_shared::<T>, decode: decode_shared::<T> }
    }

    /// Blocks that are a `Vec<DeadLetter>`.
    pub(crate) fn letters() -> Form {
        Form::whole::<Vec<DeadLetter>>(Sort::Letters)
    }

    /// Failures of batches that are to come.
    pub(crate) fn failure() -> Form {
        Form::whole::<Failure>(Sort::Failure)
    }

    fn whole<T: Element>(sort: Sort) -> Form {
        Form { sort, shape: Shape::of::<T>, encode: encode_whole::<T>, decode: decode_whole::<T> }
    }

    /// The record that blocks of this form follow in a log.
    pub(crate) fn shape(self) -> Result<Vec<u8>, Cause> {
        encode(&(VERSION, Sort::Shape as u8, 0_u64, 0_u64, 0_u64, (self.shape)()), Vec::new())
    }

    /// Why a block with that header is not of this form, as far as that says it.
    pub(crate) fn other_sort(self, header: Header) -> Option<String> {
        let (logged, declared) = (header.sort.words(), self.sort.words());
        (header.sort != self.sort).then(|| {
            format!(
                "a block in the log holds {logged}, but its stream now has {declared}; use the program that received it, or \
                 another checkpoint directory"
            )
        })
    }

    /// Why values of that shape are not of this form.
    pub(crate) fn other_shape(self, logged: &Shape) -> Option<String> {
        let declared = (self.shape)();
        let difference = difference("a record", logged, &declared)?;
        Some(format!(
            "what it has received and not processed does not fit the program: {difference}. Received is {logged}, declared is \
             {declared}. Declare it as it was, and convert its records by `map`; or let the program that received them process \
             them first"
        ))
    }

    /// What stands before such a block.
    pub(crate) fn header(self, number: u64, records: u64, weight: u64) -> Header {
        Header { sort: self.sort, number, records, weight }
    }

    /// Appends the block to `into`, which is lost where that fails.
    pub(crate) fn write(self, header: Header, value: &AnyValue, into: Vec<u8>) -> Result<Vec<u8>, Cause> {
        let Header { number, records, weight, .. } = header;
        let head = (VERSION, self.sort as u8, number, records, weight);
        let into = postcard::to_extend(&head, into).map_err(|error| Cause::codec::<Header>("encode", error))?;
        (self.encode)(value, into)
    }

    /// The value of a block.
    pub(crate) fn read(self, block: &[u8]) -> Result<AnyValue, Cause> {
        let (header, body) = header(block)?;
        self.other_sort(header).map_or_else(|| (self.decode)(body), |text| Err(Cause::Invalid(text)))
    }
}

impl Sort {
    fn of(byte: u8) -> Option<Sort> {
        let all = [Sort::Text, Sort::Values, Sort::Letters, Sort::Failure, Sort::Shape];
        all.into_iter().find(|sort| *sort as u8 == byte)
    }

    fn words(self) -> &'static str {
        match self {
            Sort::Text => "text",
            Sort::Values => "values",
            Sort::Letters => "dead letters",
            Sort::Failure => "a failure",
            Sort::Shape => "a shape",
        }
    }
}

/// The shape of the values in the blocks that follow, from the body of its record.
pub(crate) fn shape(body: &[u8]) -> Result<Shape, Cause> {
    decode(body)
}

/// What stands before the body, and the body.
pub(crate) fn header(block: &[u8]) -> Result<(Header, &[u8]), Cause> {
    let invalid = |text: &str| Cause::Invalid(format!("a record in the log of received blocks {text}"));
    let ((version, sort, number, records, weight), body) =
        postcard::take_from_bytes::<(u8, u8, u64, u64, u64)>(block).map_err(|_| invalid("is no block"))?;
    if version != VERSION {
        return Err(invalid(&format!("has version {version}, and this release knows {VERSION}; use a newer one")));
    }
    let sort = Sort::of(sort).ok_or_else(|| invalid("is of no sort that this release knows; use a newer one"))?;
    Ok((Header { sort, number, records, weight }, body))
}

fn foreign() -> Cause {
    Cause::Invalid("a received block is of another type than its stream".into())
}

fn encode_text(value: &AnyValue, mut into: Vec<u8>) -> Result<Vec<u8>, Cause> {
    let block = value.downcast_ref::<TextBlock>().ok_or_else(foreign)?;
    into.extend_from_slice(block.as_str().as_bytes());
    Ok(into)
}

fn decode_text(body: &[u8]) -> Result<AnyValue, Cause> {
    let text = str::from_utf8(body).map_err(|_| Cause::Invalid("a block of text in the log is no UTF-8".into()))?;
    let mut padded = String::with_capacity(text.len() + PADDING);
    padded.push_str(text);
    let block = TextBlock::new(padded).map_err(|error| Cause::Invalid(error.to_string()))?;
    Ok(Arc::new(block))
}

fn encode<T: Serialize>(value: &T, into: Vec<u8>) -> Result<Vec<u8>, Cause> {
    postcard::to_extend(value, into).map_err(|error| Cause::codec::<T>("encode", error))
}

fn decode<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Cause> {
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        // Postcard knows no types: values of another one may leave bytes over.
        Ok(_) => Err(Cause::codec::<T>("decode", postcard::Error::DeserializeBadEncoding)),
        Err(error) => Err(Cause::codec::<T>("decode", error)),
    }
}

fn encode_shared<T: Element>(value: &AnyValue, into: Vec<u8>) -> Result<Vec<u8>, Cause> {
    encode::<Vec<T>>(value.downcast_ref::<Arc<Vec<T>>>().ok_or_else(foreign)?, into)
}

fn decode_shared<T: Element>(body: &[u8]) -> Result<AnyValue, Cause> {
    Ok(Arc::new(Arc::new(decode::<Vec<T>>(body)?)))
}

fn encode_whole<T: Serialize + 'static>(value: &AnyValue, into: Vec<u8>) -> Result<Vec<u8>, Cause> {
    encode(value.downcast_ref::<T>().ok_or_else(foreign)?, into)
}

fn decode_whole<T: for<'de> Deserialize<'de> + Send + Sync + 'static>(body: &[u8]) -> Result<AnyValue, Cause> {
    Ok(Arc::new(decode::<T>(body)?))
}

/// What fuzzing needs of the format.
#[cfg(test)]
pub(crate) mod fuzzing {
    use super::*;

    fn forms() -> [Form; 4] {
        [Form::text(), Form::values::<(String, Option<u64>)>(), Form::letters(), Form::failure()]
    }

    pub(crate) fn examples() -> Vec<Vec<u8>> {
        let letter = DeadLetter::new("no number", *b"12x");
        let values: [AnyValue; 4] = [
            Arc::new(TextBlock::new("to be\nor not\n".into()).unwrap()),
            Arc::new(Arc::new(vec![("a".to_owned(), Some(1_u64)), (String::new(), None)])),
            Arc::new(vec![letter.clone()]),
            Arc::new(Failure::Rejected(letter)),
        ];
        let write =
            |(form, value): (Form, &AnyValue)| form.write(form.header(300, 2, 1 << 40), value, Vec::new()).unwrap();
        let shapes = forms().into_iter().map(|form| form.shape().unwrap());
        forms().into_iter().zip(&values).map(write).chain(shapes).collect()
    }

    /// A block is of one form at most.
    pub(crate) fn read(bytes: &[u8]) {
        if let Ok((Header { sort: Sort::Shape, .. }, body)) = header(bytes) {
            let _ = shape(body);
        }
        let readable = forms().into_iter().filter(|form| form.read(bytes).is_ok()).count();
        assert!(readable <= 1 && (readable == 0 || header(bytes).is_ok()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidemill_core::Local;

    use super::*;

    fn round<T: Clone + 'static>(form: Form, value: AnyValue) -> (Header, T) {
        let head = form.header(7, 300, 1 << 40);
        let block = form.write(head, &value, Vec::new()).unwrap();
        let (read, _) = header(&block).unwrap();
        (read, form.read(&block).unwrap().downcast_ref::<T>().unwrap().clone())
    }

    #[test]
    fn blocks_of_each_sort_come_back() {
        let text = TextBlock::new("h\u{e9}llo\r\n\n".into()).unwrap();
        let (head, back) = round::<TextBlock>(Form::text(), Arc::new(text.clone()));
        assert_eq!((head, back), (Header { sort: Sort::Text, number: 7, records: 300, weight: 1 << 40 }, text));
        let values = Arc::new(vec![(1_u8, "a".to_owned()), (2, String::new())]);
        assert_eq!(round::<Arc<Vec<(u8, String)>>>(Form::values::<(u8, String)>(), Arc::new(values.clone())).1, values);
        let letters = vec![DeadLetter::new("no number", *b"12x").from_source("SocketReceiver-0")];
        assert_eq!(round::<Vec<DeadLetter>>(Form::letters(), Arc::new(letters.clone())).1, letters);
        for failure in [Failure::Other("why".into()), Failure::Rejected(letters[0].clone())] {
            assert_eq!(round::<Failure>(Form::failure(), Arc::new(failure.clone())).1, failure);
        }
    }

    /// The bytes of the first version, which every release must read.
    #[test]
    fn the_first_version_is_read_for_good() {
        let block = b"\x01\x02\x05\x02\x28\x02\x03ab\xc3\x01\x00\x00";
        let (head, _) = header(block).unwrap();
        assert_eq!(head, Header { sort: Sort::Values, number: 5, records: 2, weight: 40 });
        assert!(Form::values::<Vec<u8>>().read(block).is_err(), "bytes are left over");
        let block = b"\x01\x01\x05\x02\x28ab\ncd";
        let value = Form::text().read(block).unwrap();
        assert_eq!(value.downcast_ref::<TextBlock>().unwrap().as_str(), "ab\ncd");
        let block = b"\x01\x02\x05\x02\x28\x02\x03abc\x00";
        let value = Form::values::<String>().read(block).unwrap();
        assert_eq!(**value.downcast_ref::<Arc<Vec<String>>>().unwrap(), ["abc", ""]);
    }

    #[test]
    fn shapes_come_back_and_are_compared() {
        let record = Form::values::<(u8, String)>().shape().unwrap();
        let (head, body) = header(&record).unwrap();
        assert_eq!(head.sort, Sort::Shape);
        let logged = shape(body).unwrap();
        assert_eq!(logged, Shape::of::<(u8, String)>());
        assert_eq!(Form::values::<(u8, String)>().other_shape(&logged), None);
        let told = Form::values::<(u8, u64)>().other_shape(&logged).unwrap();
        assert!(told.contains("part 1 of a record is text in the checkpoint and u64 in the program"), "{told}");
    }

    #[test]
    fn what_does_not_fit_says_so() {
        let text: AnyValue = Arc::new(TextBlock::new("a".into()).unwrap());
        let block = Form::text().write(Form::text().header(0, 1, 1), &text, Vec::new()).unwrap();
        let told = |read: Result<AnyValue, Cause>| read.err().unwrap().to_string();
        assert_eq!(
            told(Form::values::<u8>().read(&block)),
            "a block in the log holds text, but its stream now has values; use the program that received it, or another \
             checkpoint directory"
        );
        assert_eq!(
            told(Form::text().read(b"\x02\x01\x00\x00\x00")),
            "a record in the log of received blocks has version 2, and this release knows 1; use a newer one"
        );
        assert_eq!(told(Form::text().read(b"\x01")), "a record in the log of received blocks is no block");
        assert!(told(Form::text().read(b"\x01\x09\x00\x00\x00")).contains("is of no sort"));
        assert!(told(Form::text().read(b"\x01\x01\x00\x00\x00\xff")).contains("no UTF-8"));
        let local: AnyValue = Arc::new(Arc::new(vec![Local(1)]));
        let form = Form::values::<Local<i32>>();
        let error = form.write(form.header(0, 1, 1), &local, Vec::new()).unwrap_err();
        assert!(error.to_string().contains("cannot leave its process"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_block_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), sort in 1..5_u8) {
            let _ = Form::text().read(&bytes);
            let headed: Vec<u8> = [1, sort, 0, 0, 0].into_iter().chain(bytes).collect();
            let _ = (Form::text().read(&headed), Form::values::<(String, Option<u64>)>().read(&headed));
            let _ = (Form::letters().read(&headed), Form::failure().read(&headed));
        }

        #[test]
        fn values_come_back(values in prop::collection::vec((any::<i64>(), ".*"), 0..50), number in any::<u64>()) {
            let form = Form::values::<(i64, String)>();
            let value: AnyValue = Arc::new(Arc::new(values.clone()));
            let block = form.write(form.header(number, values.len() as u64, 9), &value, b"before".to_vec()).unwrap();
            let read = form.read(&block[6..]).unwrap();
            prop_assert_eq!(&**read.downcast_ref::<Arc<Vec<(i64, String)>>>().unwrap(), &values);
        }
    }
}

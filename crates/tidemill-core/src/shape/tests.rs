//! Shapes of types of all kinds, and what differs between them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use serde::Deserializer;

use super::*;
use crate::{Local, Text};

/// Types that look different in other tests too.
macro_rules! types {
    ($($item:item)*) => { $(#[allow(dead_code)] #[derive(Deserialize)] $item)* };
}

types! {
    struct Stats { count: u64, sum: i128, last: Option<Text> }
    struct Id(u64);
    struct Two(u8, String);
    struct Nothing;
    struct Wrapped<T> { inner: T }
    enum Event { Start, Key(char), Click { x: i32, y: f64 }, Pair(u8, u16) }
    enum Outer { A(Event), B(Inner), C }
    enum Inner { P, Q { deep: Outermost }, R }
    enum Outermost { X(bool), Y }
    struct Tree { value: u32, children: Vec<Tree> }
    struct Chain { next: Option<Box<Chain>>, end: u8 }
    enum Expression { Add(Box<Expression>, Box<Expression>), Negative(Box<Expression>), Call { all: Vec<Expression> }, Number(i64) }
    struct Branch { side: Side, leaf: u8 }
    enum Side { Sub(Box<Branch>), More(Vec<Side>), End }
    struct Before { at: Even, after: u8 }
    struct Held { before: u8, kept: Local<u8>, after: u8 }
    enum Picky { Never(Never), Sometimes(u8) }
    struct Behind { picky: Picky, after: u8 }
}

/// Takes even numbers only, as text, and not the empty one.
struct Even;
impl<'de> Deserialize<'de> for Even {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Even, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.starts_with("1970").then_some(Even).ok_or_else(|| serde::de::Error::custom("no date"))
    }
}

struct Never;
impl<'de> Deserialize<'de> for Never {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Never, D::Error> {
        u8::deserialize(deserializer)?;
        Err(serde::de::Error::custom("never"))
    }
}

struct Panics;
impl<'de> Deserialize<'de> for Panics {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Panics, D::Error> {
        panic!("a type with a mistake")
    }
}

#[test]
fn shapes_of_types() {
    let cases = [
        (Shape::of::<u128>(), "u128"),
        (Shape::of::<(Text, Arc<str>, char, bool, f32)>(), "(text, text, char, bool, f32)"),
        (Shape::of::<usize>(), "u64"),
        (Shape::of::<[u8; 3]>(), "(u8, u8, u8)"),
        (Shape::of::<NonZeroU32>(), "u32"),
        (Shape::of::<()>(), "()"),
        (Shape::of::<crate::ship::Bytes>(), "bytes"),
        (Shape::of::<std::time::Duration>(), "Duration { secs: u64, nanos: u32 }"),
        (Shape::of::<Stats>(), "Stats { count: u64, sum: i128, last: optional text }"),
        (Shape::of::<(Id, Two, Nothing)>(), "(Id(u64), Two(u8, text), Nothing)"),
        (Shape::of::<Wrapped<Wrapped<Vec<Id>>>>(), "Wrapped { inner: Wrapped { inner: sequence of Id(u64) } }"),
        (Shape::of::<HashMap<u8, BTreeMap<String, HashSet<u16>>>>(), "map of u8 to map of text to sequence of u16"),
        (Shape::of::<Event>(), "Event = Start | Key(char) | Click { x: i32, y: f64 } | Pair(u8, u16)"),
        (
            Shape::of::<Vec<Outer>>(),
            "sequence of Outer = A(Event = Start | Key(char) | Click { x: i32, y: f64 } | Pair(u8, u16)) | \
             B(Inner = P | Q { deep: Outermost = X(bool) | Y } | R) | C",
        ),
        (Shape::of::<Result<u8, String>>(), "Result = Ok(u8) | Err(text)"),
        (
            Shape::of::<std::net::IpAddr>(),
            "IpAddr = V4((u8, u8, u8, u8)) | V6((u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8))",
        ),
        (Shape::of::<Tree>(), "Tree { value: u32, children: sequence of Tree again }"),
        (Shape::of::<Chain>(), "Chain { next: optional Chain again, end: u8 }"),
        (
            Shape::of::<Expression>(),
            "Expression = Add(Expression again, Expression again) | Negative(Expression again) | \
             Call { all: sequence of Expression again } | Number(i64)",
        ),
        (
            Shape::of::<Branch>(),
            "Branch { side: Side = Sub(Branch again) | More(sequence of Side again) | End, leaf: u8 }",
        ),
        (Shape::of::<Before>(), "Before { at: text, after: u8 }"),
        (Shape::of::<Held>(), "Held { before: u8, kept: opaque tidemill_core::element::Local<u8>, after: unknown }"),
        (Shape::of::<Behind>(), "Behind { picky: Picky = Never(u8) | Sometimes(u8), after: u8 }"),
        (Shape::of::<(u8, Panics)>(), "(u8, opaque tidemill_core::shape::tests::Panics)"),
    ];
    for (shape, expected) in cases {
        assert_eq!(shape.to_string(), expected);
        let bytes = postcard::to_stdvec(&shape).unwrap();
        assert_eq!(postcard::from_bytes::<Shape>(&bytes).unwrap(), shape);
    }
}

/// Types of another version of the program.
mod later {
    use super::*;

    types! {
        pub(super) struct Stats { count: i64, sum: i128, last: Option<Text> }
        pub(super) struct Renamed { count: u64, sum: i128, last: Option<Text> }
        pub(super) struct Swapped { sum: i128, count: u64, last: Option<Text> }
        pub(super) struct More { count: u64, sum: i128, last: Option<Text>, more: u8 }
        pub(super) struct Fewer { count: u64, last: Option<Text> }
        pub(super) struct Deeper { count: u64, sum: i128, last: Option<Vec<u8>> }
        pub(super) enum Event { Start, Key(char), Click { x: i32, y: f64 }, Pair(u8, u16), New }
        pub(super) enum Shorter { Start, Key(char) }
        pub(super) enum Other { Start, Key(char), Click { x: i32, y: f32 }, Pair(u8, u16) }
    }
}

#[test]
fn differences_are_named() {
    let stats = Shape::of::<Stats>();
    let cases = [
        (
            Shape::of::<later::Stats>(),
            "field `count` of struct `Stats` is u64 in the checkpoint and i64 in the program",
        ),
        (Shape::of::<later::Renamed>(), ""),
        (
            Shape::of::<later::Swapped>(),
            "field 0 of struct `Swapped` is `count` in the checkpoint and `sum` in the program",
        ),
        (Shape::of::<later::More>(), "field `more` of struct `More` is in the program and not in the checkpoint"),
        (Shape::of::<later::Fewer>(), "field `sum` of struct `Fewer` is in the checkpoint and not in the program"),
        (
            Shape::of::<later::Deeper>(),
            "the value in field `last` of struct `Deeper` is text in the checkpoint and a sequence of u8 in the program",
        ),
        (Shape::of::<u64>(), "the state is struct `Stats` in the checkpoint and u64 in the program"),
    ];
    for (new, expected) in cases {
        assert_eq!(difference("the state", &stats, &new).unwrap_or_default(), expected);
        assert_eq!(difference("the state", &new, &new), None);
    }
    let (event, pair) = (Shape::of::<Event>(), Shape::of::<(u8, u16)>());
    assert_eq!(difference("", &event, &Shape::of::<later::Event>()), None, "variants may be added at the end");
    let cases = [
        (
            &event,
            Shape::of::<later::Shorter>(),
            "variant `Click` of enum `Shorter` is in the checkpoint and not in the program",
        ),
        (
            &event,
            Shape::of::<later::Other>(),
            "field `y` of struct `Click` is f64 in the checkpoint and f32 in the program",
        ),
        (&pair, Shape::of::<(u8, u16, u8)>(), "the pair has 2 parts in the checkpoint and 3 in the program"),
        (&pair, Shape::of::<(u8, i16)>(), "part 1 of the pair is u16 in the checkpoint and i16 in the program"),
    ];
    for (old, new, expected) in cases {
        assert_eq!(difference("the pair", old, &new).unwrap(), expected);
    }
}

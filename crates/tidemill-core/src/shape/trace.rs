//! Tracing: a type is read again and again from made-up values until it has shown all of itself.
//!
//! Each run makes one value and writes down what the type asks for on the way. An enum shows one variant a run. A type that
//! refuses a value is given others; one that lies in itself is ended there as soon as it can be.

use std::any::type_name;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::value::U32Deserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::Shape;
use super::slot::{Kind, Slot, Variant};

/// A trace ends after so many runs, whatever is still unknown: far more than types have variants.
const MOST_RUNS: usize = 10_000;

/// Texts that types are offered which take only some.
const TEXTS: [&str; 11] = [
    "",
    "a",
    "1",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00",
    "1970-01-01",
    "00:00:00",
    "127.0.0.1",
    "00000000-0000-0000-0000-000000000000",
    "http://localhost/",
    "UTC",
];

/// How many bytes types are offered which take only some.
const LENGTHS: [usize; 10] = [0, 16, 1, 2, 4, 8, 12, 20, 32, 64];

/// The shape of `T`.
pub(super) fn trace<T: DeserializeOwned>() -> Shape {
    let (mut root, mut run) = (Slot::New, Run::default());
    for _ in 0..MOST_RUNS {
        run.begin();
        // A type that panics shows no more than one that refuses.
        let made = catch_unwind(AssertUnwindSafe(|| part(&mut root, &mut run, PhantomData::<T>).map(drop)));
        if !(run.is_worth_another || made.is_ok() && root.is_open()) {
            break;
        }
    }
    root.into_shape()
}

/// What is known across runs, and where the present one is.
#[derive(Default)]
struct Run {
    /// By type: how many of the values, or of the variants that may end it, it has refused.
    refused: BTreeMap<&'static str, usize>,
    /// The type at the present place, and how many values there are to offer to it.
    present: (&'static str, usize),
    /// The types around the present place.
    around: Vec<&'static str>,
    /// Those of them that lie in themselves, and are to end.
    ending: Vec<&'static str>,
    /// The run failed over a value of which there are others.
    is_worth_another: bool,
}

impl Run {
    fn begin(&mut self) {
        self.around.clear();
        self.ending.clear();
        self.is_worth_another = false;
    }

    /// Makes a value of a type that may lie in itself.
    fn around<R>(&mut self, name: &'static str, make: impl FnOnce(&mut Run) -> R) -> R {
        self.around.push(name);
        let made = make(self);
        self.around.pop();
        made
    }

    /// `name` has refused one of `count` values.
    fn refuse(&mut self, name: &'static str, count: usize) {
        let refused = self.refused.entry(name).or_default();
        *refused += 1;
        self.is_worth_another |= *refused < count;
    }
}

/// One place in a type, as the deserializer of what lies there.
struct Place<'a> {
    slot: &'a mut Slot,
    run: &'a mut Run,
}

/// Ends a run. Nobody reads it.
#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the type refuses made-up values")
    }
}

impl std::error::Error for Refused {}

impl serde::de::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Refused {
        Refused
    }
}

impl<'a> Place<'a> {
    /// Offers a plain type the next value that it has not refused.
    fn offer<T: Copy, R>(
        self,
        kind: &'static str,
        values: &[T],
        visit: impl FnOnce(T) -> Result<R, Refused>,
    ) -> Result<R, Refused> {
        *self.slot = Slot::Plain(kind);
        self.run.present.1 = values.len();
        let refused = self.run.refused.get(self.run.present.0).copied().unwrap_or(0);
        visit(*values.get(refused).ok_or(Refused)?)
    }

    /// Reads parts into the visitor of a type named `name`, or ends it if it lies in itself.
    fn named<'de, V: Visitor<'de>>(
        self,
        name: &'static str,
        kind: Kind,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let (mut hidden, whole) = (Slot::New, type_name::<V::Value>());
        let lies_in_itself = self.run.around.contains(&whole);
        if lies_in_itself && self.run.ending.contains(&whole) {
            return Err(Refused);
        }
        let slot = if lies_in_itself { &mut hidden } else { &mut *self.slot };
        let depth = self.run.ending.len();
        if lies_in_itself {
            self.run.ending.push(whole);
        }
        let made =
            self.run.around(whole, |run| visitor.visit_seq(Parts { slots: slot.parts(kind, count).iter_mut(), run }));
        self.run.ending.truncate(depth);
        if lies_in_itself {
            *self.slot = Slot::Again(name);
        }
        made
    }
}

/// The parts of a value.
struct Parts<'a> {
    slots: std::slice::IterMut<'a, Slot>,
    run: &'a mut Run,
}

fn part<'de, T: DeserializeSeed<'de>>(slot: &mut Slot, run: &mut Run, seed: T) -> Result<T::Value, Refused> {
    if matches!(slot, Slot::New) {
        *slot = Slot::Begun(type_name::<T::Value>());
    }
    offered(type_name::<T::Value>(), slot, run, |place| seed.deserialize(place))
}

/// Makes a value of the type `name`. Whether it takes what it is offered may show only here: many types are made of a text.
fn offered<R>(
    name: &'static str,
    slot: &mut Slot,
    run: &mut Run,
    make: impl FnOnce(Place<'_>) -> Result<R, Refused>,
) -> Result<R, Refused> {
    run.present = (name, 0);
    let made = make(Place { slot, run });
    if made.is_err() && !run.is_worth_another && matches!(slot, Slot::Plain(_)) {
        run.refuse(name, run.present.1);
    }
    made
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        self.slots.next().map(|slot| part(slot, self.run, seed)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.slots.len())
    }
}

impl<'de> MapAccess<'de> for Parts<'_> {
    type Error = Refused;

    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refused> {
        self.next_element_seed(seed)?.ok_or(Refused)
    }
}

/// An enum, and the variant that is read of it.
struct Chosen<'a> {
    number: u32,
    name: &'static str,
    slot: &'a mut Slot,
    run: &'a mut Run,
}

impl<'de> EnumAccess<'de> for Chosen<'_> {
    type Error = Refused;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Refused> {
        let number: U32Deserializer<Refused> = self.number.into_deserializer();
        Ok((seed.deserialize(number)?, self))
    }
}

impl<'de> VariantAccess<'de> for Chosen<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        self.slot.parts(Kind::Tuple, 0);
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refused> {
        let slot = self.slot.parts(Kind::Tuple, 1).first_mut().ok_or(Refused)?;
        part(slot, self.run, seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_seq(Parts { slots: self.slot.parts(Kind::Tuple, count).iter_mut(), run: self.run })
    }

    fn struct_variant<V: Visitor<'de>>(self, names: &'static [&'static str], visitor: V) -> Result<V::Value, Refused> {
        let slots = self.slot.parts(Kind::Struct(self.name, names), names.len()).iter_mut();
        visitor.visit_seq(Parts { slots, run: self.run })
    }
}

macro_rules! plain {
    ($($deserialize:ident, $visit:ident, $kind:literal, $values:expr;)*) => {
        $(fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            self.offer($kind, &$values, |value| visitor.$visit(value))
        })*
    };
}

impl<'de> Deserializer<'de> for Place<'_> {
    type Error = Refused;

    fn is_human_readable(&self) -> bool {
        false // as in postcard
    }

    plain! {
        deserialize_bool, visit_bool, "bool", [false, true];
        deserialize_i8, visit_i8, "i8", [1, 0, 2];
        deserialize_i16, visit_i16, "i16", [1, 0, 2];
        deserialize_i32, visit_i32, "i32", [1, 0, 2];
        deserialize_i64, visit_i64, "i64", [1, 0, 2];
        deserialize_i128, visit_i128, "i128", [1, 0, 2];
        deserialize_u8, visit_u8, "u8", [1, 0, 2];
        deserialize_u16, visit_u16, "u16", [1, 0, 2];
        deserialize_u32, visit_u32, "u32", [1, 0, 2];
        deserialize_u64, visit_u64, "u64", [1, 0, 2];
        deserialize_u128, visit_u128, "u128", [1, 0, 2];
        deserialize_f32, visit_f32, "f32", [1.0, 0.0];
        deserialize_f64, visit_f64, "f64", [1.0, 0.0];
        deserialize_char, visit_char, "char", ['a', '1'];
        deserialize_str, visit_str, "text", TEXTS;
        deserialize_string, visit_str, "text", TEXTS;
        deserialize_identifier, visit_str, "text", TEXTS;
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.offer("bytes", &LENGTHS, |length| visitor.visit_byte_buf(vec![0; length]))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.slot.parts(Kind::Tuple, 0);
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Refused> {
        self.slot.parts(Kind::TupleStruct(name), 0);
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        if !self.run.ending.is_empty() {
            return visitor.visit_none();
        }
        let slot = self.slot.parts(Kind::Optional, 1).first_mut().ok_or(Refused)?;
        offered(type_name::<V::Value>(), slot, self.run, |place| visitor.visit_some(place))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let count = if self.run.ending.is_empty() { 1 } else { 0 };
        visitor.visit_seq(Parts { slots: self.slot.parts(Kind::Sequence, count).iter_mut(), run: self.run })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let count = if self.run.ending.is_empty() { 2 } else { 0 };
        visitor.visit_map(Parts { slots: self.slot.parts(Kind::Map, count).iter_mut(), run: self.run })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_seq(Parts { slots: self.slot.parts(Kind::Tuple, count).iter_mut(), run: self.run })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Refused> {
        self.named(name, Kind::TupleStruct(name), 1, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.named(name, Kind::TupleStruct(name), count, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.named(name, Kind::Struct(name, names), names.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let whole = type_name::<V::Value>();
        if self.run.around.contains(&whole) {
            return self.ended(name, names, visitor);
        }
        let variants = self.slot.variants(name, names);
        let number = Variant::next_of(variants);
        let variant = variants.get_mut(number).ok_or(Refused)?;
        variant.is_tried = true;
        let slot = &mut variant.slot;
        let made = self
            .run
            .around(whole, |run| visitor.visit_enum(Chosen { number: number as u32, name: variant.name, slot, run }));
        variant.fits |= made.is_ok();
        variant.is_tried = made.is_ok() || !self.run.is_worth_another;
        made
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        Err(Refused) // as in postcard
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        Err(Refused)
    }
}

impl Place<'_> {
    /// Ends an enum that lies in itself, by the first variant that does not go on.
    fn ended<'de, V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        *self.slot = Slot::Again(name);
        let whole = type_name::<V::Value>();
        if self.run.ending.contains(&whole) {
            return Err(Refused);
        }
        let number = self.run.refused.get(whole).copied().unwrap_or(0);
        let name = names.get(number).ok_or(Refused)?;
        let (depth, mut hidden) = (self.run.ending.len(), Slot::New);
        self.run.ending.push(whole);
        let made = visitor.visit_enum(Chosen { number: number as u32, name, slot: &mut hidden, run: self.run });
        self.run.ending.truncate(depth);
        if made.is_err() && !self.run.is_worth_another {
            self.run.refuse(whole, names.len());
        }
        made
    }
}

//! A serializer that writes nothing and counts what a value owns outside its place.

use std::any::type_name;
use std::collections::HashMap;
use std::fmt::{self, Display, Write};

use serde::ser::{self, Serialize, Serializer};

/// Counts bytes while a value is shown to it.
///
/// The type of a field, and so its size, comes with it. Not so the elements of collections: serde shows `&&u32` for a
/// `u32`. The size of what comes behind a pointer is the sum of its parts.
pub(super) struct Count {
    /// The bytes found so far.
    bytes: u64,
    /// Whether what comes next stands behind a pointer, so that its place is to be counted too.
    behind: bool,
}

/// What each text and vector has in place.
const OWNER: u64 = size_of::<Vec<u8>>() as u64;

/// What a map has in place.
const MAP: u64 = size_of::<HashMap<u8, u8>>() as u64;

/// What is counted for an element that cannot be written, and of which not even the size shows.
const UNKNOWN: u64 = size_of::<usize>() as u64;

impl Count {
    /// What `value` owns outside its place.
    pub(super) fn of<T: Serialize + ?Sized>(value: &T) -> u64 {
        let mut count = Count { bytes: 0, behind: false };
        count.inside(value);
        count.bytes
    }

    /// Adds the place of a value, if that is not counted yet.
    fn place(&mut self, bytes: u64) {
        if self.behind {
            self.bytes += bytes;
        }
    }

    /// Counts what `value` owns, where its place is counted already. What cannot be written is passed over.
    fn inside<T: Serialize + ?Sized>(&mut self, value: &T) {
        let outer = std::mem::replace(&mut self.behind, is_pointer::<T>());
        let _ = value.serialize(&mut *self);
        self.behind = outer;
    }

    /// Counts `value` as a part of something, whose place is the sum of its parts if it stands behind a pointer.
    fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        self.place(size_of_val(value) as u64);
        self.inside(value);
        Ok(())
    }

    /// Counts `value` as the element of something that has its elements elsewhere.
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        if !type_name::<T>().starts_with('&') {
            self.bytes += size_of_val(value) as u64;
            self.inside(value);
            return Ok(());
        }
        let before = self.bytes;
        self.inside(value);
        if self.bytes == before {
            self.bytes += UNKNOWN;
        }
        Ok(())
    }
}

/// Whether a value of type `T` only says where another one is. Only an estimate rests on these names.
fn is_pointer<T: ?Sized>() -> bool {
    ["&", "alloc::boxed::Box<", "alloc::rc::Rc<", "alloc::sync::Arc<"]
        .iter()
        .any(|name| type_name::<T>().starts_with(name))
}

impl Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes += text.len() as u64;
        Ok(())
    }
}

/// Values of fixed size own nothing.
macro_rules! in_place {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, _: $type) -> Result<(), fmt::Error> {
            self.place(size_of::<$type>() as u64);
            Ok(())
        })*
    };
}

impl Serializer for &mut Count {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    in_place!(
        serialize_bool: bool, serialize_char: char, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_i64: i64, serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
        serialize_u64: u64, serialize_u128: u128, serialize_f32: f32, serialize_f64: f64
    );

    fn serialize_str(self, text: &str) -> Result<(), fmt::Error> {
        self.place(OWNER);
        self.write_str(text)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), fmt::Error> {
        Ok(())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), fmt::Error> {
        write!(self, "{value}")
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), fmt::Error> {
        self.place(OWNER);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn serialize_none(self) -> Result<(), fmt::Error> {
        self.place(UNKNOWN);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), fmt::Error> {
        self.part(value)
    }

    fn serialize_unit(self) -> Result<(), fmt::Error> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), fmt::Error> {
        self.place(UNKNOWN);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), fmt::Error> {
        self.part(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        self.part(value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, fmt::Error> {
        self.place(OWNER);
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, fmt::Error> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, fmt::Error> {
        Ok(self)
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, fmt::Error> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, fmt::Error> {
        self.place(MAP);
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, fmt::Error> {
        Ok(self)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, fmt::Error> {
        Ok(self)
    }

    /// As the codecs: types that can be text or bytes are in memory what they are as bytes.
    fn is_human_readable(&self) -> bool {
        false
    }
}

impl ser::SerializeSeq for &mut Count {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        self.element(value)
    }

    fn end(self) -> Result<(), fmt::Error> {
        Ok(())
    }
}

impl ser::SerializeMap for &mut Count {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), fmt::Error> {
        let before = self.bytes;
        self.element(key)?;
        self.bytes += (self.bytes - before) / 2; // the empty third of the table
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        self.serialize_key(value)
    }

    fn end(self) -> Result<(), fmt::Error> {
        Ok(())
    }
}

/// The parts of tuples and variants stand in their place.
macro_rules! parts_in_place {
    ($($trait:ident $method:ident),*) => {
        $(impl ser::$trait for &mut Count {
            type Ok = ();
            type Error = fmt::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
                self.part(value)
            }

            fn end(self) -> Result<(), fmt::Error> {
                Ok(())
            }
        })*
    };
}

parts_in_place!(SerializeTuple serialize_element, SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field);

/// So do the fields of structs.
macro_rules! fields_in_place {
    ($($trait:ident),*) => {
        $(impl ser::$trait for &mut Count {
            type Ok = ();
            type Error = fmt::Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), fmt::Error> {
                self.part(value)
            }

            fn end(self) -> Result<(), fmt::Error> {
                Ok(())
            }
        })*
    };
}

fields_in_place!(SerializeStruct, SerializeStructVariant);

//! Shapes: what types look like to serde, as data that is kept beside their bytes and compared.
//!
//! Bytes in postcard do not say what they are. So what is kept for later programs is kept with the [`Shape`] of its type,
//! traced through serde without a value, and [`difference`] says in words what has changed since.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

mod difference;
mod slot;
mod trace;

pub use difference::{OtherShape, difference};

/// What a type looks like to serde.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Shape {
    /// A single value: its type as Rust names it, `text` or `bytes`.
    Plain(String),
    /// A value that may be missing.
    Optional(Box<Shape>),
    /// Any number of values.
    Sequence(Box<Shape>),
    /// Any number of keys with values.
    Map(Box<Shape>, Box<Shape>),
    /// A fixed number of values without names.
    Tuple(Vec<Shape>),
    /// A struct whose fields have no names.
    TupleStruct(String, Vec<Shape>),
    /// A struct, and its fields.
    Struct(String, Vec<(String, Shape)>),
    /// An enum, and its variants: `Tuple` for those without names of fields.
    Enum(String, Vec<(String, Shape)>),
    /// A type around this place, by its name.
    Again(String),
    /// A type that does not show its shape, known by its Rust name alone.
    Opaque(String),
    /// What lies behind an opaque type and was not reached.
    Unknown,
}

impl Shape {
    /// The shape of `T`. Where a type refuses to be read from made-up values, it is opaque there.
    ///
    /// ```
    /// use tidemill_core::shape::Shape;
    ///
    /// #[derive(serde::Deserialize)]
    /// #[allow(dead_code)]
    /// struct Stats { count: u64, last: Option<String> }
    /// assert_eq!(Shape::of::<(i32, Stats)>().to_string(), "(i32, Stats { count: u64, last: optional text })");
    /// ```
    pub fn of<T: DeserializeOwned>() -> Shape {
        trace::trace::<T>()
    }

    pub(crate) fn plain(kind: &str) -> Shape {
        Shape::Plain(kind.to_string())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Plain(kind) => f.write_str(kind),
            Shape::Optional(inner) => write!(f, "optional {inner}"),
            Shape::Sequence(inner) => write!(f, "sequence of {inner}"),
            Shape::Map(key, value) => write!(f, "map of {key} to {value}"),
            Shape::Tuple(parts) => write!(f, "({})", listed(parts)),
            Shape::TupleStruct(name, parts) if parts.is_empty() => f.write_str(name),
            Shape::TupleStruct(name, parts) => write!(f, "{name}({})", listed(parts)),
            Shape::Struct(name, fields) => write!(f, "{name} {}", Fields(fields)),
            Shape::Enum(name, variants) => {
                write!(f, "{name} = ")?;
                for (number, (variant, shape)) in variants.iter().enumerate() {
                    let or = if number == 0 { "" } else { " | " };
                    match shape {
                        Shape::Tuple(parts) if parts.is_empty() => write!(f, "{or}{variant}")?,
                        Shape::Struct(_, fields) => write!(f, "{or}{variant} {}", Fields(fields))?,
                        shape => write!(f, "{or}{variant}{shape}")?,
                    }
                }
                Ok(())
            }
            Shape::Again(name) => write!(f, "{name} again"),
            Shape::Opaque(name) => write!(f, "opaque {name}"),
            Shape::Unknown => f.write_str("unknown"),
        }
    }
}

struct Fields<'a>(&'a [(String, Shape)]);

impl fmt::Display for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<String> = self.0.iter().map(|(name, shape)| format!("{name}: {shape}")).collect();
        if fields.is_empty() { f.write_str("{}") } else { write!(f, "{{ {} }}", fields.join(", ")) }
    }
}

fn listed(shapes: &[Shape]) -> String {
    shapes.iter().map(Shape::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;

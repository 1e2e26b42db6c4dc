//! Shapes: what a type looks like to serde, as data that can be kept and compared.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a type looks like to serde. Two types of one shape read each other's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// A type that does not show its shape; known by its Rust name alone.
    Opaque(String),
}

impl Shape {
    /// The shape of `T`.
    pub fn of<T: DeserializeOwned>() -> Shape {
        Shape::Opaque(std::any::type_name::<T>().to_string())
    }
}

//! RDDs out of nothing but data: what `Context` makes.

mod parallelize;
mod received;

pub use received::Received;

//! RDDs out of nothing but data: what `Context` makes.

mod empty;
mod files;
mod parallelize;
mod parts;
mod range;
mod received;
mod text_file;

pub use received::Received;

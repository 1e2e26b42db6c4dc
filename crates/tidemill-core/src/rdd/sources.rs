//! RDDs out of nothing but data: what `Context` makes.

mod at_path;
mod empty;
mod files;
mod parallelize;
mod parts;
mod range;
mod read_parts;
mod received;
mod text_file;

pub use read_parts::PartSource;
pub use received::Received;

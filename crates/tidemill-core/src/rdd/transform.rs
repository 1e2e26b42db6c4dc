//! Operators that make one RDD of another, element by element or partition by partition.

mod filter;
mod flat_map;
mod glom;
mod lines;
mod map;
mod map_partitions;

pub use flat_map::Emit;
pub use map_partitions::Elements;
pub(crate) use map_partitions::of_elements;

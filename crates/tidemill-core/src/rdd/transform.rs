//! Operators that make one RDD of another, element by element or partition by partition.

mod filter;
mod flat_map;
mod glom;
mod lines;
mod map;
mod map_partitions;

pub use flat_map::Emit;
pub(crate) use flat_map::FlatMap;
pub(crate) use map::Map;
pub use map_partitions::Elements;

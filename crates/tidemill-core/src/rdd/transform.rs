//! Operators that make one RDD of others, element by element or partition by partition.

mod barrier;
mod cartesian;
mod coalesce;
mod exchange;
mod filter;
mod flat_map;
mod glom;
mod key_by;
mod lines;
mod map;
mod map_partitions;
mod mark;
mod named;
mod pipe;
mod sample;
mod try_filter;
mod try_flat_map;
mod try_map;
mod union;
mod zip;
mod zip_with_index;

pub use barrier::RddBarrier;
pub use flat_map::Emit;
pub(crate) use flat_map::FlatMap;
pub(crate) use map::Map;
pub use map_partitions::Elements;
pub(crate) use map_partitions::of_elements;

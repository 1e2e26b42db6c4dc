//! Exchanges: how elements become blocks and blocks become elements, at the wall between two stages.
//!
//! The map side draws runs and puts blocks into buckets; the reduce side draws the blocks of one bucket, one at a time and
//! in order of (map partition, chunk), from memory, disk or elsewhere. The trait knows no key: whoever implements it
//! decides which bucket a record belongs to.

use std::sync::Arc;

use crate::runs::BoxRuns;
use crate::ship::{Decoder, Encoder, NotShippable, ShipError};
use crate::task::TaskContext;
use crate::{Element, Stop};

mod chunk;
pub(crate) mod combine;
mod fetch;
pub(crate) mod partition;
pub(crate) mod scatter;
mod shuffled;
mod stored;

pub use chunk::{Chunk, ChunkHeader, MapOutput};
pub use fetch::{BucketId, Elsewhere, Fetch};
pub use shuffled::{MapSide, Shuffled};

/// How the elements of one stage reach the next.
pub trait Exchange: Send + Sync + 'static {
    /// Element of the map side.
    type In: 'static;
    /// What a map task leaves for a bucket: moved by pointer within a process, encoded only where it leaves it.
    type Block: Element;
    /// Element of the reduce side.
    type Out: 'static;

    /// Draws all of `input` and puts any number of blocks into `out`.
    fn write(
        &self,
        input: BoxRuns<Self::In>,
        out: &mut dyn Buckets<Self::Block>,
        cx: &Arc<TaskContext>,
    ) -> Result<(), Stop>;

    /// The elements of one bucket, from its blocks in order.
    fn read(
        self: Arc<Self>,
        blocks: Box<dyn Blocks<Self::Block>>,
        cx: &Arc<TaskContext>,
    ) -> Result<BoxRuns<Self::Out>, Stop>;

    /// An estimate of a block's bytes in memory.
    fn weigh(&self, block: &Self::Block) -> u64;

    /// The parameters of this exchange for another process.
    fn encode(&self, out: &mut Encoder) -> Result<Vec<u8>, NotShippable>;

    /// The exchange, from its parameters.
    fn decode(parameters: &[u8], decoder: &Decoder) -> Result<Self, ShipError>
    where
        Self: Sized;
}

/// Where the map side of an exchange puts its blocks.
pub trait Buckets<B> {
    /// How many buckets there are.
    fn count(&self) -> usize;
    /// Adds a block to a bucket. Past the memory limit of shuffles it goes to disk.
    fn put(&mut self, bucket: usize, block: B) -> Result<(), Stop>;
}

/// The blocks of one bucket, in order of (map partition, chunk).
pub trait Blocks<B> {
    /// The next block, or `None` after the last one.
    fn next(&mut self) -> Result<Option<Taken<B>>, Stop>;
}

/// A block as its reader gets it.
pub enum Taken<B> {
    /// Nobody else will read it.
    Own(B),
    /// It is kept for other readers and for retries.
    Shared(Arc<B>),
}

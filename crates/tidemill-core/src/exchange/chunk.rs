//! Chunks: the blocks that one map task wrote, in memory, on disk or as bytes, each with its place in the order.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::exchange::{Buckets, Exchange, Taken};
use crate::memory::{Grant, Pool};
use crate::ship::Bytes;
use crate::spill::{SpillWriter, Spilled, over_limit};
use crate::task::TaskContext;
use crate::{BlockId, Cause, Element, Runs, ShuffleId, Stop};

/// The place of a chunk among those that a bucket gets from one map task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkHeader {
    /// The shuffle it belongs to.
    pub shuffle: ShuffleId,
    /// The map partition that wrote it.
    pub map: u32,
    /// The attempt that wrote it.
    pub attempt: u32,
    /// Counts the chunks of this bucket from this map task, from 0.
    pub number: u32,
    /// Whether it is the last of them.
    pub last: bool,
}

/// A block with its place. Cloning it clones pointers.
#[derive(Clone)]
pub struct Chunk {
    header: ChunkHeader,
    content: Content,
}

#[derive(Clone)]
enum Content {
    /// A block, as `Arc<B>`, and the memory that it is accounted for.
    Memory(Arc<dyn Any + Send + Sync>, Arc<Grant>),
    /// A `Spilled<B>`.
    Disk(Arc<dyn Any + Send + Sync>),
    /// Encoded, from another process.
    Bytes(Arc<Vec<u8>>),
}

/// All that one map task wrote: the chunks of each bucket.
pub struct MapOutput {
    /// The shuffle.
    pub shuffle: ShuffleId,
    /// The map partition.
    pub map: u32,
    /// `None` where a reader took the chunks. A lock each: readers of different buckets do not meet.
    buckets: Vec<Mutex<Option<Vec<Chunk>>>>,
    /// Knows the type of the blocks, so that whoever keeps an output can pass it on.
    encode: Encode,
}

type Encode = fn(&Chunk) -> Result<Bytes, Stop>;

/// A bucket as it travels: its chunks, as header and postcard bytes.
type BucketWire = Vec<(ChunkHeader, Bytes)>;

impl MapOutput {
    fn new(shuffle: ShuffleId, map: u32, buckets: Vec<Vec<Chunk>>, encode: Encode) -> MapOutput {
        let buckets = buckets.into_iter().map(|chunks| Mutex::new(Some(chunks))).collect();
        MapOutput { shuffle, map, buckets, encode }
    }

    /// All of it for another process. An error where a reader took a part of it: that part is lost.
    pub fn encode(&self) -> Result<Vec<u8>, Stop> {
        let lost = || Stop::Lost(BlockId::MapOutput { shuffle: self.shuffle, map: self.map });
        let bucket = |bucket| self.bucket_wire(bucket)?.ok_or_else(lost);
        let buckets = (0..self.buckets.len()).map(bucket).collect::<Result<Vec<BucketWire>, Stop>>()?;
        encode_block(&(self.shuffle, self.map, buckets))
    }

    /// A map output that another process encoded; its blocks are decoded when they are read.
    pub fn decode(bytes: &[u8]) -> Result<MapOutput, Stop> {
        let (shuffle, map, buckets): (ShuffleId, u32, Vec<BucketWire>) =
            postcard::from_bytes(bytes).map_err(|e| Cause::codec::<MapOutput>("decode", e))?;
        let buckets = buckets.into_iter().map(chunks_of).collect();
        Ok(MapOutput::new(shuffle, map, buckets, Chunk::bytes))
    }

    /// One bucket of it for another process, `None` where a reader took it, or
    /// where there is none of that number.
    pub fn encode_bucket(&self, bucket: usize) -> Result<Option<Vec<u8>>, Stop> {
        self.bucket_wire(bucket)?.map(|wire| encode_block(&wire)).transpose()
    }

    /// The chunks of a bucket, which stay here for other readers; `None` where a reader took them.
    pub(super) fn share(&self, bucket: usize) -> Option<Vec<Chunk>> {
        self.bucket(bucket)?.clone()
    }

    /// The chunks of a bucket; from here on they are lost to everyone else.
    pub(super) fn take(&self, bucket: usize) -> Option<Vec<Chunk>> {
        self.bucket(bucket)?.take()
    }

    /// How many of its chunks are on disk; for tests and metrics.
    pub fn chunks_on_disk(&self) -> usize {
        let chunks = (0..self.buckets.len()).filter_map(|bucket| self.share(bucket)).flatten();
        chunks.filter(|chunk| matches!(chunk.content, Content::Disk(_))).count()
    }

    fn bucket_wire(&self, bucket: usize) -> Result<Option<BucketWire>, Stop> {
        let encode = |chunk: &Chunk| Ok((chunk.header, (self.encode)(chunk)?));
        self.share(bucket).map(|chunks| chunks.iter().map(encode).collect()).transpose()
    }

    fn bucket(&self, bucket: usize) -> Option<MutexGuard<'_, Option<Vec<Chunk>>>> {
        Some(self.buckets.get(bucket)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The chunks of a bucket that [`MapOutput::encode_bucket`] wrote.
pub(super) fn decode_bucket(bytes: &[u8]) -> Result<Vec<Chunk>, Stop> {
    Ok(chunks_of(postcard::from_bytes(bytes).map_err(|e| Cause::codec::<BucketWire>("decode", e))?))
}

fn chunks_of(wire: BucketWire) -> Vec<Chunk> {
    let chunk = |(header, Bytes(bytes))| Chunk { header, content: Content::Bytes(Arc::new(bytes)) };
    wire.into_iter().map(chunk).collect()
}

fn encode_block<B: Serialize>(block: &B) -> Result<Vec<u8>, Stop> {
    Ok(postcard::to_stdvec(block).map_err(|e| Cause::codec::<B>("encode", e))?)
}

impl Chunk {
    pub(super) fn header(&self) -> ChunkHeader {
        self.header
    }

    /// The block, and the memory that it is accounted for until it is read. It is the caller's own where nobody else holds
    /// the chunk, or where it comes from disk or from another process.
    pub(super) fn open<B: Element>(self) -> Result<(Taken<B>, Option<Arc<Grant>>), Stop> {
        match self.content {
            Content::Memory(block, grant) => {
                let block = Arc::try_unwrap(block.downcast::<B>().map_err(|_| foreign())?);
                Ok((block.map_or_else(Taken::Shared, Taken::Own), Some(grant)))
            }
            Content::Bytes(bytes) => {
                let block = postcard::from_bytes(&bytes).map_err(|e| Cause::codec::<B>("decode", e))?;
                Ok((Taken::Own(block), None))
            }
            Content::Disk(spilled) => Ok((Taken::Own(read_spilled(&spilled)?), None)),
        }
    }

    fn encode<B: Element>(&self) -> Result<Bytes, Stop> {
        match &self.content {
            Content::Memory(block, _) => Ok(Bytes(encode_block(block.downcast_ref::<B>().ok_or_else(foreign)?)?)),
            Content::Disk(spilled) => Ok(Bytes(encode_block(&read_spilled::<B>(spilled)?)?)),
            Content::Bytes(_) => self.bytes(),
        }
    }

    /// As it came from another process.
    fn bytes(&self) -> Result<Bytes, Stop> {
        match &self.content {
            Content::Bytes(bytes) => Ok(Bytes(bytes.to_vec())),
            Content::Memory(..) | Content::Disk(_) => Err(foreign()),
        }
    }
}

fn read_spilled<B: Element>(spilled: &Arc<dyn Any + Send + Sync>) -> Result<B, Stop> {
    let mut block = Vec::with_capacity(1);
    spilled.downcast_ref::<Spilled<B>>().ok_or_else(foreign)?.read()?.next(&mut block)?;
    block.pop().ok_or_else(foreign)
}

fn foreign() -> Stop {
    Stop::Failed(Cause::Invalid("a shuffle chunk holds blocks of another type".into()))
}

/// A chunk is read whole, so its frame is as large as it.
const CHUNK_FRAME_BYTES: usize = 1 << 20;

/// Collects what a map task writes.
pub(crate) struct ChunkWriter<'a, X: Exchange> {
    exchange: &'a X,
    header: ChunkHeader,
    buckets: Vec<Vec<Chunk>>,
    cx: &'a TaskContext,
}

impl<'a, X: Exchange> ChunkWriter<'a, X> {
    pub(crate) fn new(exchange: &'a X, shuffle: ShuffleId, buckets: usize, cx: &'a TaskContext) -> Self {
        let task = cx.task();
        let header = ChunkHeader { shuffle, map: cx.partition() as u32, attempt: task.attempt, number: 0, last: false };
        ChunkWriter { exchange, header, buckets: (0..buckets).map(|_| Vec::new()).collect(), cx }
    }

    pub(crate) fn finish(mut self) -> MapOutput {
        for chunk in self.buckets.iter_mut().filter_map(|chunks| chunks.last_mut()) {
            chunk.header.last = true;
        }
        MapOutput::new(self.header.shuffle, self.header.map, self.buckets, Chunk::encode::<X::Block>)
    }
}

impl<X: Exchange> Buckets<X::Block> for ChunkWriter<'_, X> {
    fn count(&self) -> usize {
        self.buckets.len()
    }

    fn put(&mut self, bucket: usize, block: X::Block) -> Result<(), Stop> {
        let environment = self.cx.environment();
        let content = match environment.memory.try_acquire(Pool::Shuffle, self.exchange.weigh(&block)) {
            Some(grant) => Content::Memory(Arc::new(block), Arc::new(grant)),
            None => {
                let mut file = SpillWriter::create(&environment.spill, CHUNK_FRAME_BYTES)?;
                file.push(&block).map_err(|cause| over_limit::<X::Block>(cause, Pool::Shuffle))?;
                Content::Disk(Arc::new(file.finish()?))
            }
        };
        let of = self.buckets.len();
        let outside = || Cause::Invalid(format!("bucket {bucket} of {of}: the partitioner's answer is out of range"));
        let chunks = self.buckets.get_mut(bucket).ok_or_else(outside)?;
        let header = ChunkHeader { number: chunks.len() as u32, ..self.header };
        chunks.push(Chunk { header, content });
        Ok(())
    }
}

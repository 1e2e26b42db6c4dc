//! Chunks: the blocks that one map task wrote, in memory, on disk or as bytes, each with its place in the order.

use std::any::Any;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::exchange::{Blocks, Buckets, Exchange, Taken};
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

/// A block with its place.
pub struct Chunk {
    header: ChunkHeader,
    content: Content,
}

enum Content {
    /// A block, as `Arc<B>`, and the memory that it is accounted for.
    Memory(Arc<dyn Any + Send + Sync>, #[expect(dead_code, reason = "held for its drop")] Grant),
    /// A `Spilled<B>`.
    Disk(Arc<dyn Any + Send + Sync>),
    /// Encoded, from another process.
    Bytes(Vec<u8>),
}

/// All that one map task wrote: the chunks of each bucket.
pub struct MapOutput {
    /// The shuffle.
    pub shuffle: ShuffleId,
    /// The map partition.
    pub map: u32,
    buckets: Vec<Vec<Chunk>>,
}

/// A map output as it travels: the chunks of each bucket, as header and postcard bytes.
type Wire = (ShuffleId, u32, Vec<Vec<(ChunkHeader, Bytes)>>);

impl MapOutput {
    /// Encodes the output of a map task whose blocks are `B`.
    pub(crate) fn encode<B: Element>(&self) -> Result<Vec<u8>, Stop> {
        let encode = |chunk: &Chunk| Ok((chunk.header, chunk.encode::<B>()?));
        let buckets =
            self.buckets.iter().map(|chunks| chunks.iter().map(encode).collect()).collect::<Result<_, Stop>>()?;
        let wire: Wire = (self.shuffle, self.map, buckets);
        encode_block(&wire)
    }

    /// A map output that another process encoded; its blocks are decoded when they are read.
    pub fn decode(bytes: &[u8]) -> Result<MapOutput, Stop> {
        let (shuffle, map, buckets): Wire =
            postcard::from_bytes(bytes).map_err(|e| Cause::codec::<MapOutput>("decode", e))?;
        let chunk = |(header, Bytes(bytes))| Chunk { header, content: Content::Bytes(bytes) };
        let buckets = buckets.into_iter().map(|chunks| chunks.into_iter().map(chunk).collect()).collect();
        Ok(MapOutput { shuffle, map, buckets })
    }

    /// How many bytes of it are on disk or in transit rather than in memory as values; for tests and metrics.
    pub fn chunks_on_disk(&self) -> usize {
        self.buckets.iter().flatten().filter(|chunk| matches!(chunk.content, Content::Disk(_))).count()
    }
}

fn encode_block<B: Serialize>(block: &B) -> Result<Vec<u8>, Stop> {
    Ok(postcard::to_stdvec(block).map_err(|e| Cause::codec::<B>("encode", e))?)
}

impl Chunk {
    fn encode<B: Element>(&self) -> Result<Bytes, Stop> {
        match &self.content {
            Content::Bytes(bytes) => Ok(Bytes(bytes.clone())),
            Content::Memory(..) | Content::Disk(_) => Ok(Bytes(encode_block(&*self.block::<B>()?)?)),
        }
    }

    fn block<B: Element>(&self) -> Result<Arc<B>, Stop> {
        let foreign = || Stop::Failed(Cause::Invalid("a shuffle chunk holds blocks of another type".into()));
        match &self.content {
            Content::Memory(block, _) => Arc::clone(block).downcast::<B>().map_err(|_| foreign()),
            Content::Bytes(bytes) => {
                Ok(Arc::new(postcard::from_bytes(bytes).map_err(|e| Cause::codec::<B>("decode", e))?))
            }
            Content::Disk(spilled) => {
                let mut block = Vec::with_capacity(1);
                spilled.downcast_ref::<Spilled<B>>().ok_or_else(foreign)?.read()?.next(&mut block)?;
                block.pop().map(Arc::new).ok_or_else(foreign)
            }
        }
    }
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
        MapOutput { shuffle: self.header.shuffle, map: self.header.map, buckets: self.buckets }
    }
}

impl<X: Exchange> Buckets<X::Block> for ChunkWriter<'_, X> {
    fn count(&self) -> usize {
        self.buckets.len()
    }

    fn put(&mut self, bucket: usize, block: X::Block) -> Result<(), Stop> {
        let environment = self.cx.environment();
        let content = match environment.memory.try_acquire(Pool::Shuffle, self.exchange.weigh(&block)) {
            Some(grant) => Content::Memory(Arc::new(block), grant),
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

/// Draws the chunks of one bucket from the store, and sees to it that each is there exactly once.
pub(crate) struct StoredBlocks<B> {
    environment: Arc<Environment>,
    shuffle: ShuffleId,
    maps: u32,
    bucket: usize,
    /// The map output that is being read.
    current: Option<Arc<MapOutput>>,
    map: u32,
    number: u32,
    block: std::marker::PhantomData<fn() -> B>,
}

impl<B> StoredBlocks<B> {
    pub(crate) fn new(environment: &Arc<Environment>, shuffle: ShuffleId, maps: usize, bucket: usize) -> Self {
        let (environment, block) = (Arc::clone(environment), std::marker::PhantomData);
        StoredBlocks { environment, shuffle, maps: maps as u32, bucket, current: None, map: 0, number: 0, block }
    }
}

impl<B: Element> Blocks<B> for StoredBlocks<B> {
    fn next(&mut self) -> Result<Option<Taken<B>>, Stop> {
        while self.map < self.maps {
            let lost = Stop::Lost(BlockId::MapOutput { shuffle: self.shuffle, map: self.map });
            let output = match self.current.take() {
                Some(output) => output,
                None => self.environment.store.map_output(self.shuffle, self.map).ok_or(lost.clone())?,
            };
            let Some(chunks) = output.buckets.get(self.bucket) else { return Err(lost) };
            if let Some(chunk) = chunks.get(self.number as usize) {
                let last = self.number as usize + 1 == chunks.len();
                if (chunk.header.number, chunk.header.last) != (self.number, last) {
                    return Err(lost);
                }
                let block = chunk.block::<B>()?;
                self.number += 1;
                self.current = Some(output);
                return Ok(Some(Taken::Shared(block)));
            }
            (self.map, self.number) = (self.map + 1, 0);
        }
        Ok(None)
    }
}

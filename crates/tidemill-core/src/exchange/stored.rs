//! The reading side of shuffles: draws the chunks of one bucket, from here or elsewhere, each exactly once.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::exchange::chunk::Chunk;
use crate::exchange::{Blocks, BucketId, Taken};
use crate::memory::Grant;
use crate::task::TaskContext;
use crate::{BlockId, Element, ShuffleId, Stop};

/// The blocks of one bucket of a shuffle.
pub(super) struct StoredBlocks<B> {
    cx: Arc<TaskContext>,
    shuffle: ShuffleId,
    maps: u32,
    bucket: usize,
    /// The map task whose chunks come next.
    map: u32,
    /// What is left of those before it.
    chunks: std::vec::IntoIter<Chunk>,
    /// The block that the reader is at is accounted for until it wants the next one.
    reading: Option<Arc<Grant>>,
    block: PhantomData<fn() -> B>,
}

impl<B> StoredBlocks<B> {
    pub(super) fn new(cx: &Arc<TaskContext>, shuffle: ShuffleId, maps: usize, bucket: usize) -> Self {
        let (cx, maps, chunks) = (Arc::clone(cx), maps as u32, Vec::new().into_iter());
        StoredBlocks { cx, shuffle, maps, bucket, map: 0, chunks, reading: None, block: PhantomData }
    }

    /// The chunks of a map task, from here or from elsewhere; it is lost unless each is there exactly once.
    fn chunks_of(&self, map: u32) -> Result<Vec<Chunk>, Stop> {
        let (environment, shuffle) = (self.cx.environment(), self.shuffle);
        let chunks = match environment.store.map_output(shuffle, map) {
            Some(output) => output.share(self.bucket),
            None => environment.elsewhere.fetch(BucketId { shuffle, map, bucket: self.bucket as u32 }),
        };
        let whole = chunks.filter(|chunks| self.are_whole(map, chunks));
        whole.ok_or(Stop::Lost(BlockId::MapOutput { shuffle, map }))
    }

    fn are_whole(&self, map: u32, chunks: &[Chunk]) -> bool {
        let attempt = chunks.first().map(|chunk| chunk.header().attempt);
        chunks.iter().enumerate().all(|(place, chunk)| {
            let header = chunk.header();
            let source = (header.shuffle, header.map, Some(header.attempt)) == (self.shuffle, map, attempt);
            source && header.number as usize == place && header.last == (place + 1 == chunks.len())
        })
    }
}

impl<B: Element> Blocks<B> for StoredBlocks<B> {
    fn next(&mut self) -> Result<Option<Taken<B>>, Stop> {
        loop {
            self.reading = None;
            if let Some(chunk) = self.chunks.next() {
                let (block, grant) = chunk.open()?;
                self.reading = grant;
                return Ok(Some(block));
            }
            if self.map == self.maps {
                return Ok(None);
            }
            self.chunks = self.chunks_of(self.map)?.into_iter();
            self.map += 1;
        }
    }
}

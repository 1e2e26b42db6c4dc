//! The reading side of shuffles: draws the chunks of one bucket, from here or elsewhere, each exactly once.
//!
//! **When chunks are taken.** A block that stays for other readers is cloned by each of them. A reader takes the chunks
//! of its bucket instead if its [`TaskContext`] says so, and moves their values. The rule, and why it is safe:
//!
//! - *The job alone holds the shuffle.* When the job was cut into stages, nothing but the job led to the shuffle: each
//!   node between its result and the shuffle, and the map side itself, had one holder (`stage/sole.rs`). Only who holds
//!   a node can make another handle, so this never changes back: no later job can ask for the shuffle.
//! - *Its only reader.* One stage of the job reads it, and all nodes on the way draw each partition of theirs at most
//!   once ([`Lineage::draws_once`](crate::lineage::Lineage::draws_once)), so that each bucket has one task.
//! - *Its last attempt.* One more failure of the task fails the job, so a failure leaves nobody who would read again. In
//!   `local[N]` that is every first attempt.
//!
//! What is left are attempts that end without a failure: another block that they read was lost, or their thread was given
//! up. For these a taken chunk counts as lost: the next attempt says so, the scheduler has the whole shuffle written again
//! and nothing is taken from it any more. So whatever is wrong with the rule costs time, never data.

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
            Some(output) if self.cx.takes(shuffle) => output.take(self.bucket),
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

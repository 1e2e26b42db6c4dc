//! The exchange of `repartition`: elements are dealt out evenly, whatever they are.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::exchange::{Blocks, Buckets, Exchange, Taken};
use crate::memory::Pool;
use crate::runs::{BoxRuns, run_len};
use crate::ship::{Decoder, Encoder, NotShippable, ShipError};
use crate::task::TaskContext;
use crate::weight::sampled;
use crate::{Cause, Element, Runs, Stop};

/// Deals elements out to buckets in turn, starting at a bucket that depends on the map partition.
pub(crate) struct Scatter<T> {
    pub(crate) elements: PhantomData<fn(T)>,
}

impl<T: Element> Exchange for Scatter<T> {
    type In = T;
    type Block = Vec<T>;
    type Out = T;

    fn write(&self, mut input: BoxRuns<T>, out: &mut dyn Buckets<Vec<T>>, cx: &Arc<TaskContext>) -> Result<(), Stop> {
        let mut run = Vec::new();
        let mut next = cx.partition() % out.count().max(1);
        put_in_pieces(out, cx, |blocks| {
            let more = input.next(&mut run)?;
            for element in run.drain(..) {
                if let Some(block) = blocks.get_mut(next) {
                    block.push(element);
                }
                next = if next + 1 < blocks.len() { next + 1 } else { 0 };
            }
            Ok(more)
        })
    }

    fn read(self: Arc<Self>, blocks: Box<dyn Blocks<Vec<T>>>, cx: &Arc<TaskContext>) -> Result<BoxRuns<T>, Stop> {
        Ok(Box::new(BlockRuns::new(blocks, cx)))
    }

    fn weigh(&self, block: &Vec<T>) -> u64 {
        sampled(block)
    }

    fn encode(&self, _: &mut Encoder) -> Result<Vec<u8>, NotShippable> {
        Ok(Vec::new())
    }

    fn decode(_: &[u8], _: &Decoder) -> Result<Self, ShipError> {
        Ok(Scatter { elements: PhantomData })
    }
}

/// A piece of a bucket grows by at least this much before it is put as a chunk.
const PIECE_BYTES_MIN: u64 = 1 << 20;

/// Lets `fill` sort runs into blocks, a block a bucket, and puts the blocks as chunks: at the end, or earlier where memory
/// does not suffice, so that what waits here stays small and the store decides what goes to disk.
pub(crate) fn put_in_pieces<T: Element>(
    out: &mut dyn Buckets<Vec<T>>,
    cx: &Arc<TaskContext>,
    mut fill: impl FnMut(&mut [Vec<T>]) -> Result<bool, Stop>,
) -> Result<(), Stop> {
    let mut blocks: Vec<Vec<T>> = (0..out.count()).map(|_| Vec::new()).collect();
    let memory = &cx.environment().memory;
    let mut grant = memory.try_acquire(Pool::Shuffle, 0);
    let (mut held, mut granted) = (0, 0);
    loop {
        let before: usize = blocks.iter().map(Vec::len).sum();
        let more = fill(&mut blocks)?;
        cx.check()?;
        let after: usize = blocks.iter().map(Vec::len).sum();
        held += (after - before) as u64
            * blocks.iter().find_map(|block| block.last().map(crate::weight::weight)).unwrap_or(0);
        let mut full = !more;
        if held > granted && !full {
            let wanted = (held - granted).max(PIECE_BYTES_MIN);
            full = !grant.as_mut().is_some_and(|grant| grant.try_grow(wanted));
            granted += if full { 0 } else { wanted };
        }
        if full {
            drop(grant.take());
            for (bucket, block) in blocks.iter_mut().enumerate().filter(|(_, block)| !block.is_empty()) {
                out.put(bucket, std::mem::take(block))?;
            }
            grant = memory.try_acquire(Pool::Shuffle, 0);
            (held, granted) = (0, 0);
        }
        if !more {
            return Ok(());
        }
    }
}

/// The elements of blocks, one block after the other.
pub(crate) struct BlockRuns<T> {
    blocks: Box<dyn Blocks<Vec<T>>>,
    cx: Arc<TaskContext>,
    current: Current<T>,
}

enum Current<T> {
    Own(std::vec::IntoIter<T>),
    Shared(Arc<Vec<T>>, usize),
}

impl<T> BlockRuns<T> {
    pub(crate) fn new(blocks: Box<dyn Blocks<Vec<T>>>, cx: &Arc<TaskContext>) -> BlockRuns<T> {
        BlockRuns { blocks, cx: Arc::clone(cx), current: Current::Own(Vec::new().into_iter()) }
    }
}

impl<T: Element> Runs<T> for BlockRuns<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        loop {
            let before = into.len();
            match &mut self.current {
                Current::Own(rest) => into.extend(rest.by_ref().take(run_len::<T>())),
                Current::Shared(block, at) => {
                    let run = block.get(*at..).unwrap_or(&[]);
                    let run = &run[..run.len().min(run_len::<T>())];
                    into.extend_from_slice(run);
                    *at += run.len();
                }
            }
            if into.len() > before {
                return Ok(true);
            }
            self.cx.check()?;
            self.current = match self.blocks.next()? {
                Some(Taken::Own(block)) => Current::Own(block.into_iter()),
                Some(Taken::Shared(block)) => Current::Shared(block, 0),
                None => return Ok(false),
            };
        }
    }
}

/// What a partition number must be less than, said in words.
pub(crate) fn no_partitions(operator: &str) -> Cause {
    Cause::Invalid(format!("{operator}: the number of partitions must be at least 1"))
}

//! Reading kept partitions: cloned out of memory, or from disk.

use std::sync::Arc;

use super::Persisted;
use crate::memory::Grant;
use crate::runs::{BoxRuns, Runs, run_len};
use crate::spill::{SpillDir, SpillWriter, Spilled, frame_bytes};
use crate::store::{AnyValue, Place};
use crate::task::TaskContext;
use crate::{Cause, Element, Stop};

/// The elements of a partition in memory, in pieces: a partition grows without being copied.
#[derive(Debug)]
pub(crate) struct Pieces<T>(pub(crate) Vec<Vec<T>>);

impl<T> Pieces<T> {
    /// Moves a run in, leaving its room to whoever draws runs.
    pub(crate) fn append(&mut self, run: &mut Vec<T>) {
        match self.0.last_mut() {
            Some(last) if last.len() + run.len() <= run_len::<T>() => last.append(run),
            _ => {
                let mut piece = Vec::with_capacity(run.len());
                piece.append(run);
                self.0.push(piece);
            }
        }
    }
}

/// Writes a partition in memory to disk: how the store evicts it.
pub(crate) fn to_disk<T: Element>(value: &AnyValue, spill: &SpillDir) -> Result<AnyValue, Stop> {
    let pieces = value.downcast_ref::<Pieces<T>>().ok_or_else(foreign)?;
    let mut writer = SpillWriter::<T>::create(spill, frame_bytes(u64::MAX))?;
    pieces.0.iter().flatten().try_for_each(|element| writer.push(element))?;
    Ok(Arc::new(writer.finish()?))
}

/// The runs of a kept partition.
pub(crate) fn open<T: Element>(place: Place, cx: &Arc<TaskContext>) -> Result<BoxRuns<T>, Stop> {
    let cx = Arc::clone(cx);
    match place {
        Place::Memory(value, grant) => {
            let pieces = value.downcast::<Pieces<T>>().map_err(|_| foreign())?;
            Ok(Box::new(InMemory { pieces, next: 0, cx, _grant: grant }))
        }
        Place::Disk(value) => {
            let spilled = value.downcast::<Spilled<T>>().map_err(|_| foreign())?;
            Ok(Box::new(OnDisk { reader: Box::new(spilled.read()?), cx }))
        }
        Place::Recall(_) => Err(foreign().into()),
    }
}

fn foreign() -> Cause {
    Cause::Invalid("a stored block holds elements of another type than its RDD".into())
}

struct InMemory<T> {
    pieces: Arc<Pieces<T>>,
    next: usize,
    cx: Arc<TaskContext>,
    /// Counts as taken until the last reader is done.
    _grant: Arc<Grant>,
}

impl<T: Element> Runs<T> for InMemory<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        self.cx.check()?;
        let piece = self.pieces.0.get(self.next);
        into.extend_from_slice(piece.map_or(&[], Vec::as_slice));
        self.next += 1;
        Ok(piece.is_some())
    }
}

struct OnDisk<T> {
    reader: BoxRuns<T>,
    cx: Arc<TaskContext>,
}

impl<T> Runs<T> for OnDisk<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        self.cx.check()?;
        self.reader.next(into)
    }
}

/// The runs of a kept partition, which is computed from its lineage where its file turns out to be lost or damaged.
pub(super) struct Recovering<T: 'static> {
    node: Arc<Persisted<T>>,
    partition: usize,
    cx: Arc<TaskContext>,
    source: Source<T>,
    /// How many elements came so far.
    read: usize,
}

enum Source<T> {
    Unopened(Place),
    Kept(BoxRuns<T>),
    Computed(BoxRuns<T>),
}

impl<T: Element> Recovering<T> {
    pub(super) fn new(node: Arc<Persisted<T>>, partition: usize, place: Place, cx: &Arc<TaskContext>) -> Recovering<T> {
        Recovering { node, partition, cx: Arc::clone(cx), source: Source::Unopened(place), read: 0 }
    }

    fn draw(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        if let Source::Unopened(place) = &self.source {
            self.source = Source::Kept(open(place.clone(), &self.cx)?);
        }
        match &mut self.source {
            Source::Kept(runs) | Source::Computed(runs) => runs.next(into),
            Source::Unopened(_) => Ok(false),
        }
    }

    /// Goes on from the lineage, behind what was read already.
    fn recover(&mut self, cause: &Cause) -> Result<(), Stop> {
        let block = self.node.storage.block(self.partition);
        tracing::warn!(%block, error = %cause, "A stored block cannot be read; it is computed again.");
        self.cx.environment().store.remove(block);
        let (mut runs, mut run, mut left) = (self.node.computed(self.partition, &self.cx)?, Vec::new(), self.read);
        while left > 0 && runs.next(&mut run)? {
            let read = left.min(run.len());
            left -= read;
            if left == 0 {
                run.drain(..read);
            } else {
                run.clear();
            }
        }
        self.source = Source::Computed(Box::new(After { first: run, runs }));
        Ok(())
    }
}

impl<T: Element> Runs<T> for Recovering<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        let before = into.len();
        let mut drawn = self.draw(into);
        if let Err(Stop::Failed(cause @ (Cause::File { .. } | Cause::Damaged { .. } | Cause::Codec { .. }))) = &drawn
            && !matches!(self.source, Source::Computed(_))
        {
            into.truncate(before);
            self.recover(cause)?;
            drawn = self.draw(into);
        }
        self.read += into.len() - before;
        drawn
    }
}

/// Some elements, and then runs.
struct After<T> {
    first: Vec<T>,
    runs: BoxRuns<T>,
}

impl<T> Runs<T> for After<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        if self.first.is_empty() {
            return self.runs.next(into);
        }
        into.append(&mut self.first);
        Ok(true)
    }
}

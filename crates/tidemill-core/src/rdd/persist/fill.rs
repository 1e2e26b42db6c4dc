//! Storing a partition while it is computed, and reading it on.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Storage;
use super::kept::{Pieces, open, to_disk};
use crate::memory::{Grant, Pool};
use crate::runs::{BoxRuns, Runs};
use crate::spill::{SpillWriter, frame_bytes, over_limit};
use crate::store::{Eviction, Place};
use crate::task::TaskContext;
use crate::weight::Weigher;
use crate::{Element, Stop, StorageLevel};

/// The runs of a partition that is not kept yet. It is stored, as a whole, when its first run is asked for.
pub(super) struct Fill<T> {
    runs: BoxRuns<T>,
    storage: Arc<Storage>,
    partition: usize,
    cx: Arc<TaskContext>,
    filled: bool,
}

impl<T: Element> Fill<T> {
    pub(super) fn new(runs: BoxRuns<T>, storage: &Arc<Storage>, partition: usize, cx: &Arc<TaskContext>) -> Fill<T> {
        Fill { runs, storage: Arc::clone(storage), partition, cx: Arc::clone(cx), filled: false }
    }

    /// Stores what the runs bring; then they are what was stored.
    fn fill(&mut self) -> Result<(), Stop> {
        let level = self.storage.level();
        let mut gathered = Gathered::new(&self.cx);
        if level.use_memory && gathered.draw(&mut self.runs, self.storage.rdd)? {
            let place = Place::Memory(Arc::new(gathered.pieces), Arc::new(gathered.grant));
            return self.keep(place, level);
        }
        if level.use_disk {
            let place = self.write(gathered, level)?;
            return self.keep(place, level);
        }
        let rest = std::mem::replace(&mut self.runs, Box::new(crate::runs::VecRuns::new(Vec::new())));
        self.runs = Box::new(gathered.followed_by(rest));
        Ok(())
    }

    fn keep(&mut self, place: Place, level: StorageLevel) -> Result<(), Stop> {
        let eviction = if level.use_disk { Eviction::Spill(to_disk::<T>) } else { Eviction::Drop };
        self.storage.keep(self.partition, place.clone(), eviction, self.cx.environment());
        self.runs = open(place, &self.cx)?;
        Ok(())
    }

    /// Writes what was gathered, and then the rest as it is computed.
    fn write(&mut self, gathered: Gathered<T>, level: StorageLevel) -> Result<Place, Stop> {
        let Gathered { pieces, mut run, grant, .. } = gathered;
        let mut writer = SpillWriter::<T>::create(&self.cx.environment().spill, frame_bytes(u64::MAX))?;
        let failed = |cause| if level.use_memory { over_limit::<T>(cause, Pool::Stored) } else { cause };
        for piece in pieces.0 {
            piece.iter().try_for_each(|element| writer.push(element)).map_err(failed)?;
        }
        drop(grant);
        loop {
            run.iter().try_for_each(|element| writer.push(element)).map_err(failed)?;
            run.clear();
            if !self.runs.next(&mut run)? {
                return Ok(Place::Disk(Arc::new(writer.finish()?)));
            }
        }
    }
}

impl<T: Element> Runs<T> for Fill<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        if !self.filled {
            self.fill()?;
            self.filled = true;
        }
        self.runs.next(into)
    }
}

/// What was gathered in memory of a partition.
struct Gathered<T> {
    pieces: Pieces<T>,
    /// The run for which there was no memory.
    run: Vec<T>,
    grant: Grant,
    cx: Arc<TaskContext>,
}

impl<T: Element> Gathered<T> {
    fn new(cx: &Arc<TaskContext>) -> Gathered<T> {
        let grant = cx.environment().memory.grant(Pool::Stored);
        Gathered { pieces: Pieces(Vec::new()), run: Vec::new(), grant, cx: Arc::clone(cx) }
    }

    /// Draws all of `runs`, as far as there is memory; `false` where there was not enough.
    fn draw(&mut self, runs: &mut BoxRuns<T>, rdd: crate::RddId) -> Result<bool, Stop> {
        let mut weigher = Weigher::new();
        while runs.next(&mut self.run)? {
            let owned = weigher.owned(self.run.len(), |place| self.run.get(place));
            let bytes = size_of_val(self.run.as_slice()) as u64 + owned;
            if !self.cx.environment().store.make_room(&mut self.grant, bytes, Some(rdd)) {
                return Ok(false);
            }
            self.pieces.append(&mut self.run);
        }
        Ok(true)
    }

    /// What was gathered, then `rest`: for a partition that is not kept after all.
    fn followed_by(self, rest: BoxRuns<T>) -> Passing<T> {
        let mut gathered: VecDeque<Vec<T>> = self.pieces.0.into();
        gathered.push_back(self.run);
        Passing { gathered, grant: Some(self.grant), rest }
    }
}

/// Elements that were gathered in vain, and then the rest.
struct Passing<T> {
    gathered: VecDeque<Vec<T>>,
    /// Given back when all that was gathered is passed on.
    grant: Option<Grant>,
    rest: BoxRuns<T>,
}

impl<T> Runs<T> for Passing<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        while let Some(mut piece) = self.gathered.pop_front() {
            if !piece.is_empty() {
                into.append(&mut piece);
                return Ok(true);
            }
        }
        self.grant = None;
        self.rest.next(into)
    }
}

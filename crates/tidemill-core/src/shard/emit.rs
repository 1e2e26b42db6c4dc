//! `Emit`: what a step emits, gathered as a block of the store.

use std::mem::needs_drop;
use std::sync::Arc;

use crate::environment::Environment;
use crate::memory::{Grant, Pool};
use crate::rdd::Pieces;
use crate::spill::{SpillWriter, frame_bytes, over_limit};
use crate::store::Place;
use crate::text::detached;
use crate::weight::Weigher;
use crate::{Element, Stop, run_len};

/// Takes what a step emits: in memory as far as there is room, else to disk. The records are kept as long as their version
/// is, so they are detached from the input.
pub struct Emit<T> {
    environment: Arc<Environment>,
    run: Vec<T>,
    pieces: Pieces<T>,
    grant: Grant,
    weigher: Weigher,
    /// The file, once there was no room in memory.
    writer: Option<SpillWriter<T>>,
}

impl<T: Element> Emit<T> {
    /// Where nothing was emitted yet.
    pub fn new(environment: &Arc<Environment>) -> Emit<T> {
        Emit {
            environment: Arc::clone(environment),
            run: Vec::new(),
            pieces: Pieces(Vec::new()),
            grant: environment.memory.grant(Pool::Stored),
            weigher: Weigher::new(),
            writer: None,
        }
    }

    /// Emits a record.
    ///
    /// # Errors
    /// Those of writing to disk, if memory is full.
    #[inline]
    pub fn push(&mut self, record: T) -> Result<(), Stop> {
        self.run.push(record);
        if self.run.len() >= run_len::<T>() { self.end_run() } else { Ok(()) }
    }

    /// What was emitted, as a place in the store.
    pub(super) fn finish(mut self) -> Result<Place, Stop> {
        self.end_run()?;
        Ok(match self.writer {
            Some(writer) => Place::Disk(Arc::new(writer.finish()?)),
            None => Place::Memory(Arc::new(self.pieces), Arc::new(self.grant)),
        })
    }

    fn end_run(&mut self) -> Result<(), Stop> {
        if needs_drop::<T>() {
            let run = &self.run;
            let copies = detached(|| run.clone());
            self.run = copies;
        }
        if self.writer.is_none() {
            let owned = self.weigher.owned(self.run.len(), |index| self.run.get(index));
            let bytes = size_of_val(self.run.as_slice()) as u64 + owned;
            if self.environment.store.make_room(&mut self.grant, bytes, None) {
                self.pieces.append(&mut self.run);
                return Ok(());
            }
            self.writer = Some(SpillWriter::create(&self.environment.spill, frame_bytes(u64::MAX))?);
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let gathered = std::mem::take(&mut self.pieces.0);
        let mut records = gathered.iter().flatten().chain(&self.run);
        records.try_for_each(|record| writer.push(record)).map_err(|cause| over_limit::<T>(cause, Pool::Stored))?;
        self.run.clear();
        self.grant.shrink_to(0);
        Ok(())
    }
}

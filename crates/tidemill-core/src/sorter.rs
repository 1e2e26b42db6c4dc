//! `SpillSorter`: a stable sort of any number of records in bounded memory.
//!
//! Records are held until the account refuses more memory. Then they are sorted and written to a file, and the next ones
//! are held. At the end the files are merged while they are read, no more at once than memory allows.
//!
//! What it may hold beyond its limit: 16 KiB of records and a frame of the file that is being written (4 to 128 KiB),
//! or one record where that is larger; while merging, four frames.

use std::cmp::Ordering;

use crate::memory::Grant;
use crate::runs::VecRuns;
use crate::spill::{Budget, Merged, SpillDir, SpillWriter, Spilled, fan_in, frame_bytes, merge_passes, over_limit};
use crate::weight::{Weigher, owned};
use crate::{BoxRuns, Cause, Element};

/// Sorts records by a comparison; equal ones keep their order.
pub struct SpillSorter<T, F> {
    compare: F,
    held: Vec<T>,
    /// About what the held records own outside their places.
    owned: u64,
    weigher: Weigher,
    budget: Budget,
    dir: SpillDir,
    files: Vec<Spilled<T>>,
}

/// How many records there is room for at first.
const LEAST_CAPACITY: usize = 16;

impl<T: Element, F: Fn(&T, &T) -> Ordering + 'static> SpillSorter<T, F> {
    /// A sorter that takes its memory from `grant` and what that can grow to, and writes what finds no room to `dir`.
    pub fn new(grant: Grant, dir: &SpillDir, compare: F) -> SpillSorter<T, F> {
        let (held, files) = (Vec::new(), Vec::new());
        let (weigher, budget) = (Weigher::new(), Budget::new(grant));
        SpillSorter { compare, held, owned: 0, weigher, budget, dir: dir.clone(), files }
    }

    /// How many files were written so far.
    pub fn spills(&self) -> usize {
        self.files.len()
    }

    /// Takes in all records of `run` and leaves it empty. What they weigh is told by a sample.
    ///
    /// # Errors
    /// Those of writing to disk, if the limit is reached; [`Cause::Invalid`] if the records cannot be written.
    pub fn push_run(&mut self, run: &mut Vec<T>) -> Result<(), Cause> {
        let owned = self.weigher.owned(run.len(), |index| run.get(index));
        let (mut owned_left, mut rest) = (owned, run.drain(..));
        while rest.len() > 0 {
            // As many as there is room for, but always some; each with its share of what they own.
            let fitting = (self.held.capacity() - self.held.len()).clamp(LEAST_CAPACITY.min(rest.len()), rest.len());
            let share = owned_left / rest.len() as u64 * fitting as u64;
            self.make_room(fitting, share)?;
            self.held.extend(rest.by_ref().take(fitting));
            self.owned += share;
            owned_left -= share;
        }
        Ok(())
    }

    /// Takes in one record, and weighs it. Errors as for [`push_run`](Self::push_run).
    pub fn push(&mut self, record: T) -> Result<(), Cause> {
        let owned = owned(&record);
        self.make_room(1, owned)?;
        self.held.push(record);
        self.owned += owned;
        Ok(())
    }

    /// All records, sorted. What is on disk is read as the runs are drawn.
    pub fn finish(mut self) -> Result<BoxRuns<T>, Cause> {
        if self.files.is_empty() {
            self.held.sort_by(&self.compare);
            let bytes = Self::bytes_for(self.held.capacity()) + self.owned;
            return Ok(Box::new(self.budget.keep(bytes, VecRuns::new(self.held))));
        }
        if !self.held.is_empty() {
            self.spill()?;
        }
        self.held = Vec::new();
        let memory = self.budget.bytes();
        let fan_in = fan_in(&self.files, memory);
        let files = merge_passes(self.files, fan_in, |files| {
            let mut merged = Merged::open(&files, &self.compare)?;
            let mut writer = SpillWriter::create(&self.dir, frame_bytes(memory))?;
            while let Some(record) = merged.next_record()? {
                writer.push(&record)?;
            }
            writer.finish()
        })?;
        let frames = files.iter().map(|file| file.frame_bytes() as u64).sum();
        Ok(Box::new(self.budget.keep(frames, Merged::open(&files, self.compare)?)))
    }

    /// The bytes of `capacity` places, and of the half as many that a stable sort needs beside them.
    fn bytes_for(capacity: usize) -> u64 {
        (capacity * size_of::<T>()) as u64 * 3 / 2
    }

    /// Makes room for `places` more records that own `owned` bytes.
    fn make_room(&mut self, places: usize, owned: u64) -> Result<(), Cause> {
        let mut capacity = self.capacity_for(places);
        if !self.budget.reach(Self::bytes_for(capacity) + self.owned + owned) {
            if !self.held.is_empty() {
                self.spill()?;
            }
            capacity = self.capacity_for(places);
            self.budget.force(Self::bytes_for(capacity) + owned);
        }
        self.held.reserve_exact(capacity - self.held.len());
        Ok(())
    }

    fn capacity_for(&self, places: usize) -> usize {
        let (needed, capacity) = (self.held.len() + places, self.held.capacity());
        if needed <= capacity { capacity } else { needed.max(capacity * 2).max(LEAST_CAPACITY) }
    }

    fn spill(&mut self) -> Result<(), Cause> {
        self.held.sort_by(&self.compare);
        let mut writer = SpillWriter::create(&self.dir, frame_bytes(self.budget.bytes()))?;
        let pool = self.budget.pool();
        self.held
            .drain(..)
            .try_for_each(|record| writer.push(&record))
            .map_err(|cause| over_limit::<T>(cause, pool))?;
        self.files.push(writer.finish()?);
        self.owned = 0;
        self.budget.settle();
        Ok(())
    }
}

#[cfg(test)]
mod tests;

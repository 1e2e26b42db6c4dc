//! Merging of files that are sorted each: the records of all, sorted, from one file after another where they are equal.

use std::cmp::Ordering;

use serde::de::DeserializeOwned;

use super::{SpillReader, Spilled, fill};
use crate::{Cause, Runs, Stop};

/// The most files that are read at once, however much memory there is: files are a scarce thing too.
const MOST_AT_ONCE: usize = 64;

/// The fewest: with fewer, every record would be written again too often.
const LEAST_AT_ONCE: usize = 4;

/// How many of `files` may be merged at once by who has `memory` bytes for their frames.
pub(crate) fn fan_in<T>(files: &[Spilled<T>], memory: u64) -> usize {
    let frame = files.iter().map(Spilled::frame_bytes).max().unwrap_or(0).max(1);
    (memory / frame as u64).clamp(LEAST_AT_ONCE as u64, MOST_AT_ONCE as u64) as usize
}

/// Merges neighbouring files until there are at most `fan_in`. `merge` makes one file of several.
pub(crate) fn merge_passes<T>(
    mut files: Vec<Spilled<T>>,
    fan_in: usize,
    mut merge: impl FnMut(Vec<Spilled<T>>) -> Result<Spilled<T>, Cause>,
) -> Result<Vec<Spilled<T>>, Cause> {
    while files.len() > fan_in {
        let mut merged = Vec::with_capacity(files.len().div_ceil(fan_in));
        let mut rest = files.into_iter().peekable();
        while rest.peek().is_some() {
            merged.push(merge(rest.by_ref().take(fan_in).collect())?);
        }
        files = merged;
    }
    Ok(files)
}

/// The records of several files, merged by a comparison; equal ones in the order of the files.
pub(crate) struct Merged<T, F> {
    readers: Vec<SpillReader<T>>,
    /// The next record of each file.
    heads: Vec<Option<T>>,
    /// The files that have one, as a heap: the file with the smallest first.
    heap: Vec<usize>,
    compare: F,
}

impl<T: DeserializeOwned, F: Fn(&T, &T) -> Ordering> Merged<T, F> {
    /// Opens all of `files`, each of which is sorted by `compare`.
    pub(crate) fn open(files: &[Spilled<T>], compare: F) -> Result<Merged<T, F>, Cause> {
        let mut readers = files.iter().map(Spilled::read).collect::<Result<Vec<_>, _>>()?;
        let heads = readers.iter_mut().map(SpillReader::next_record).collect::<Result<Vec<_>, _>>()?;
        let heap = (0..heads.len()).filter(|&file| heads[file].is_some()).collect();
        let mut merged = Merged { readers, heads, heap, compare };
        for at in (0..merged.heap.len() / 2).rev() {
            merged.sift_down(at);
        }
        Ok(merged)
    }

    /// The smallest record that was not given yet.
    pub(crate) fn next_record(&mut self) -> Result<Option<T>, Cause> {
        let Some(&file) = self.heap.first() else { return Ok(None) };
        let next = self.readers[file].next_record()?;
        let ended = next.is_none();
        let record = std::mem::replace(&mut self.heads[file], next);
        if ended {
            self.heap.swap_remove(0);
        }
        self.sift_down(0);
        Ok(record)
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let mut first = at;
            for child in [left, right] {
                if child < self.heap.len() && self.is_before(self.heap[child], self.heap[first]) {
                    first = child;
                }
            }
            if first == at {
                return;
            }
            self.heap.swap(at, first);
            at = first;
        }
    }

    fn is_before(&self, a: usize, b: usize) -> bool {
        match (&self.heads[a], &self.heads[b]) {
            (Some(left), Some(right)) => (self.compare)(left, right).then(a.cmp(&b)).is_lt(),
            (left, _) => left.is_some(),
        }
    }
}

impl<T: DeserializeOwned, F: Fn(&T, &T) -> Ordering> Runs<T> for Merged<T, F> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        fill(into, || self.next_record())
    }
}

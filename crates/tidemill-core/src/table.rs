//! `SpillTable`: groups of any number in bounded memory, the same as if there had been room for all.
//!
//! Groups are merged in a [`Groups`] until the account refuses more memory. Then they are written to a file, ordered by
//! hash, each with its ordinal (how many groups were seen before it), and the table starts anew. At the end the files are
//! merged by hash: groups of one key meet there and are combined in the order in which they were written, under the
//! smallest of their ordinals. A [`SpillSorter`] brings them back to first-seen order. So for an associative function
//! the result is the same, in value and order, whatever the limit.
//!
//! Bytes are counted by capacity, with what keys and combiners own elsewhere: keys by a sample, combiners that own
//! something by what comes in, which is an upper bound; before a table is written for that bound alone it is weighed.
//!
//! What it may hold beyond its limit: one run or block of what comes in, 16 KiB of groups, a frame of the file that is
//! being written (4 to 128 KiB), all groups of one hash, and while merging four frames.

use std::mem::{needs_drop, take};

use serde::Serialize;

use crate::groups::{Block, Entries, Feed, Groups, Run, Shared};
use crate::memory::Grant;
use crate::sorter::SpillSorter;
use crate::spill::{Budget, Merged, SpillDir, SpillWriter, Spilled, fan_in, frame_bytes, merge_passes, over_limit};
use crate::weight::{Weigher, owned};
use crate::{BoxRuns, Cause, Element, Key, Runs, Stop, run_len};

/// Groups records by key; what finds no room in memory goes to disk.
pub struct SpillTable<K, C> {
    groups: Groups<K, C>,
    /// At most what the keys and combiners own outside their places, but for the error of the sample.
    owned: u64,
    /// What `owned` was when the table was last weighed.
    weighed: u64,
    keys: Weigher,
    values: Weigher,
    budget: Budget,
    dir: SpillDir,
    files: Vec<Spilled<Written<K, C>>>,
    /// The ordinal of the table's first group.
    first: u64,
}

/// A group on disk: hash, ordinal, key and combiner.
type Written<K, C> = (u64, u64, K, C);

/// Weighing a table that holds less than this before it asks for more memory is not worth the time.
const SMALL: u64 = 64 << 10;

impl<K: Key, C: Element> SpillTable<K, C> {
    /// A table that takes its memory from `grant` and what that can grow to, and writes what finds no room to `dir`.
    pub fn new(grant: Grant, dir: &SpillDir) -> SpillTable<K, C> {
        SpillTable {
            groups: Groups::new(),
            owned: 0,
            weighed: 0,
            keys: Weigher::new(),
            values: Weigher::new(),
            budget: Budget::new(grant),
            dir: dir.clone(),
            files: Vec::new(),
            first: 0,
        }
    }

    /// How many files were written so far.
    pub fn spills(&self) -> usize {
        self.files.len()
    }

    /// Merges every record of `run` and leaves it empty; hashes each key once.
    ///
    /// `create` makes a group's combiner of its first value, `merge` adds each later one.
    ///
    /// # Errors
    /// Those of writing to disk, if the limit is reached; [`Cause::Invalid`] if keys or combiners cannot be written.
    pub fn merge_run<V: Serialize>(
        &mut self,
        run: &mut Vec<(K, V)>,
        hash: impl Fn(&K) -> u64,
        create: impl Fn(V) -> C,
        merge: impl Fn(C, V) -> C,
    ) -> Result<(), Cause> {
        if needs_drop::<C>() {
            let owned = self.values.owned(run.len(), |index| run.get(index).map(|(_, value)| value));
            self.expect(owned + (run.len() * size_of::<V>()) as u64)?;
        }
        self.merge(Run::new(run, hash), create, merge)
    }

    /// Merges groups that another table made, and whose hashes came with them. Errors as for
    /// [`merge_run`](Self::merge_run).
    pub fn merge_block(&mut self, block: Vec<(u64, K, C)>, merge: impl Fn(C, C) -> C) -> Result<(), Cause> {
        self.expect_block(&block)?;
        self.merge(Block::new(block), |combiner| combiner, merge)
    }

    /// As [`merge_block`](Self::merge_block), for a block that others will read too: clones what it keeps.
    pub fn merge_shared(&mut self, block: &[(u64, K, C)], merge: impl Fn(C, C) -> C) -> Result<(), Cause> {
        self.expect_block(block)?;
        self.merge(Shared::new(block), |combiner| combiner, merge)
    }

    /// All groups in first-seen order. `merge_combiners` combines what was written to disk at different times, what came
    /// first on its left; it is called here only, not while the runs are drawn.
    pub fn finish(self, merge_combiners: impl Fn(C, C) -> C) -> Result<BoxRuns<(K, C)>, Cause> {
        Ok(Box::new(Unhashed { runs: self.finish_hashed(merge_combiners)?, buffer: Vec::new() }))
    }

    /// As [`finish`](Self::finish), each group with the hash of its key.
    pub fn finish_hashed(mut self, merge_combiners: impl Fn(C, C) -> C) -> Result<BoxRuns<(u64, K, C)>, Cause> {
        if self.files.is_empty() {
            let bytes = self.bytes();
            return Ok(Box::new(self.budget.keep(bytes, InMemory(self.groups.into_entries()))));
        }
        if !self.groups.is_empty() {
            self.spill()?;
        }
        self.groups = Groups::new();
        let compare = |a: &(u64, (u64, K, C)), b: &(u64, (u64, K, C))| a.0.cmp(&b.0);
        let mut sorter = SpillSorter::new(self.budget.split(), &self.dir, compare);
        let memory = self.budget.bytes();
        let fan_in = fan_in(&self.files, memory);
        let files = merge_passes(take(&mut self.files), fan_in, |files| {
            let mut writer = SpillWriter::create(&self.dir, frame_bytes(memory))?;
            combine(&files, &merge_combiners, |group| writer.push(&group))?;
            writer.finish()
        })?;
        combine(&files, &merge_combiners, |(hash, ordinal, key, combiner)| {
            sorter.push((ordinal, (hash, key, combiner)))
        })?;
        drop(self.budget);
        Ok(Box::new(Unnumbered { runs: sorter.finish()?, buffer: Vec::new() }))
    }

    fn merge<V>(
        &mut self,
        mut feed: impl Feed<K, V>,
        create: impl Fn(V) -> C,
        merge: impl Fn(C, V) -> C,
    ) -> Result<(), Cause> {
        loop {
            let before = self.groups.len();
            let done = self.groups.merge(&mut feed, &create, &merge);
            let new = self.groups.len() - before;
            let groups = &self.groups;
            self.owned += self.keys.owned(new, |index| groups.get(before + index).map(|(_, key, _)| key));
            self.make_room(0)?;
            if done {
                return Ok(());
            }
            if self.groups.is_full() {
                self.grow()?;
            }
        }
    }

    /// Makes room for what the combiners of `block` own.
    fn expect_block(&mut self, block: &[(u64, K, C)]) -> Result<(), Cause> {
        if !needs_drop::<C>() {
            return Ok(());
        }
        let owned = self.values.owned(block.len(), |index| block.get(index).map(|(_, _, combiner)| combiner));
        self.expect(owned)
    }

    /// Makes room for combiners that will own at most what comes in, and counts it as theirs.
    fn expect(&mut self, owned: u64) -> Result<(), Cause> {
        let owned = with_spare(owned);
        self.make_room(owned)?;
        self.owned += owned;
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.groups.bytes() + self.owned
    }

    /// Makes room for `more` bytes beside what is there, if need be by writing that to disk.
    fn make_room(&mut self, more: u64) -> Result<(), Cause> {
        if self.fits(more) {
            return Ok(());
        }
        if !self.groups.is_empty() {
            self.spill()?;
        }
        self.budget.force(self.bytes() + more);
        Ok(())
    }

    /// Makes room for more groups: a larger table, or this one empty.
    fn grow(&mut self) -> Result<(), Cause> {
        let larger = self.groups.bytes_grown() - self.groups.bytes();
        if !self.fits(larger) && !self.groups.is_empty() {
            return self.spill();
        }
        self.budget.force(self.bytes() + larger);
        self.groups.grow();
        Ok(())
    }

    /// Whether `more` bytes fit beside what is there; takes them from the account.
    fn fits(&mut self, more: u64) -> bool {
        if self.bytes() + more <= self.budget.bytes() {
            return true;
        }
        let is_bound = needs_drop::<C>() && self.owned > self.weighed;
        if is_bound && self.owned > 2 * self.weighed + SMALL {
            self.weigh();
        }
        if self.budget.reach(self.bytes() + more) {
            return true;
        }
        if is_bound {
            // The bound is over the limit; is the table? An eighth must be free after weighing, or it would soon be
            // weighed again.
            self.weigh();
            return self.bytes() + more <= self.budget.bytes() / 8 * 7;
        }
        false
    }

    fn weigh(&mut self) {
        self.owned = self.groups.iter().map(|(_, key, combiner)| owned(key) + with_spare(owned(combiner))).sum();
        self.weighed = self.owned;
    }

    fn spill(&mut self) -> Result<(), Cause> {
        let (first, pool) = (self.first, self.budget.pool());
        self.first += self.groups.len() as u64;
        let mut writer = SpillWriter::create(&self.dir, frame_bytes(self.budget.bytes()))?;
        self.groups
            .drain_by_hash(|index, hash, key, combiner| writer.push_as(&(hash, first + index as u64, key, combiner)))
            .map_err(|cause| over_limit::<(K, C)>(cause, pool))?;
        self.files.push(writer.finish()?);
        (self.owned, self.weighed) = (0, 0);
        self.budget.settle();
        Ok(())
    }
}

/// What collections that own `bytes` are likely to take: those that grow by doubling are three quarters full or less.
fn with_spare(bytes: u64) -> u64 {
    bytes / 2 * 3
}

/// Merges files by hash and combines the groups of each key.
fn combine<K: Key, C: Element>(
    files: &[Spilled<Written<K, C>>],
    merge_combiners: impl Fn(C, C) -> C,
    mut emit: impl FnMut(Written<K, C>) -> Result<(), Cause>,
) -> Result<(), Cause> {
    let mut merged = Merged::open(files, |a: &Written<K, C>, b: &Written<K, C>| a.0.cmp(&b.0))?;
    let mut same_hash: Vec<Written<K, C>> = Vec::new();
    while let Some((hash, ordinal, key, combiner)) = merged.next_record()? {
        if same_hash.first().is_some_and(|held| held.0 != hash) {
            same_hash.drain(..).try_for_each(&mut emit)?;
        }
        let group = match same_hash.iter().position(|held| held.2 == key) {
            Some(at) => {
                let (_, first, key, held) = same_hash.swap_remove(at);
                (hash, first, key, merge_combiners(held, combiner))
            }
            None => (hash, ordinal, key, combiner),
        };
        same_hash.push(group);
    }
    same_hash.into_iter().try_for_each(emit)
}

/// The groups of a table that never spilled.
struct InMemory<K, C>(Entries<K, C>);

impl<K, C> Runs<(u64, K, C)> for InMemory<K, C> {
    fn next(&mut self, into: &mut Vec<(u64, K, C)>) -> Result<bool, Stop> {
        let before = into.len();
        into.extend(self.0.by_ref().take(run_len::<(u64, K, C)>()));
        Ok(into.len() > before)
    }
}

/// Groups without the ordinals that they were sorted by.
struct Unnumbered<G> {
    runs: BoxRuns<(u64, G)>,
    buffer: Vec<(u64, G)>,
}

impl<G> Runs<G> for Unnumbered<G> {
    fn next(&mut self, into: &mut Vec<G>) -> Result<bool, Stop> {
        let more = self.runs.next(&mut self.buffer)?;
        into.extend(self.buffer.drain(..).map(|(_, group)| group));
        Ok(more)
    }
}

/// Groups without their hashes.
struct Unhashed<K, C> {
    runs: BoxRuns<(u64, K, C)>,
    buffer: Vec<(u64, K, C)>,
}

impl<K, C> Runs<(K, C)> for Unhashed<K, C> {
    fn next(&mut self, into: &mut Vec<(K, C)>) -> Result<bool, Stop> {
        let more = self.runs.next(&mut self.buffer)?;
        into.extend(self.buffer.drain(..).map(|(_, key, combiner)| (key, combiner)));
        Ok(more)
    }
}

#[cfg(test)]
mod tests;

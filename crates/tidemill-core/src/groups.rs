//! `Groups`: a table from key to combiner that takes the hashes it is given and keeps its groups in first-seen order.
//!
//! Groups stand densely in a `Vec`; `slots` holds their indices (linear probing, at most half full), and in the bits that
//! an index of this table does not need, bits of the hash: 25 in a table of 64 groups, 11 in one of a million. So the
//! order of results is reproducible, frequent keys (which come early) share cache lines, a probe touches a group only if
//! its key is almost certainly the one that is sought, and growing moves four bytes a group. Records are looked up some hundred at a time, in passes without branches first: that way the cache misses of
//! different records overlap, which is three times as fast as one look-up after another once the table outgrows the
//! cache.
//!
//! The table never allocates while it merges: [`Groups::merge`] stops where a new key finds no room, so that whoever
//! counts bytes ([`crate::table::SpillTable`]) is asked first. The `merge_*` functions beside it grow as they need.
//!
//! A panic of the user's function leaves one group without its combiner. Such a group counts as never seen.

use std::vec;

mod feed;

pub use feed::{Block, Feed, Run, Shared};

/// A table from key to combiner, in order of first arrival.
pub struct Groups<K, C> {
    /// The index of a group in the lower bits, bits of its hash in the upper ones; `EMPTY` where there is none.
    slots: Vec<u32>,
    /// The bits of a slot that hold the index. One more than needed, so that no index has all of them set.
    index_bits: u32,
    /// How many groups fit before the table must grow.
    capacity: usize,
    groups: Vec<Group<K, C>>,
    /// The hash of each group; apart from the groups because a look-up does not need it.
    hashes: Vec<u64>,
}

struct Group<K, C> {
    key: K,
    /// `None` only while the user's function runs, which takes the old combiner and gives the new one.
    combiner: Option<C>,
}

/// A slot that holds nothing: its index is that of no group.
const EMPTY: u32 = u32::MAX;

/// The fewest groups that a table makes room for.
const LEAST_CAPACITY: usize = 64;

/// Indices have 31 bits in the largest table.
const MOST_GROUPS: usize = 1 << 31;

/// How many records are looked up before the first of them is merged: enough for all the misses that a core can have in
/// flight, few enough for the first-level cache.
const LOOK_AHEAD: usize = 256;

impl<K: Eq, C> Groups<K, C> {
    /// An empty table that takes no memory until it grows.
    pub fn new() -> Groups<K, C> {
        Groups { slots: Vec::new(), index_bits: 0, capacity: 0, groups: Vec::new(), hashes: Vec::new() }
    }

    /// An empty table with room for at least `groups`.
    pub fn with_capacity(groups: usize) -> Groups<K, C> {
        let mut table = Groups::new();
        table.resize(groups.next_power_of_two().max(LEAST_CAPACITY));
        table
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there are no groups.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Whether the next new key finds no room.
    pub fn is_full(&self) -> bool {
        self.groups.len() == self.capacity
    }

    /// The bytes that the table takes up, without what its keys and combiners own elsewhere.
    pub fn bytes(&self) -> u64 {
        Self::bytes_for(self.capacity)
    }

    /// What [`bytes`](Self::bytes) will be after [`grow`](Self::grow).
    pub fn bytes_grown(&self) -> u64 {
        Self::bytes_for((self.capacity * 2).max(LEAST_CAPACITY))
    }

    fn bytes_for(capacity: usize) -> u64 {
        (capacity * (2 * size_of::<u32>() + size_of::<u64>() + size_of::<Group<K, C>>())) as u64
    }

    /// Makes room for twice as many groups.
    pub fn grow(&mut self) {
        self.resize((self.capacity * 2).max(LEAST_CAPACITY));
    }

    #[cold]
    fn resize(&mut self, capacity: usize) {
        assert!(capacity <= MOST_GROUPS, "a table of more than 2^31 groups in one partition: use more partitions");
        self.slots = Vec::new(); // given back before the larger one is asked for
        self.slots = vec![EMPTY; capacity * 2];
        self.index_bits = (2 * capacity as u64 - 1) as u32;
        self.capacity = capacity;
        self.groups.reserve_exact(capacity - self.groups.len());
        self.hashes.reserve_exact(capacity - self.hashes.len());
        let mask = self.slots.len() - 1;
        for (index, &hash) in self.hashes.iter().enumerate() {
            let mut at = hash as usize & mask;
            while self.slots[at] != EMPTY {
                at = (at + 1) & mask;
            }
            self.slots[at] = self.slot(hash, index);
        }
    }

    /// Merges records until `feed` is used up (`true`) or its first record has a new key that finds no room (`false`).
    ///
    /// `create` makes a group's combiner of its first value, `merge` adds each later one.
    pub fn merge<V>(&mut self, feed: &mut impl Feed<K, V>, create: impl Fn(V) -> C, merge: impl Fn(C, V) -> C) -> bool {
        let (mut hashes, mut likely) = ([0; LOOK_AHEAD], [EMPTY; LOOK_AHEAD]);
        loop {
            let hashed = feed.hashes(&mut hashes);
            if hashed == 0 {
                return true;
            }
            let (hashes, likely) = (&hashes[..hashed], &mut likely[..hashed]);
            self.look_ahead(hashes, likely);
            for (&hash, &likely) in hashes.iter().zip(&*likely) {
                let Some(key) = feed.key() else { return true };
                match self.find(likely, hash, key) {
                    Ok(index) => {
                        let Some(value) = feed.take_value() else { return true };
                        let held = &mut self.groups[index].combiner;
                        *held = Some(match held.take() {
                            Some(combiner) => merge(combiner, value),
                            None => create(value),
                        });
                    }
                    Err(slot) => {
                        if self.groups.len() == self.capacity {
                            return false;
                        }
                        let Some((key, value)) = feed.take() else { return true };
                        let combiner = Some(create(value));
                        self.slots[slot] = self.slot(hash, self.groups.len());
                        self.hashes.push(hash);
                        self.groups.push(Group { key, combiner });
                    }
                }
            }
        }
    }

    /// The slot of the group number `index`.
    #[inline(always)]
    fn slot(&self, hash: u64, index: usize) -> u32 {
        (hash >> 32) as u32 & !self.index_bits | index as u32
    }

    /// The index in `slot` if its bits of the hash fit, and otherwise one that no group has.
    #[inline(always)]
    fn index(&self, slot: u32, hash: u64) -> u32 {
        let other = (slot ^ (hash >> 32) as u32) & !self.index_bits;
        if other == 0 { slot & self.index_bits } else { EMPTY }
    }

    /// Finds for each hash the index of its group, if one of the first two slots that are probed has it; else `EMPTY`.
    #[inline(always)]
    fn look_ahead(&self, hashes: &[u64], likely: &mut [u32]) {
        let Some(last) = self.groups.len().checked_sub(1) else { return likely.fill(EMPTY) };
        let mask = self.slots.len() - 1;
        for (hash, likely) in hashes.iter().zip(&mut *likely) {
            let (home, next) = (self.slots[*hash as usize & mask], self.slots[(*hash as usize).wrapping_add(1) & mask]);
            // The smaller one: an index of a group, if there is one.
            *likely = self.index(home, *hash).min(self.index(next, *hash));
        }
        for likely in likely {
            // Looking at the group brings it into the cache; where there is none, at the last one, in vain.
            let is_whole = self.groups[(*likely as usize).min(last)].combiner.is_some();
            *likely = if is_whole { *likely } else { EMPTY };
        }
    }

    /// The index of the group of `key`, or the slot where it belongs. `likely` is what `look_ahead` found.
    #[inline(always)]
    fn find(&self, likely: u32, hash: u64, key: &K) -> Result<usize, usize> {
        match self.groups.get(likely as usize) {
            Some(group) if group.key == *key => Ok(likely as usize),
            _ => self.probe(hash, key),
        }
    }

    fn probe(&self, hash: u64, key: &K) -> Result<usize, usize> {
        let Some(mask) = self.slots.len().checked_sub(1) else { return Err(0) };
        let mut at = hash as usize & mask;
        while self.slots[at] != EMPTY {
            let index = self.index(self.slots[at], hash) as usize;
            if self.groups.get(index).is_some_and(|group| group.key == *key) {
                return Ok(index);
            }
            at = (at + 1) & mask;
        }
        Err(at)
    }

    /// Merges every record of `run` and leaves it empty; hashes each key once.
    pub fn merge_run<V>(
        &mut self,
        run: &mut Vec<(K, V)>,
        hash: impl Fn(&K) -> u64,
        create: impl Fn(V) -> C,
        merge: impl Fn(C, V) -> C,
    ) {
        let mut run = Run::new(run, hash);
        while !self.merge(&mut run, &create, &merge) {
            self.grow();
        }
    }

    /// Merges groups that another table made, and whose hashes came with them.
    pub fn merge_hashed(&mut self, block: Vec<(u64, K, C)>, merge_combiners: impl Fn(C, C) -> C) {
        let mut block = Block::new(block);
        while !self.merge(&mut block, |combiner| combiner, &merge_combiners) {
            self.grow();
        }
    }

    /// As [`merge_hashed`](Self::merge_hashed), for a block that others will read too: clones what it keeps.
    pub fn merge_shared(&mut self, block: &[(u64, K, C)], merge_combiners: impl Fn(C, C) -> C)
    where
        K: Clone,
        C: Clone,
    {
        let mut block = Shared::new(block);
        while !self.merge(&mut block, |combiner| combiner, &merge_combiners) {
            self.grow();
        }
    }

    /// The group that came as number `index`.
    pub fn get(&self, index: usize) -> Option<(u64, &K, &C)> {
        let group = self.groups.get(index)?;
        Some((*self.hashes.get(index)?, &group.key, group.combiner.as_ref()?))
    }

    /// The groups in first-seen order, as (hash, key, combiner).
    pub fn iter(&self) -> impl Iterator<Item = (u64, &K, &C)> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The groups as (hash, key, combiner), in first-seen order.
    pub fn into_entries(self) -> Entries<K, C> {
        Entries { hashes: self.hashes.into_iter(), groups: self.groups.into_iter() }
    }

    /// Takes the groups out, in first-seen order; the table keeps its memory for the next ones.
    pub fn drain(&mut self) -> impl Iterator<Item = (u64, K, C)> {
        self.slots.fill(EMPTY);
        let groups = self.groups.drain(..);
        self.hashes.drain(..).zip(groups).filter_map(|(hash, group)| Some((hash, group.key, group.combiner?)))
    }

    /// Shows every group to `visit`, ordered by hash, those of one hash in first-seen order, and empties the table. Each
    /// comes with its index. Takes no memory: the slots, of no use any more, are what is sorted.
    ///
    /// After an error of `visit` the table is empty as well.
    pub fn drain_by_hash<E>(&mut self, mut visit: impl FnMut(usize, u64, &K, &C) -> Result<(), E>) -> Result<(), E> {
        let (hashes, index_bits) = (&self.hashes, self.index_bits);
        self.slots.sort_unstable_by_key(|&slot| {
            let index = slot & index_bits; // of an empty slot: that of no group
            (hashes.get(index as usize).map_or((true, 0), |&hash| (false, hash)), index)
        });
        let shown = (0..self.len()).try_for_each(|at| {
            let index = (self.slots[at] & self.index_bits) as usize;
            self.get(index).map_or(Ok(()), |(hash, key, combiner)| visit(index, hash, key, combiner))
        });
        drop(self.drain());
        shown
    }
}

impl<K: Eq, C> Default for Groups<K, C> {
    fn default() -> Self {
        Groups::new()
    }
}

/// The groups of a table, moved out of it in first-seen order.
pub struct Entries<K, C> {
    hashes: vec::IntoIter<u64>,
    groups: vec::IntoIter<Group<K, C>>,
}

impl<K, C> Iterator for Entries<K, C> {
    type Item = (u64, K, C);

    fn next(&mut self) -> Option<(u64, K, C)> {
        loop {
            let (hash, group) = (self.hashes.next()?, self.groups.next()?);
            if let Some(combiner) = group.combiner {
                return Some((hash, group.key, combiner));
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.groups.len()))
    }
}

#[cfg(test)]
mod tests;

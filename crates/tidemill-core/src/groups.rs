//! `Groups`: a table from key to combiner that takes the hashes it is given and keeps its groups in first-seen order.
//!
//! Groups stand densely in a `Vec`; `slots` holds their indices (linear probing, at most half full), each beside the
//! upper half of its hash. So the order of results is reproducible, frequent keys (which come early) share cache lines,
//! a probe touches a group only if its key is almost certainly the one that is sought, and growing moves eight bytes a
//! group. Records are looked up some hundred at a time, in passes without branches first: that way the cache misses of
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
    /// The index of a group in the lower half, the upper half of its hash in the upper; `EMPTY` where there is none.
    slots: Vec<u64>,
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
const EMPTY: u64 = u64::MAX;

/// The bits of a slot that come from the hash.
const TAG: u64 = !(u32::MAX as u64);

/// The fewest groups that a table makes room for.
const LEAST_CAPACITY: usize = 64;

/// Indices have 32 bits; a table of more groups than this would have to be told apart from `EMPTY`.
const MOST_GROUPS: usize = 1 << 31;

/// How many records are looked up before the first of them is merged: enough for all the misses that a core can have in
/// flight, few enough for the first-level cache.
const LOOK_AHEAD: usize = 256;

impl<K: Eq, C> Groups<K, C> {
    /// An empty table that takes no memory until it grows.
    pub fn new() -> Groups<K, C> {
        Groups { slots: Vec::new(), capacity: 0, groups: Vec::new(), hashes: Vec::new() }
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
        (capacity * (2 * size_of::<u64>() + size_of::<u64>() + size_of::<Group<K, C>>())) as u64
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
        self.capacity = capacity;
        self.groups.reserve_exact(capacity - self.groups.len());
        self.hashes.reserve_exact(capacity - self.hashes.len());
        let mask = self.slots.len() - 1;
        for (index, &hash) in self.hashes.iter().enumerate() {
            let mut at = hash as usize & mask;
            while self.slots[at] != EMPTY {
                at = (at + 1) & mask;
            }
            self.slots[at] = hash & TAG | index as u64;
        }
    }

    /// Merges records until `feed` is used up (`true`) or its first record has a new key that finds no room (`false`).
    ///
    /// `create` makes a group's combiner of its first value, `merge` adds each later one.
    pub fn merge<V>(&mut self, feed: &mut impl Feed<K, V>, create: impl Fn(V) -> C, merge: impl Fn(C, V) -> C) -> bool {
        let mut ahead = [(0, EMPTY); LOOK_AHEAD];
        loop {
            let hashed = feed.hashes(&mut ahead);
            if hashed == 0 {
                return true;
            }
            let ahead = &mut ahead[..hashed];
            self.look_ahead(ahead);
            for &mut (hash, likely) in ahead {
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
                        self.slots[slot] = hash & TAG | self.groups.len() as u64;
                        self.hashes.push(hash);
                        self.groups.push(Group { key, combiner });
                    }
                }
            }
        }
    }

    /// Puts beside each hash the index of its group, if one of the first two slots that are probed has it; else `EMPTY`.
    #[inline(always)]
    fn look_ahead(&self, ahead: &mut [(u64, u64)]) {
        let Some(last) = self.groups.len().checked_sub(1) else { return };
        let mask = self.slots.len() - 1;
        for (hash, likely) in ahead.iter_mut() {
            let (home, next) = (self.slots[*hash as usize & mask], self.slots[(*hash as usize).wrapping_add(1) & mask]);
            *likely = if (home ^ *hash) & TAG == 0 { home } else { next };
        }
        for (hash, likely) in ahead {
            // Looking at the group brings it into the cache; an empty slot looks at the last one, in vain.
            let index = (*likely as u32 as usize).min(last);
            let fits = self.groups[index].combiner.is_some() & ((*likely ^ *hash) & TAG == 0);
            *likely = if fits { index as u64 } else { EMPTY };
        }
    }

    /// The index of the group of `key`, or the slot where it belongs. `likely` is what `look_ahead` found.
    #[inline(always)]
    fn find(&self, likely: u64, hash: u64, key: &K) -> Result<usize, usize> {
        if let Some(group) = self.groups.get(likely as usize)
            && group.key == *key
        {
            return Ok(likely as usize);
        }
        self.probe(hash, key)
    }

    fn probe(&self, hash: u64, key: &K) -> Result<usize, usize> {
        let Some(mask) = self.slots.len().checked_sub(1) else { return Err(0) };
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            let index = slot as u32 as usize;
            match self.groups.get(index) {
                None => return Err(at),
                Some(group) if (slot ^ hash) & TAG == 0 && group.key == *key => return Ok(index),
                Some(_) => at = (at + 1) & mask,
            }
        }
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
        let (slots, hashes) = (&mut self.slots[..], &self.hashes);
        slots.sort_unstable_by_key(|&slot| {
            let index = slot as u32;
            (hashes.get(index as usize).map_or((true, 0), |&hash| (false, hash)), index)
        });
        let shown = (0..self.len()).try_for_each(|at| {
            let index = self.slots[at] as u32 as usize;
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

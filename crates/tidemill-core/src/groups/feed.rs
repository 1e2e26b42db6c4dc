//! What `Groups` merges: records from a run, groups from a block of one's own, groups from a block that others read too.

use std::slice;
use std::vec;

/// Records on their way into a table. The first one is looked at before it is taken.
pub trait Feed<K, V> {
    /// Puts the hashes of the next records into `ahead`, takes none of them; returns how many those are, 0 at the end.
    fn hashes(&self, ahead: &mut [u64]) -> usize;
    /// The key of the first record.
    fn key(&self) -> Option<&K>;
    /// Takes the first record, of which only the value is needed.
    fn take_value(&mut self) -> Option<V>;
    /// Takes the first record.
    fn take(&mut self) -> Option<(K, V)>;
}

/// A run of (key, value), which the feed empties.
pub struct Run<'a, K, V, H> {
    rest: vec::Drain<'a, (K, V)>,
    hash: H,
}

impl<'a, K, V, H: Fn(&K) -> u64> Run<'a, K, V, H> {
    /// The records of `run`, with the hash that `hash` gives their keys.
    pub fn new(run: &'a mut Vec<(K, V)>, hash: H) -> Run<'a, K, V, H> {
        Run { rest: run.drain(..), hash }
    }
}

impl<K, V, H: Fn(&K) -> u64> Feed<K, V> for Run<'_, K, V, H> {
    #[inline(always)]
    fn hashes(&self, ahead: &mut [u64]) -> usize {
        for ((key, _), hash) in self.rest.as_slice().iter().zip(&mut *ahead) {
            *hash = (self.hash)(key);
        }
        self.rest.len().min(ahead.len())
    }

    #[inline(always)]
    fn key(&self) -> Option<&K> {
        self.rest.as_slice().first().map(|(key, _)| key)
    }

    #[inline(always)]
    fn take_value(&mut self) -> Option<V> {
        self.rest.next().map(|(_, value)| value)
    }

    #[inline(always)]
    fn take(&mut self) -> Option<(K, V)> {
        self.rest.next()
    }
}

/// A block of (hash, key, combiner) that is taken apart.
pub struct Block<K, C>(vec::IntoIter<(u64, K, C)>);

impl<K, C> Block<K, C> {
    /// The groups of `block`.
    pub fn new(block: Vec<(u64, K, C)>) -> Block<K, C> {
        Block(block.into_iter())
    }
}

impl<K, C> Feed<K, C> for Block<K, C> {
    #[inline(always)]
    fn hashes(&self, ahead: &mut [u64]) -> usize {
        copy_hashes(self.0.as_slice(), ahead)
    }

    #[inline(always)]
    fn key(&self) -> Option<&K> {
        self.0.as_slice().first().map(|(_, key, _)| key)
    }

    #[inline(always)]
    fn take_value(&mut self) -> Option<C> {
        self.0.next().map(|(_, _, combiner)| combiner)
    }

    #[inline(always)]
    fn take(&mut self) -> Option<(K, C)> {
        self.0.next().map(|(_, key, combiner)| (key, combiner))
    }
}

/// A block of (hash, key, combiner) that stays as it is: what a table keeps of it is cloned.
pub struct Shared<'a, K, C>(slice::Iter<'a, (u64, K, C)>);

impl<'a, K, C> Shared<'a, K, C> {
    /// The groups of `block`.
    pub fn new(block: &'a [(u64, K, C)]) -> Shared<'a, K, C> {
        Shared(block.iter())
    }
}

impl<K: Clone, C: Clone> Feed<K, C> for Shared<'_, K, C> {
    #[inline(always)]
    fn hashes(&self, ahead: &mut [u64]) -> usize {
        copy_hashes(self.0.as_slice(), ahead)
    }

    #[inline(always)]
    fn key(&self) -> Option<&K> {
        self.0.as_slice().first().map(|(_, key, _)| key)
    }

    #[inline(always)]
    fn take_value(&mut self) -> Option<C> {
        self.0.next().map(|(_, _, combiner)| combiner.clone())
    }

    #[inline(always)]
    fn take(&mut self) -> Option<(K, C)> {
        self.0.next().map(|(_, key, combiner)| (key.clone(), combiner.clone()))
    }
}

#[inline(always)]
fn copy_hashes<K, C>(block: &[(u64, K, C)], ahead: &mut [u64]) -> usize {
    for ((from, ..), hash) in block.iter().zip(&mut *ahead) {
        *hash = *from;
    }
    block.len().min(ahead.len())
}

//! Compaction: tombstones that nothing needs any more go, and the other entries move up.

use super::entries::{Entries, Item};
use super::{Inner, Touches};

/// Fewer tombstones than this are not worth the work.
const LEAST_DEAD: usize = 64;

/// The new place of an entry that is gone.
const GONE: u32 = u32::MAX;

impl<K, S> Inner<K, S> {
    /// Drops dead tombstones where they are more than half of all entries and nobody knows entries by their places.
    /// Returns them, to be dropped without the lock.
    pub(super) fn compact(&mut self) -> Vec<Item<K, S>> {
        if self.readers + self.drafts > 0 || self.dead < LEAST_DEAD || self.dead * 2 <= self.entries.len() {
            return Vec::new();
        }
        let oldest = self.oldest();
        let count = self.entries.len();
        let (mut places, mut gone) = (Vec::with_capacity(count + 1), Vec::with_capacity(self.dead));
        let mut kept = Entries::default();
        let mut kept_hashes = Vec::with_capacity(count - self.dead);
        // How many entries before each place are kept: where it goes, if it is.
        let mut kept_before = Vec::with_capacity(count + 1);
        for (item, hash) in std::mem::take(&mut self.entries).into_items().zip(self.hashes.drain(..)) {
            kept_before.push(kept.len());
            if !item.view().is_live() && item.view().changed() <= oldest {
                places.push(GONE);
                self.owned -= item.weight();
                gone.push(item);
            } else {
                places.push(kept.len() as u32);
                kept.push_item(item);
                kept_hashes.push(hash);
            }
        }
        kept_before.push(kept.len());
        (self.entries, self.hashes) = (kept, kept_hashes);
        self.dead = 0;
        let place = |old: u32| places.get(old as usize).copied().unwrap_or(GONE);
        let moved = |touches: &mut Touches| {
            touches.places.iter_mut().for_each(|held| *held = place(*held));
            touches.places.retain(|held| *held != GONE);
        };
        for log in &mut self.logs {
            log.before.iter_mut().for_each(|(held, _)| *held = place(*held));
            log.entries_before = kept_before.get(log.entries_before).copied().unwrap_or(self.entries.len());
            log.touches_used.iter_mut().for_each(moved);
        }
        self.touches.iter_mut().for_each(moved);
        self.rebuild_slots();
        gone
    }
}

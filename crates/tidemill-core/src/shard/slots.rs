//! `Slots`: from the hash of a key to the place of its entry, for tables whose entries stand densely elsewhere.
//!
//! The scheme is that of [`Groups`](crate::groups::Groups): linear probing, at most half full, and in each slot beside the
//! place the bits of the hash that the place leaves room for. Groups keep their own copy of it, because there the entries
//! are only added and the look-ups are woven into the merge.

/// Places by hash.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<u32>,
    /// The bits of a slot that hold the place. One more than needed, so that no place has all of them set.
    place_bits: u32,
    /// How many places fit before the table must grow.
    capacity: usize,
}

const EMPTY: u32 = u32::MAX;

/// The fewest places that a table makes room for.
const LEAST_CAPACITY: usize = 64;

/// The most entries that one table can have.
pub(super) const MOST_PLACES: usize = 1 << 31;

impl Slots {
    /// How many places fit before [`rebuild`](Self::rebuild) must make room for more.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The bytes that it takes up.
    pub(super) fn bytes(&self) -> u64 {
        size_of_val(self.slots.as_slice()) as u64
    }

    /// Starts anew with room for `count` places at least, and these in it; no two of one key.
    pub(super) fn rebuild(&mut self, count: usize, places: impl Iterator<Item = (u64, usize)>) {
        let capacity = count.next_power_of_two().max(LEAST_CAPACITY);
        self.slots = Vec::new(); // given back before the larger one is asked for
        self.slots = vec![EMPTY; capacity * 2];
        self.place_bits = (2 * capacity as u64 - 1) as u32;
        self.capacity = capacity;
        places.for_each(|(hash, place)| self.insert(hash, place));
    }

    /// The place with this hash for which `is` holds.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is: impl FnMut(usize) -> bool) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        while self.slots[at] != EMPTY {
            let slot = self.slots[at];
            let place = (slot & self.place_bits) as usize;
            if (slot ^ (hash >> 32) as u32) & !self.place_bits == 0 && is(place) {
                return Some(place);
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Adds a place; there must be room for it.
    pub(super) fn insert(&mut self, hash: u64, place: usize) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at] != EMPTY {
            at = (at + 1) & mask;
        }
        self.slots[at] = (hash >> 32) as u32 & !self.place_bits | place as u32;
    }

    /// Puts `new` where `old`, which has the same hash, stands; `false` if it stands nowhere.
    pub(super) fn replace(&mut self, hash: u64, old: usize, new: usize) -> bool {
        let Some(mask) = self.slots.len().checked_sub(1) else { return false };
        let mut at = hash as usize & mask;
        while self.slots[at] != EMPTY {
            if (self.slots[at] & self.place_bits) as usize == old {
                self.slots[at] = (hash >> 32) as u32 & !self.place_bits | new as u32;
                return true;
            }
            at = (at + 1) & mask;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes from a good one to one that says nothing.
    const HASHES: [fn(usize) -> u64; 4] = [
        |key| (key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        |key| key as u64 % 7,
        |key| (key as u64) << 48, // no bits for the slots
        |_| u64::MAX,             // the bits of an empty slot
    ];

    #[test]
    fn places_are_found_whatever_the_hash() {
        for hash in HASHES {
            let (mut slots, mut keys) = (Slots::default(), Vec::new());
            assert_eq!(slots.find(hash(0), |_| true), None);
            assert!(!slots.replace(hash(0), 0, 1));
            for key in 0..300 {
                keys.push(key);
                if key < slots.capacity() {
                    slots.insert(hash(key), key);
                } else {
                    slots.rebuild(keys.len(), keys.iter().map(|key| (hash(*key), *key)));
                }
            }
            for key in 0..400 {
                assert_eq!(slots.find(hash(key), |place| place == key), (key < 300).then_some(key));
            }
            // Key 5 moves to place 300.
            assert!(slots.replace(hash(5), 5, 300) && !slots.replace(hash(5), 5, 300));
            assert_eq!(slots.find(hash(5), |place| place == 300), Some(300));
            assert_eq!(slots.find(hash(5), |place| place == 5), None);
        }
    }
}

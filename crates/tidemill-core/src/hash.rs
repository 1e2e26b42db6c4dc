//! The hash of keys: seeded, and the same in every process, on every machine and in every version of the program.
//!
//! The buckets of shuffles and of state rest on it, so its values are pinned by a test. It is one folded multiply a word
//! (the family of wyhash and foldhash), with integers taken by value and `usize` as 64 bits. What a type feeds to its
//! hasher is its own affair: `std` writes slices of integers in the machine's byte order, and promises nothing of the
//! kind for its own types between compilers. So whoever loads kept state checks the buckets of its keys.
//!
//! Both factors of every product are secret. With a constant in one of them anyone makes that factor zero, and so makes
//! any number of keys with one hash, whatever the seed. That is little resistance against chosen keys, not SipHash's.

use std::any::Any;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::Text;

/// The seed of all key hashes of one application: chosen when it first starts, kept in its checkpoint, known to all
/// executors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct HashSeed {
    seed: u64,
    start: u64,
    secret: u64,
    last: u64,
}

impl HashSeed {
    /// The seed made of this number; equal numbers give equal hashes everywhere.
    pub fn new(seed: u64) -> HashSeed {
        let start = folded(seed ^ SECOND, FIRST);
        let secret = folded(start ^ FIRST, SECOND) | 1;
        let last = folded(secret ^ SECOND, start | 1) | 1;
        HashSeed { seed, start, secret, last }
    }

    /// The number it was made of.
    pub fn seed(self) -> u64 {
        self.seed
    }

    /// The hash of a key.
    ///
    /// A [`Text`] takes a way of its own, settled at compile time: its hash is not that of the equal `str`.
    #[inline(always)]
    pub fn hash<K: Hash + 'static>(self, key: &K) -> u64 {
        if let Some(text) = (key as &dyn Any).downcast_ref::<Text>() {
            return text.key_hash(self);
        }
        let mut hasher = self.hasher();
        key.hash(&mut hasher);
        hasher.finish()
    }

    #[inline(always)]
    fn hasher(self) -> KeyHasher {
        KeyHasher { state: self.start, secret: self.secret, last: self.last }
    }

    /// The hash of a key of exactly 16 bytes.
    #[inline(always)]
    pub(crate) fn two_words(self, first: u64, second: u64) -> u64 {
        folded(folded(self.start ^ first, second ^ self.secret), self.last)
    }

    /// The hash of a key of any number of bytes.
    pub(crate) fn bytes(self, bytes: &[u8]) -> u64 {
        let mut hasher = self.hasher();
        hasher.write(bytes);
        hasher.finish()
    }
}

impl Default for HashSeed {
    /// A fixed seed, for tests and for runs that keep nothing.
    fn default() -> HashSeed {
        HashSeed::new(0)
    }
}

impl From<u64> for HashSeed {
    fn from(seed: u64) -> HashSeed {
        HashSeed::new(seed)
    }
}

impl From<HashSeed> for u64 {
    fn from(seed: HashSeed) -> u64 {
        seed.seed
    }
}

/// The bucket of a hash, less than `buckets` (which fits 32 bits).
///
/// Taken from bits 24 to 56: the tables on the reduce side spend the low bits on slots and may spend the top ones on
/// tags, and keys of one bucket must not have those in common.
#[inline(always)]
pub fn bucket(hash: u64, buckets: usize) -> usize {
    (((hash >> 24) as u32 as u64 * buckets as u64) >> 32) as usize
}

// Odd numbers without a pattern, from wyhash; they only spread the seed.
const FIRST: u64 = 0xA076_1D64_78BD_642F;
const SECOND: u64 = 0xE703_7ED1_A0B4_28DB;

/// Both halves of the product, folded into one.
#[inline(always)]
fn folded(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

/// The `at`-th byte and the seven after it.
#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |word| u64::from_le_bytes(*word))
}

/// The `at`-th byte and the three after it.
#[inline(always)]
fn half(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |half| u32::from_le_bytes(*half) as u64)
}

struct KeyHasher {
    state: u64,
    secret: u64,
    last: u64,
}

impl KeyHasher {
    #[inline(always)]
    fn add(&mut self, first: u64, second: u64) {
        self.state = folded(self.state ^ first, second ^ self.secret);
    }
}

impl Hasher for KeyHasher {
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) {
        let len = bytes.len();
        let (first, second) = match len {
            0 => (0, 0),
            1..4 => (bytes[0] as u64 | (bytes[len / 2] as u64) << 8 | (bytes[len - 1] as u64) << 16, 0),
            4..8 => (half(bytes, 0), half(bytes, len - 4)),
            8..=16 => (word(bytes, 0), word(bytes, len - 8)),
            _ => {
                let (pairs, _) = bytes[..len - 1].as_chunks::<16>();
                pairs.iter().for_each(|pair| self.add(word(pair, 0), word(pair, 8)));
                (word(bytes, len - 16), word(bytes, len - 8))
            }
        };
        self.add(first, second ^ len as u64);
    }

    #[inline(always)]
    fn write_u64(&mut self, value: u64) {
        self.add(value, 0);
    }

    #[inline(always)]
    fn write_u8(&mut self, value: u8) {
        self.write_u64(value as u64);
    }

    #[inline(always)]
    fn write_u16(&mut self, value: u16) {
        self.write_u64(value as u64);
    }

    #[inline(always)]
    fn write_u32(&mut self, value: u32) {
        self.write_u64(value as u64);
    }

    #[inline(always)]
    fn write_u128(&mut self, value: u128) {
        self.add(value as u64, (value >> 64) as u64);
    }

    #[inline(always)]
    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    /// `std` would make a `usize` of it, and lose the sign's bits where that has 32.
    #[inline(always)]
    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as i64 as u64);
    }

    #[inline(always)]
    fn finish(&self) -> u64 {
        folded(self.state, self.last)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn golden_values_never_change() {
        let seed = HashSeed::new(1);
        let long = "a text of more than sixteen bytes, in a block";
        let found = [
            seed.hash(&7i64),
            seed.hash(&-1i32),
            seed.hash(&(1u128 << 100)),
            seed.hash(&String::from("tide")),
            seed.hash(&String::from(long)),
            seed.hash(&Text::from("tide")),
            seed.hash(&Text::from(long)),
            seed.hash(&(Text::from("tide"), 7i64)),
            HashSeed::default().hash(&Some(7u8)),
        ];
        assert_eq!(found, GOLDEN);
    }

    const GOLDEN: [u64; 9] = [
        16178507800573943112,
        2712311485207787462,
        6489589206268159256,
        13910093044797167695,
        6726654213814087372,
        6229847695868219788,
        8268025308784174456,
        377278279438961728,
        6654895973496498120,
    ];

    #[test]
    fn equal_keys_of_different_types_hash_alike_but_for_text() {
        let seed = HashSeed::new(1);
        assert_eq!(seed.hash(&7i64), seed.hash(&7u64));
        assert_eq!(seed.hash(&-3isize), seed.hash(&-3i64));
        assert_eq!(seed.hash(&"tide"), seed.hash(&String::from("tide")));
        assert_eq!(seed.hash(&(3usize, "a")), seed.hash(&(3u64, String::from("a"))));
        assert_eq!(seed.hash(&(Text::from("tide"), 1)), seed.hash(&("tide", 1)));
    }

    #[test]
    fn seeds_differ_and_come_back_from_where_they_are_kept() {
        let seeds: HashSet<u64> = (0..1000).map(|n| HashSeed::new(n).hash(&Text::from("tide"))).collect();
        assert_eq!(seeds.len(), 1000);
        let kept = postcard::to_stdvec(&HashSeed::new(300)).unwrap();
        assert_eq!(postcard::from_bytes::<HashSeed>(&kept).unwrap(), HashSeed::new(300));
    }

    /// How far the sizes of buckets are from even, as chi square.
    fn chi_square(hashes: &[u64], buckets: usize) -> f64 {
        let mut sizes = vec![0f64; buckets];
        hashes.iter().for_each(|hash| sizes[bucket(*hash, buckets)] += 1.0);
        let even = hashes.len() as f64 / buckets as f64;
        sizes.iter().map(|size| (size - even).powi(2)).sum::<f64>() / even
    }

    #[test]
    fn buckets_and_slots_are_even() {
        const KEYS: u64 = 200_000;
        let seed = HashSeed::new(1);
        let kinds: [(&str, fn(HashSeed, u64) -> u64); 6] = [
            ("integers", |seed, n| seed.hash(&(n as i64))),
            ("integers times 2^32", |seed, n| seed.hash(&(n << 32))),
            ("short texts", |seed, n| seed.hash(&Text::from(n.to_string()))),
            ("long texts", |seed, n| seed.hash(&Text::from(format!("user-{n:09}-a-longer-key")))),
            ("strings", |seed, n| seed.hash(&format!("user-{n:09}-a-longer-key"))),
            ("pairs", |seed, n| seed.hash(&(Text::from((n / 1000).to_string()), (n % 1000) as i64))),
        ];
        for (name, hash) in kinds {
            let hashes: Vec<u64> = (0..KEYS).map(|n| hash(seed, n)).collect();
            for buckets in [2, 7, 64] {
                let (found, spread) = (chi_square(&hashes, buckets), (2.0 * buckets as f64).sqrt());
                assert!(found < buckets as f64 + 5.0 * spread + 8.0, "{name}, {buckets} buckets: chi square {found}");
            }
            let slots: HashSet<u64> = hashes.iter().map(|hash| hash & ((1 << 20) - 1)).collect();
            assert!(
                (181_000..183_000).contains(&slots.len()),
                "{name}: {} of 2^20 slots; random: 182 000",
                slots.len()
            );
        }
    }
}

//! What a Rust programmer would write without Tidemill: the plain loop that every engine is measured against.
//!
//! One thread, keys borrowed from the text, one look-up a word, nothing allocated a word; from text in memory that is
//! known to be UTF-8 to the pairs in a `Vec`, as `collect` gives them.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;

use crate::measured::{Measured, measure};

/// Counts words with the fastest hash table and hash function in common use.
pub(crate) fn word_count(text: &'static str) -> anyhow::Result<Measured> {
    let count = || {
        let mut counts: hashbrown::HashMap<&str, i64, FixedState> = hashbrown::HashMap::default();
        for line in text.lines() {
            // A loop over bytes: `str::split` costs 20 ns a word more.
            let mut start = 0;
            for (at, byte) in line.bytes().enumerate() {
                if byte == b' ' {
                    *counts.entry(&line[start..at]).or_insert(0) += 1;
                    start = at + 1;
                }
            }
            *counts.entry(&line[start..]).or_insert(0) += 1;
        }
        Ok(counts.into_iter().collect::<Vec<(&str, i64)>>())
    };
    measure(count, |pairs| answer(pairs))
}

/// One number for a set of counts, whatever their order: two sides with the same number counted the same.
pub(crate) fn answer<K: AsRef<str>>(pairs: &[(K, i64)]) -> u64 {
    let state = FixedState::with_seed(1);
    let of_pair = |word: &str, count: i64| state.hash_one(Pair(word, count));
    pairs.iter().fold(pairs.len() as u64, |sum, (word, count)| sum.wrapping_add(of_pair(word.as_ref(), *count)))
}

#[derive(Hash)]
struct Pair<'a>(&'a str, i64);

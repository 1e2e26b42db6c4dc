//! The text that is counted: 64 MiB, ten words a line, words as frequent as Zipf's law has them.
//!
//! Only integers are drawn and compared, so the text is the same on every machine.

use std::collections::HashSet;
use std::sync::LazyLock;

/// The size of each text.
const TEXT_BYTES: usize = 64 << 20;
/// Words a line.
const LINE_WORDS: usize = 10;
/// Distinct words of the large vocabulary: its table and keys are past the second-level cache.
const LARGE_WORDS: usize = 50_000;
/// Distinct words of the small vocabulary: its table stays in the first-level cache.
const SMALL_WORDS: usize = 1_000;
/// Where the draws start.
const SEED: u64 = 0x7469_6465_6d69_6c6c;

/// The text with the large vocabulary.
pub(crate) fn large() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| generate(TEXT_BYTES, LARGE_WORDS));
    &TEXT
}

/// The text with the small vocabulary.
pub(crate) fn small() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| generate(TEXT_BYTES, SMALL_WORDS));
    &TEXT
}

/// A text of at least `bytes` that ends with a whole line.
fn generate(bytes: usize, distinct: usize) -> String {
    let mut draws = Draws(SEED);
    let words = vocabulary(&mut draws, distinct);
    // The word of rank k has a weight of 1/k; the weights' running sum is what a draw is looked up in.
    let weights = (1..=distinct as u64).scan(0, |sum, rank| {
        *sum += (1_u64 << 40) / rank;
        Some(*sum)
    });
    let sums: Vec<u64> = weights.collect();
    let total = sums.last().copied().unwrap_or(1);
    let mut text = String::with_capacity(bytes + 256);
    while text.len() < bytes {
        for place in 0..LINE_WORDS {
            let draw = draws.below(total);
            text.push_str(&words[sums.partition_point(|&sum| sum <= draw)]);
            text.push(if place + 1 < LINE_WORDS { ' ' } else { '\n' });
        }
    }
    text
}

/// Distinct words; as in most languages the frequent ones are short.
fn vocabulary(draws: &mut Draws, distinct: usize) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut words = Vec::with_capacity(distinct);
    while words.len() < distinct {
        let shortest = match words.len() {
            0..100 => 2,
            100..3_000 => 4,
            _ => 6,
        };
        let letters = shortest + draws.below(6);
        let word: String = (0..letters).map(|_| char::from(b'a' + draws.below(26) as u8)).collect();
        if seen.insert(word.clone()) {
            words.push(word);
        }
    }
    words
}

/// Marsaglia's xorshift: a fixed sequence that looks random enough for a text.
struct Draws(u64);

impl Draws {
    /// The next number below `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

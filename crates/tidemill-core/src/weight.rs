//! The weight of values in bytes, found with serde alone: `weight`, and `Weigher` for weighing a sample.
//!
//! `size_of` says what a value takes up in place. What it owns elsewhere shows when it is serialised: the elements of a
//! sequence, the bytes of a text. A serializer that writes nothing and counts just those finds it without asking types
//! for more than `Serialize`. That makes it an estimate:
//!
//! - spare capacity and the allocator's rounding are not seen;
//! - a map's table is taken to be two thirds full;
//! - a text counts as owned even if it is held in place or borrowed, an `Rc`'s contents count once for each `Rc`;
//! - elements of collections count without padding, a `None` among them as eight bytes;
//! - what refuses to be serialised ([`Local`](crate::Local), or a `#[serde(skip)]`) counts as what it is in place, in a
//!   collection as eight bytes.

use std::mem::needs_drop;

use serde::Serialize;

mod count;

use count::Count;

/// The weight of `value`: its size in place and what it owns beyond.
pub fn weight<T: Serialize>(value: &T) -> u64 {
    size_of::<T>() as u64 + owned(value)
}

/// What `value` owns outside its place; 0, without a look, for types that own nothing.
pub fn owned<T: Serialize>(value: &T) -> u64 {
    if !needs_drop::<T>() {
        return 0;
    }
    Count::of(value)
}

/// Weighs streams of values: each of the first [`EXACT`], so that a few large values weigh what they do, and then by a
/// sample: one value in [`EVERY`](Self::EVERY) is weighed, and stands for its neighbours.
///
/// Which one is carried from call to call, so that short runs are sampled as often as long ones.
#[derive(Debug, Default)]
pub struct Weigher {
    /// How many values were weighed one by one.
    exact: usize,
    /// How many values will pass before the next is weighed.
    skip: usize,
}

impl Weigher {
    /// How many values each weighed one stands for: weighing costs about what encoding does, and is to cost little.
    pub const EVERY: usize = 16;

    /// A weigher that weighs the first value it sees.
    pub fn new() -> Weigher {
        Weigher::default()
    }

    /// About what `count` values own outside their places; `get` gives the one with an index below `count`.
    pub fn owned<'a, T: Serialize + 'a>(&mut self, count: usize, get: impl Fn(usize) -> Option<&'a T>) -> u64 {
        if !needs_drop::<T>() {
            return 0;
        }
        let exact = count.min(EXACT - self.exact);
        self.exact += exact;
        let first: u64 = (0..exact).map(|index| get(index).map_or(0, owned)).sum();
        let (mut sampled, count) = (0, count - exact);
        while self.skip < count {
            sampled += get(exact + self.skip).map_or(0, owned);
            self.skip += Weigher::EVERY;
        }
        self.skip -= count;
        first + sampled * Weigher::EVERY as u64
    }
}

/// About what all of `values` weigh: exactly for up to [`EXACT`] values, one in [`Weigher::EVERY`] beyond.
pub fn sampled<T: Serialize>(values: &[T]) -> u64 {
    let owned = if values.len() <= EXACT {
        values.iter().map(owned).sum()
    } else {
        Weigher::new().owned(values.len(), |index| values.get(index))
    };
    size_of_val(values) as u64 + owned
}

/// The most values of which [`sampled`] weighs each.
pub const EXACT: usize = 64;

#[cfg(test)]
mod tests;

//! `Weights`: what each value owns, measured for one in sixteen.

use std::mem::needs_drop;

use serde::Serialize;

use crate::weight::{Weigher, owned};

/// Weighs values one by one: each that is measured stands for those that follow.
///
/// Unlike a [`Weigher`], which weighs runs, it gives every value a weight of its own, so that exactly what was added for
/// a value can be taken off when it goes.
#[derive(Debug, Default)]
pub(super) struct Weights {
    /// How many values will pass before the next is measured.
    skip: usize,
    last: u32,
}

impl Weights {
    /// About what `value` owns outside its place; 0 for types that own nothing.
    #[inline]
    pub(super) fn of<T: Serialize>(&mut self, value: &T) -> u32 {
        if !needs_drop::<T>() {
            return 0;
        }
        if self.skip == 0 {
            self.skip = Weigher::EVERY;
            self.last = u32::try_from(owned(value)).unwrap_or(u32::MAX);
        }
        self.skip -= 1;
        self.last
    }
}

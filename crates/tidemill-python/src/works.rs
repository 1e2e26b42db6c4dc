//! `Works`: the frozen chains that were named last, by their descriptions.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::pool::Work;

/// So many stay known, and so unpickled in workers, after their last RDD is gone.
const KEPT: usize = 64;
/// A chain with a longer description is not kept.
const KEPT_BYTES: usize = 64 << 10;

/// Finds chains again: each batch of a stream and each round of a loop names the same functions anew.
#[derive(Default)]
pub(crate) struct Works {
    /// The one that was named last is at the end.
    kept: Mutex<VecDeque<Arc<Work>>>,
}

impl Works {
    /// The chain with this pickled description: for a frozen one, what was made of it before, if that is not long ago.
    pub(crate) fn named(&self, description: Vec<u8>, frozen: bool) -> Arc<Work> {
        if !frozen || description.len() > KEPT_BYTES {
            return Work::new(description, frozen);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().rposition(|work| work.is(&description, frozen)).and_then(|place| kept.remove(place));
        let work = known.unwrap_or_else(|| Work::new(description, frozen));
        kept.push_back(Arc::clone(&work));
        if kept.len() > KEPT {
            kept.pop_front();
        }
        work
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frozen_chains_are_found_again() {
        let works = Works::default();
        let first = works.named(b"one".to_vec(), true);
        assert!(!Arc::ptr_eq(&first, &works.named(b"two".to_vec(), true)));
        assert!(Arc::ptr_eq(&first, &works.named(b"one".to_vec(), true)));
    }

    #[test]
    fn chains_that_may_change_or_are_long_are_made_anew() {
        let works = Works::default();
        for (description, frozen) in [(b"one".to_vec(), false), (vec![0; KEPT_BYTES + 1], true)] {
            let first = works.named(description.clone(), frozen);
            assert!(!Arc::ptr_eq(&first, &works.named(description, frozen)));
        }
    }

    #[test]
    fn the_one_longest_unused_goes_first() {
        let works = Works::default();
        let name = |number: usize| works.named(number.to_le_bytes().to_vec(), true);
        let (zero, one) = (name(0), name(1));
        (2..KEPT).for_each(|number| drop(name(number)));
        assert!(Arc::ptr_eq(&zero, &name(0)));
        drop(name(KEPT));
        assert!(Arc::ptr_eq(&zero, &name(0)) && !Arc::ptr_eq(&one, &name(1)));
    }
}

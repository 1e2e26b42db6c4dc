//! `RangePartitioner`: keys lie in order, each partition has a range of them.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::Key;
use crate::layout::Partitioner;

/// Assigns keys to partitions by bounds between them: Spark's `RangePartitioner`.
///
/// ```
/// use tidemill_core::layout::{Partitioner, RangePartitioner};
///
/// let ranges = RangePartitioner::new(vec![20, 10], true); // up to 10, up to 20, above
/// assert_eq!([5, 10, 11, 20, 99].map(|key| ranges.partition(&key)), [0, 0, 1, 1, 2]);
/// let falling = RangePartitioner::new(vec![10, 20], false);
/// assert_eq!([5, 10, 11, 20, 99].map(|key| falling.partition(&key)), [2, 2, 1, 1, 0]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangePartitioner<K> {
    /// The largest key of each range but the last, rising.
    bounds: Vec<K>,
    ascending: bool,
}

impl<K: Key + Ord> RangePartitioner<K> {
    /// Ranges that end with each of `bounds`, and one for what is above; the lowest range first if `ascending`.
    pub fn new(mut bounds: Vec<K>, ascending: bool) -> RangePartitioner<K> {
        bounds.sort();
        bounds.dedup();
        RangePartitioner { bounds, ascending }
    }

    /// Ranges in at most `partitions` partitions of about one weight each, by a sample of keys that each stand for so many.
    pub(crate) fn balanced(mut sample: Vec<(K, f64)>, partitions: usize, ascending: bool) -> RangePartitioner<K> {
        sample.sort_by(|(a, _), (b, _)| a.cmp(b));
        let partitions = partitions.min(sample.len()).max(1);
        let step = sample.iter().map(|(_, weight)| weight).sum::<f64>() / partitions as f64;
        let (mut bounds, mut passed, mut target) = (Vec::<K>::new(), 0.0, step);
        for (key, weight) in sample {
            passed += weight;
            let is_next = bounds.last().is_none_or(|last| key.cmp(last) == Ordering::Greater);
            if passed >= target && is_next && bounds.len() + 1 < partitions {
                bounds.push(key);
                target += step;
            }
        }
        RangePartitioner { bounds, ascending }
    }
}

impl<K: Key + Ord> Partitioner<K> for RangePartitioner<K> {
    fn partitions(&self) -> usize {
        self.bounds.len() + 1
    }

    fn partition(&self, key: &K) -> usize {
        let range = self.bounds.partition_point(|bound| bound < key);
        if self.ascending { range } else { self.bounds.len() - range }
    }
}

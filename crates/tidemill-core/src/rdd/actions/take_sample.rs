//! `take_sample`: so many elements, chosen at random.

use std::collections::HashSet;

use crate::Element;
use crate::error::Error;
use crate::lineage::Operator;
use crate::random::Random;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;

impl<T: Element> Rdd<T> {
    /// `n` elements, chosen at random and in random order: Spark's `RDD.takeSample`. Without replacement no element is taken
    /// twice, and there are fewer than `n` if the RDD has fewer. One seed on the same elements gives one sample.
    ///
    /// Two jobs: one counts, one fetches what was chosen.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let sample = context.parallelize(0..100, 4).take_sample(false, 5, 42)?;
    /// assert_eq!(sample.len(), 5);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn take_sample(&self, with_replacement: bool, n: usize, seed: u64) -> Result<Vec<T>, Error> {
        let operator = Operator::here("take_sample");
        if n == 0 {
            return Ok(Vec::new());
        }
        let code = Function { env: (), call: () };
        let sizes = run_job(self, operator.clone(), self.all_partitions(), code, |drawn, _| drawn.count())?;
        let mut random = Random::seeded(seed);
        let size = sizes.iter().sum();
        let chosen = match size {
            0 => return Ok(Vec::new()),
            _ if with_replacement => (0..n).map(|_| random.below(size)).collect(),
            _ => distinct(&mut random, n as u64, size),
        };
        let (partitions, wanted) = by_partition(&sizes, &chosen);
        let code = Function { env: wanted, call: () };
        let parts = run_job(self, operator, partitions, code, |drawn, wanted: &Function<Vec<(u32, Vec<u64>)>, ()>| {
            let partition = drawn.cx.partition() as u32;
            let places = wanted.env.iter().find(|(of, _)| *of == partition).map_or(&[][..], |(_, places)| places);
            let (mut at, mut places) = (0, places.iter().peekable());
            drawn.fold(Vec::new(), |mut taken, element| {
                while places.next_if_eq(&&at).is_some() {
                    taken.push(element.clone());
                }
                at += 1;
                taken
            })
        })?;
        let mut sample = super::collect::flatten(parts);
        for last in (1..sample.len()).rev() {
            sample.swap(last, random.below(last as u64 + 1) as usize);
        }
        Ok(sample)
    }
}

/// `n` distinct numbers below `size`, or all of them (Floyd's algorithm: as many steps as numbers).
fn distinct(random: &mut Random, n: u64, size: u64) -> Vec<u64> {
    let mut chosen = HashSet::new();
    for most in size.saturating_sub(n)..size {
        let number = random.below(most + 1);
        chosen.insert(if chosen.contains(&number) { most } else { number });
    }
    chosen.into_iter().collect()
}

/// The partitions in which chosen elements lie, and the sorted places of these elements within each.
fn by_partition(sizes: &[u64], chosen: &[u64]) -> (Vec<u32>, Vec<(u32, Vec<u64>)>) {
    let mut sorted = chosen.to_vec();
    sorted.sort_unstable();
    let (mut rest, mut start, mut wanted) = (&sorted[..], 0, Vec::new());
    for (partition, size) in sizes.iter().enumerate() {
        let (here, later) = rest.split_at(rest.partition_point(|place| *place < start + size));
        if !here.is_empty() {
            wanted.push((partition as u32, here.iter().map(|place| place - start).collect()));
        }
        (rest, start) = (later, start + size);
    }
    (wanted.iter().map(|(partition, _)| *partition).collect(), wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinct_numbers_are_spread_evenly() {
        let mut hits = [0_u32; 10];
        for seed in 0..2000 {
            let chosen = distinct(&mut Random::seeded(seed), 3, 10);
            assert_eq!(chosen.len(), 3);
            chosen.iter().for_each(|number| hits[*number as usize] += 1);
        }
        assert!(hits.iter().all(|hits| (500..700).contains(hits)), "600 each are expected: {hits:?}");
        assert_eq!(distinct(&mut Random::seeded(1), 12, 10).len(), 10);
    }

    #[test]
    fn places_are_found_across_partitions() {
        let (partitions, wanted) = by_partition(&[2, 0, 3], &[4, 1, 1, 2]);
        assert_eq!(partitions, [0, 2]);
        assert_eq!(wanted, [(0, vec![1, 1]), (2, vec![0, 2])]);
    }
}

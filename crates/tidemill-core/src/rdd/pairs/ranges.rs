//! The sample of keys by which `sort_by_key` finds its ranges.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::Error;
use crate::layout::RangePartitioner;
use crate::lineage::Operator;
use crate::random::Random;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;
use crate::{Cause, Key};

/// So many keys are sampled for each partition that is to be, as in Spark: ranges are then mostly within a third of even.
const SAMPLED_PER_RANGE: f64 = 20.0;
/// More keys than this are not sampled: they go to the driver.
const SAMPLED_MAX: f64 = 1e6;
/// From each partition three times its share is sampled, so that those with more than others need no second look.
const OVERSAMPLED: f64 = 3.0;
/// Samples are the same for the same data, and so are the layouts made by them.
const SEED: u64 = 0x71DE_3111;

/// What a task tells of its partition: how many keys there are, and some of them.
type Sketch<K> = (u64, Vec<K>);

/// Ranges of about one size each, by a sample of the keys of `pairs`.
pub(super) fn sampled_ranges<K: Key + Ord, V: 'static>(
    pairs: &Rdd<(K, V)>,
    operator: &Operator,
    ascending: bool,
    partitions: usize,
) -> Result<RangePartitioner<K>, Error> {
    if partitions == 1 || pairs.num_partitions() == 0 {
        return Ok(RangePartitioner::new(Vec::new(), ascending));
    }
    let wanted = (SAMPLED_PER_RANGE * partitions as f64).min(SAMPLED_MAX);
    let share = (OVERSAMPLED * wanted / pairs.num_partitions() as f64).ceil();
    let sketches = sketched(pairs, operator, pairs.all_partitions(), &vec![share as u64; pairs.num_partitions()])?;
    let total: u64 = sketches.iter().map(|(keys, _)| keys).sum();
    let fraction = (wanted / total.max(1) as f64).min(1.0);
    // Partitions that are so large that their sample says too little are sampled again.
    let is_large = |keys: u64| fraction * keys as f64 > share;
    let large: Vec<u32> = (0_u32..).zip(&sketches).filter(|(_, (keys, _))| is_large(*keys)).map(|(p, _)| p).collect();
    let mut sample: Vec<(K, f64)> = sketches.iter().filter(|(keys, _)| !is_large(*keys)).flat_map(weighted).collect();
    if !large.is_empty() {
        let mut sizes = vec![0; pairs.num_partitions()];
        for (size, (keys, _)) in sizes.iter_mut().zip(&sketches) {
            *size = (fraction * *keys as f64).ceil() as u64;
        }
        sample.extend(sketched(pairs, operator, large, &sizes)?.iter().flat_map(weighted));
    }
    // The user's order runs here in the driver.
    let balanced = catch_unwind(AssertUnwindSafe(|| RangePartitioner::balanced(sample, partitions, ascending)));
    balanced.map_err(|panic| Error::driver(operator, Cause::panic(&*panic)))
}

/// Each sampled key with the number of keys that it stands for.
fn weighted<K: Clone>((keys, sample): &Sketch<K>) -> impl Iterator<Item = (K, f64)> {
    let weight = *keys as f64 / sample.len().max(1) as f64;
    sample.iter().map(move |key| (key.clone(), weight))
}

/// Runs the job that samples `partitions`; `sizes` says how many keys of each partition at most.
fn sketched<K: Key, V: 'static>(
    pairs: &Rdd<(K, V)>,
    operator: &Operator,
    partitions: Vec<u32>,
    sizes: &[u64],
) -> Result<Vec<Sketch<K>>, Error> {
    let code = Function { env: sizes.to_vec(), call: () };
    run_job(pairs, operator.clone(), partitions, code, |mut drawn, sizes: &Function<Vec<u64>, ()>| {
        let partition = drawn.cx.partition();
        let size = sizes.env.get(partition).copied().unwrap_or(0);
        let (mut seen, mut sample, mut random) = (0_u64, Vec::new(), Random::new(SEED, partition));
        drawn.for_each_run(|run| {
            for (key, _) in run.drain(..) {
                seen += 1;
                if (sample.len() as u64) < size {
                    sample.push(key);
                } else if let Some(held) = sample.get_mut(random.below(seen) as usize) {
                    *held = key;
                }
            }
            Ok(())
        })?;
        Ok((seen, sample))
    })
}

//! `sample_by_key`: a sample in which each key has its own share.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::lineage::Operator;
use crate::random::Random;
use crate::rdd::{Input, Keeps, Rdd};
use crate::runs::Runs;
use crate::ship::Function;
use crate::{Cause, Element, Key, Stop};

impl<K: 'static, V: 'static> Rdd<(K, V)> {
    /// A sample of the pairs, about `fractions[key]` of each key: Spark's `RDD.sampleByKey` (behaviour 3.5). The same seed
    /// gives the same sample; pairs stay in order and in their layout.
    ///
    /// With replacement a pair may come more than once, and a fraction is how often it does on average.
    ///
    /// # Errors
    /// A fraction that is negative or no number, or above 1 without replacement. A pair whose key has no fraction fails its
    /// task.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let pairs = context.parallelize((0..2_000).map(|n| (n % 2, n)), 4);
    /// let counts = pairs.sample_by_key(false, [(0, 0.5), (1, 0.0)], 42)?.count_by_key()?;
    /// assert!((400..600).contains(&counts[&0]));
    /// assert_eq!(counts.get(&1), None);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn sample_by_key(
        &self,
        with_replacement: bool,
        fractions: impl IntoIterator<Item = (K, f64)>,
        seed: u64,
    ) -> Result<Rdd<(K, V)>, Error>
    where
        K: Key,
        V: Clone,
    {
        let most = if with_replacement { f64::MAX } else { 1.0 };
        let fractions: HashMap<K, f64> = fractions.into_iter().collect();
        if let Some(wrong) = fractions.values().find(|fraction| !(0.0..=most).contains(*fraction)) {
            let why = format!("a fraction is {wrong}: it must be at least 0, and at most 1 without replacement");
            return Err(Error::driver(&Operator::here("sample_by_key"), Cause::Invalid(why)));
        }
        let code = Function { env: Shares { with_replacement, fractions, seed }, call: () };
        Ok(self.narrow("sample_by_key", Keeps::Layout, code, |input, code: Arc<Function<Shares<K>, ()>>| {
            let random = Random::new(code.env.seed, input.partition);
            Ok(Box::new(Sampled { input, code, random, run: Vec::new() }))
        }))
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(bound(serialize = "K: Key", deserialize = "K: Key"))]
struct Shares<K> {
    with_replacement: bool,
    fractions: HashMap<K, f64>,
    seed: u64,
}

struct Sampled<K: Key, V> {
    input: Input<(K, V)>,
    code: Arc<Function<Shares<K>, ()>>,
    random: Random,
    run: Vec<(K, V)>,
}

impl<K: Key, V: Clone> Runs<(K, V)> for Sampled<K, V> {
    fn next(&mut self, into: &mut Vec<(K, V)>) -> Result<bool, Stop> {
        let shares = &self.code.env;
        while into.is_empty() {
            if !self.input.next(&mut self.run)? {
                return Ok(false);
            }
            for pair in self.run.drain(..) {
                let fraction = *shares.fractions.get(&pair.0).ok_or_else(no_fraction)?;
                let times = if shares.with_replacement {
                    self.random.occurrences(fraction)
                } else {
                    u64::from(self.random.fraction() < fraction)
                };
                (1..times).for_each(|_| into.push(pair.clone()));
                if times > 0 {
                    into.push(pair);
                }
            }
        }
        Ok(true)
    }
}

fn no_fraction() -> Cause {
    Cause::Invalid("a key has no fraction: give one for every key, 0 for those to be left out".into())
}

const _: () = {
    /// Shares travel to other processes as captured values do.
    fn _travels<K: Key>(shares: Shares<K>) -> impl Element {
        shares
    }
};

//! `sample`: a random part of the elements.

use std::sync::Arc;

use crate::error::Error;
use crate::lineage::Operator;
use crate::random::Random;
use crate::rdd::{Input, Keeps, Rdd};
use crate::runs::{Runs, run_len};
use crate::ship::Function;
use crate::{Cause, Stop};

impl<T: 'static> Rdd<T> {
    /// A random part of the elements, in their partitions: Spark's `RDD.sample`.
    ///
    /// Without replacement each element is taken with probability `fraction`; with replacement it is taken `fraction`
    /// times on average. How many there are in all varies. The same `seed` takes the same places of each partition.
    ///
    /// Errors: `fraction` is negative or no number, or greater than 1 without replacement.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let tenth = context.parallelize(0..10_000, 2).sample(false, 0.1, 42)?.count()?;
    /// assert!((800..1_200).contains(&tenth));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn sample(&self, with_replacement: bool, fraction: f64, seed: u64) -> Result<Rdd<T>, Error>
    where
        T: Clone,
    {
        let most = if with_replacement { f64::MAX } else { 1.0 };
        if !(0.0..=most).contains(&fraction) {
            let allowed = if with_replacement { "0 or more" } else { "from 0 to 1 (without replacement)" };
            let text = format!("the fraction of a sample must be {allowed}, not {fraction}");
            return Err(Error::driver(&Operator::here("sample"), Cause::Invalid(text)));
        }
        if !with_replacement {
            return Ok(self.cell("sample", 0.0, fraction, seed));
        }
        let code = Function { env: (fraction, seed), call: () };
        Ok(self.narrow("sample", Keeps::Layout, code, |input, code: Arc<Function<(f64, u64), ()>>| {
            let random = Random::new(code.env.1, input.partition);
            Ok(Box::new(Repeated { input, run: Vec::new(), left: None, mean: code.env.0, random }))
        }))
    }

    /// Deals the elements out at random, in proportion to the weights, without a shuffle: Spark's `RDD.randomSplit`.
    ///
    /// Every element is in just one of the RDDs, provided that this one is the same whenever it is computed: each part
    /// computes it again, so persist it if that is dear.
    ///
    /// Errors: a weight is negative or no number, or all are 0.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let parts = context.parallelize(0..1_000, 2).random_split(&[3.0, 1.0], 7)?;
    /// assert_eq!(parts[0].count()? + parts[1].count()?, 1_000);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn random_split(&self, weights: &[f64], seed: u64) -> Result<Vec<Rdd<T>>, Error> {
        let sum: f64 = weights.iter().sum();
        if weights.iter().any(|weight| !(0.0..=f64::MAX).contains(weight))
            || !(f64::MIN_POSITIVE..=f64::MAX).contains(&sum)
        {
            let text =
                format!("the weights of a split must be 0 or more, and one of them more than 0, not {weights:?}");
            return Err(Error::driver(&Operator::here("random_split"), Cause::Invalid(text)));
        }
        let last = weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0);
        let (mut parts, mut from, mut before) = (Vec::with_capacity(weights.len()), 0.0, 0.0);
        for (place, weight) in weights.iter().enumerate() {
            before += weight;
            // Rounding must not leave a gap below 1.
            let to = if place >= last { 1.0 } else { before / sum };
            parts.push(self.cell("random_split", from, to, seed));
            from = to;
        }
        Ok(parts)
    }

    /// The elements whose random fraction is at least `from` and less than `to`.
    #[track_caller]
    fn cell(&self, name: &'static str, from: f64, to: f64, seed: u64) -> Rdd<T> {
        let code = Function { env: (from, to, seed), call: () };
        self.narrow(name, Keeps::Layout, code, |input, code: Arc<Function<(f64, f64, u64), ()>>| {
            let (from, to, seed) = code.env;
            let random = Random::new(seed, input.partition);
            Ok(Box::new(Cell { input, from, to, random }))
        })
    }
}

struct Cell<T> {
    input: Input<T>,
    from: f64,
    to: f64,
    random: Random,
}

impl<T> Runs<T> for Cell<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        while into.is_empty() {
            if !self.input.next(into)? {
                return Ok(false);
            }
            into.retain(|_| {
                let fraction = self.random.fraction();
                self.from <= fraction && fraction < self.to
            });
        }
        Ok(true)
    }
}

/// Takes each element as often as Poisson's distribution says.
struct Repeated<T> {
    input: Input<T>,
    /// The elements at hand, in reverse.
    run: Vec<T>,
    /// The element that is being taken, and how often it still is.
    left: Option<(T, u64)>,
    mean: f64,
    random: Random,
}

impl<T: Clone> Runs<T> for Repeated<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        let full = run_len::<T>();
        loop {
            if let Some((element, left)) = self.left.take() {
                let now = left.min((full - into.len()) as u64);
                into.extend(std::iter::repeat_n(&element, now as usize).cloned());
                if left > now {
                    self.left = Some((element, left - now));
                    self.input.cx.check()?;
                    return Ok(true);
                }
            }
            if let Some(element) = self.run.pop() {
                let times = self.random.occurrences(self.mean);
                self.left = (times > 0).then_some((element, times));
            } else if !into.is_empty() {
                return Ok(true);
            } else if !self.input.next(&mut self.run)? {
                return Ok(false);
            } else {
                self.run.reverse();
            }
        }
    }
}

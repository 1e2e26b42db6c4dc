//! `cartesian`: each element of one RDD with each of another.

use crate::memory::{Grant, Pool};
use crate::rdd::{Input, Inputs, Meeting, Rdd};
use crate::runs::{Runs, run_len};
use crate::weight::Weigher;
use crate::{Element, Stop};

impl<T: 'static> Rdd<T> {
    /// Pairs each element with each of `other`: Spark's `RDD.cartesian`.
    ///
    /// With `m` partitions on the other side, partition `i * m + j` pairs partitions `i` and `j`: the first element of `i`
    /// with all of `j`, then the second. Partition `j` is kept while its pairs are made if memory suffices; otherwise it is
    /// computed again for each element of `i`, as in Spark.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let pairs = context.parallelize(1..=2, 1).cartesian(&context.parallelize(3..=4, 1));
    /// assert_eq!(pairs.collect()?, [(1, 3), (1, 4), (2, 3), (2, 4)]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn cartesian<U: Element>(&self, other: &Rdd<U>) -> Rdd<(T, U)>
    where
        T: Clone,
    {
        self.both(other, "cartesian", Meeting::Each, None, |inputs| {
            let left = inputs.left()?;
            let right = Right::read(&inputs)?;
            Ok(Box::new(Cartesian { inputs, left, lefts: Vec::new(), right }))
        })
    }
}

/// The right partition.
enum Right<U> {
    /// As its elements; the next pair is with that at the place. The memory is held as long as they are.
    Held(Vec<U>, usize, #[expect(dead_code, reason = "it is given back when it is dropped")] Option<Grant>),
    /// It does not fit; this is where the current element's pass over it has come to.
    Again(Option<Input<U>>, Vec<U>),
}

impl<U: Element> Right<U> {
    fn read<T: 'static>(inputs: &Inputs<T, U>) -> Result<Right<U>, Stop> {
        let mut input = inputs.right()?;
        let (mut all, mut run, mut weigher) = (Vec::new(), Vec::new(), Weigher::new());
        let mut grant = inputs.cx.environment().memory.try_acquire(Pool::Shuffle, 0);
        while input.next(&mut run)? {
            inputs.cx.check()?;
            let bytes = size_of_val(&*run) as u64 + weigher.owned(run.len(), |i| run.get(i));
            if !grant.as_mut().is_some_and(|grant| grant.try_grow(bytes)) {
                return Ok(Right::Again(None, Vec::new()));
            }
            all.append(&mut run);
        }
        Ok(Right::Held(all, 0, grant))
    }
}

struct Cartesian<T: 'static, U: 'static> {
    inputs: Inputs<T, U>,
    left: Input<T>,
    /// Left elements at hand, in reverse; the last one is being paired.
    lefts: Vec<T>,
    right: Right<U>,
}

impl<T: Clone, U: Element> Runs<(T, U)> for Cartesian<T, U> {
    fn next(&mut self, into: &mut Vec<(T, U)>) -> Result<bool, Stop> {
        let full = run_len::<(T, U)>();
        while into.len() < full {
            self.inputs.cx.check()?;
            if self.lefts.is_empty() {
                if !self.left.next(&mut self.lefts)? {
                    return Ok(!into.is_empty());
                }
                self.lefts.reverse();
            }
            let Some(left) = self.lefts.last() else { continue };
            let done = match &mut self.right {
                Right::Held(all, at, _) => {
                    let end = all.len().min(*at + full - into.len());
                    into.extend(all.get(*at..end).unwrap_or(&[]).iter().map(|right| (left.clone(), right.clone())));
                    *at = if end < all.len() { end } else { 0 };
                    end == all.len()
                }
                Right::Again(pass, run) => {
                    let input = match pass {
                        Some(input) => input,
                        None => pass.insert(self.inputs.right()?),
                    };
                    let more = input.next(run)?;
                    into.extend(run.drain(..).map(|right| (left.clone(), right)));
                    if !more {
                        *pass = None;
                    }
                    !more
                }
            };
            if done {
                self.lefts.pop();
            }
        }
        Ok(true)
    }
}

//! `zip`: pairs the elements of two RDDs by their place.

use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Input, Meeting, Rdd};
use crate::runs::Runs;
use crate::{Cause, Stop};

impl<T: 'static> Rdd<T> {
    /// Pairs the first element of each partition with the first of the same partition of `other`, and so on: Spark's
    /// `RDD.zip`.
    ///
    /// Errors: the RDDs have different numbers of partitions. Where partitions have different numbers of elements, the
    /// task fails.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let squares = context.parallelize(1..=3, 2).map(|x| x * x);
    /// let pairs = context.parallelize(1..=3, 2).zip(&squares)?;
    /// assert_eq!(pairs.collect()?, [(1, 1), (2, 4), (3, 9)]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn zip<U: 'static>(&self, other: &Rdd<U>) -> Result<Rdd<(T, U)>, Error> {
        let (left, right) = (self.num_partitions(), other.num_partitions());
        if left != right {
            let text = format!(
                "Can only zip with RDD which has the same number of partitions, not one of {left} with one of {right}; \
                 repartitioning does not help, for it changes which elements meet"
            );
            return Err(Error::driver(&Operator::here("zip"), Cause::Invalid(text)));
        }
        Ok(self.both(other, "zip", Meeting::Same, None, |inputs| {
            let (left, right) = (inputs.left()?, inputs.right()?);
            Ok(Box::new(Zip { left: Side::new(left), right: Side::new(right) }))
        }))
    }
}

struct Zip<T, U> {
    left: Side<T>,
    right: Side<U>,
}

struct Side<T> {
    input: Input<T>,
    /// The elements at hand, in reverse.
    run: Vec<T>,
}

impl<T> Side<T> {
    fn new(input: Input<T>) -> Side<T> {
        Side { input, run: Vec::new() }
    }

    /// Draws if nothing is at hand; `false` at the end.
    fn fill(&mut self) -> Result<bool, Stop> {
        if self.run.is_empty() && self.input.next(&mut self.run)? {
            self.run.reverse();
        }
        Ok(!self.run.is_empty())
    }
}

impl<T, U> Runs<(T, U)> for Zip<T, U> {
    fn next(&mut self, into: &mut Vec<(T, U)>) -> Result<bool, Stop> {
        let (left, right) = (self.left.fill()?, self.right.fill()?);
        if left != right {
            return Err(
                Cause::Invalid("Can only zip RDDs with same number of elements in each partition".into()).into()
            );
        }
        let (left, right) = (&mut self.left.run, &mut self.right.run);
        let count = left.len().min(right.len());
        let left = left.drain(left.len() - count..).rev();
        into.extend(left.zip(right.drain(right.len() - count..).rev()));
        Ok(count > 0)
    }
}

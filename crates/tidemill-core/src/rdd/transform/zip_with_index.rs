//! `zip_with_index` and `zip_with_unique_id`: numbers the elements.

use std::sync::Arc;

use crate::Stop;
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Input, Keeps, Rdd, run_job};
use crate::runs::Runs;
use crate::ship::Function;

impl<T: 'static> Rdd<T> {
    /// Pairs each element with its place among all: Spark's `RDD.zipWithIndex`.
    ///
    /// If there is more than one partition, this runs a job that counts the elements of all partitions but the last.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let letters = context.parallelize(["a", "b", "c"].map(String::from), 2).zip_with_index()?;
    /// assert_eq!(letters.map(|(letter, i)| format!("{letter}{i}")).collect()?, ["a0", "b1", "c2"]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn zip_with_index(&self) -> Result<Rdd<(T, u64)>, Error> {
        let mut starts = vec![0];
        if self.num_partitions() > 1 {
            let counted = (0..self.num_partitions() as u32 - 1).collect();
            let code = Function { env: (), call: () };
            let counts = run_job(self, Operator::here("zip_with_index"), counted, code, |drawn, _| drawn.count())?;
            starts.extend(counts.into_iter().scan(0, |start, count| {
                *start += count;
                Some(*start)
            }));
        }
        let code = Function { env: starts, call: () };
        Ok(self.narrow("zip_with_index", Keeps::Nothing, code, |input, code: Arc<Function<Vec<u64>, ()>>| {
            let next = code.env.get(input.partition).copied().unwrap_or(0);
            Ok(Box::new(Numbered { input, run: Vec::new(), next, step: 1 }))
        }))
    }

    /// Pairs each element with a number that no other one has, without a job: Spark's `RDD.zipWithUniqueId`. The elements
    /// of partition `p` of `n` get `p`, `n + p`, `2n + p`...
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let numbered = context.parallelize(10..=12, 2).zip_with_unique_id();
    /// assert_eq!(numbered.collect()?, [(10, 0), (11, 1), (12, 3)]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn zip_with_unique_id(&self) -> Rdd<(T, u64)> {
        let code = Function { env: self.num_partitions() as u64, call: () };
        self.narrow("zip_with_unique_id", Keeps::Nothing, code, |input, code: Arc<Function<u64, ()>>| {
            let next = input.partition as u64;
            Ok(Box::new(Numbered { input, run: Vec::new(), next, step: code.env }))
        })
    }
}

struct Numbered<T> {
    input: Input<T>,
    run: Vec<T>,
    next: u64,
    step: u64,
}

impl<T> Runs<(T, u64)> for Numbered<T> {
    fn next(&mut self, into: &mut Vec<(T, u64)>) -> Result<bool, Stop> {
        let more = self.input.next(&mut self.run)?;
        let (first, step) = (self.next, self.step);
        self.next += self.run.len() as u64 * step;
        into.extend(self.run.drain(..).zip(0..).map(|(element, i)| (element, first + i * step)));
        Ok(more)
    }
}

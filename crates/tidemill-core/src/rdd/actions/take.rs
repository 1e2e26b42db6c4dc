//! `take`, `first`, `is_empty`: a few elements from the front, from as few partitions as will do.

use std::ops::Range;

use crate::Element;
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;

impl<T: 'static> Rdd<T> {
    /// The first `n` elements: Spark's `RDD.take`. It looks into one partition, then into more and more at a time, and
    /// stops when there are enough (behaviour 3.28).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.parallelize(0..100, 10).take(3)?, [0, 1, 2]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn take(&self, n: usize) -> Result<Vec<T>, Error>
    where
        T: Element,
    {
        self.take_as(&Operator::here("take"), n)
    }

    /// The first element: Spark's `RDD.first`. An RDD without elements is an error: "RDD is empty" (behaviour 3.25).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.parallelize(5..8, 2).first()?, 5);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn first(&self) -> Result<T, Error>
    where
        T: Element,
    {
        self.take_as(&Operator::here("first"), 1)?.pop().ok_or(Error::Empty("RDD is empty"))
    }

    /// Whether there are no elements: Spark's `RDD.isEmpty`. It computes no more of a partition than its first run.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert!(context.parallelize(0..9, 3).filter(|x| *x > 10).is_empty()?);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn is_empty(&self) -> Result<bool, Error> {
        let operator = Operator::here("is_empty");
        let mut scan = Scan::new(self.num_partitions(), 1);
        while let Some(partitions) = scan.next(0) {
            let code = Function { env: (), call: () };
            let found = run_job(self, operator.clone(), partitions, code, |mut drawn, _| drawn.next(&mut Vec::new()))?;
            if found.contains(&true) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn take_as(&self, operator: &Operator, n: usize) -> Result<Vec<T>, Error>
    where
        T: Element,
    {
        let mut taken = Vec::new();
        let mut scan = Scan::new(self.num_partitions(), n);
        while let Some(partitions) = scan.next(taken.len()) {
            let code = Function { env: (n - taken.len()) as u64, call: () };
            let parts = run_job(self, operator.clone(), partitions, code, |mut drawn, code: &Function<u64, ()>| {
                let (mut first, mut run) = (Vec::new(), Vec::new());
                while (first.len() as u64) < code.env && drawn.next(&mut run)? {
                    first.append(&mut run);
                }
                first.truncate(code.env as usize);
                Ok(first)
            })?;
            taken.extend(parts.into_iter().flatten());
        }
        taken.truncate(n);
        Ok(taken)
    }
}

/// Which partitions are looked into next. As Spark does: one; then, as long as nothing is found, four times as many as were
/// looked into; then half as many again as the finds so far promise, at most four times as many.
struct Scan {
    partitions: usize,
    scanned: usize,
    wanted: usize,
}

impl Scan {
    fn new(partitions: usize, wanted: usize) -> Scan {
        Scan { partitions, scanned: 0, wanted }
    }

    /// The next partitions, `found` elements being found; `None` where there are enough or no more.
    fn next(&mut self, found: usize) -> Option<Vec<u32>> {
        if found >= self.wanted || self.scanned >= self.partitions {
            return None;
        }
        let most = self.scanned.saturating_mul(4).max(1);
        let more = match found {
            0 => most,
            _ => {
                let needed = 1.5 * self.wanted as f64 * self.scanned as f64 / found as f64;
                (needed as usize).saturating_sub(self.scanned).clamp(1, most)
            }
        };
        let range: Range<usize> = self.scanned..self.partitions.min(self.scanned.saturating_add(more));
        self.scanned = range.end;
        Some(range.map(|partition| partition as u32).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_widen_as_in_spark() {
        // behaviour 3.28: (wanted, finds after each scan, how many partitions are looked into each time)
        let cases: [(usize, &[usize], &[usize]); 6] = [
            (1, &[0, 0, 0, 0, 0], &[1, 4, 20, 75]),
            (10, &[0, 2, 4, 6, 8, 9, 10], &[1, 4, 13, 27, 39, 16]),
            (10, &[0, 9, 10], &[1, 1]),
            (5, &[0, 1, 5], &[1, 4]),
            (20, &[0, 1, 5, 25], &[1, 4, 20]),
            (0, &[0], &[]),
        ];
        for (wanted, finds, expected) in cases {
            let mut scan = Scan::new(100, wanted);
            let sizes: Vec<usize> = finds.iter().map_while(|found| scan.next(*found)).map(|next| next.len()).collect();
            assert_eq!(sizes, expected, "{wanted} wanted");
        }
        assert!(Scan::new(0, 5).next(0).is_none());
    }
}

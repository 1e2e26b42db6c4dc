//! `to_local_iterator`: all elements in the driver, one partition at a time.

use std::vec::IntoIter;

use crate::Element;
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::ship::Function;

impl<T: Element> Rdd<T> {
    /// All elements, in order, holding no more than one partition in the driver: Spark's `RDD.toLocalIterator`.
    ///
    /// It runs one job for each partition, when its first element is asked for. An error is the iterator's last item.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let numbers = context.parallelize(1..=6, 3);
    /// for number in numbers.to_local_iterator() {
    ///     assert!(number? <= 6);
    /// }
    /// let all = numbers.to_local_iterator().collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(all.len(), 6);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn to_local_iterator(&self) -> LocalElements<T> {
        let operator = Operator::here("to_local_iterator");
        let partitions = self.num_partitions() as u32;
        LocalElements { rdd: self.clone(), operator, next: 0, partitions, current: Vec::new().into_iter() }
    }
}

/// The elements of an RDD, one by one; after an error there are none.
#[must_use = "nothing is computed before the first element is asked for"]
pub struct LocalElements<T: 'static> {
    rdd: Rdd<T>,
    operator: Operator,
    next: u32,
    partitions: u32,
    current: IntoIter<T>,
}

impl<T: Element> Iterator for LocalElements<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Result<T, Error>> {
        loop {
            if let Some(element) = self.current.next() {
                return Some(Ok(element));
            }
            if self.next == self.partitions {
                return None;
            }
            match self.compute() {
                Ok(elements) => self.current = elements.into_iter(),
                Err(error) => {
                    self.next = self.partitions;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl<T: Element> LocalElements<T> {
    /// The elements of the next partition.
    fn compute(&mut self) -> Result<Vec<T>, Error> {
        let code = Function { env: (), call: () };
        let parts = run_job(&self.rdd, self.operator.clone(), vec![self.next], code, |drawn, _| drawn.all())?;
        self.next += 1;
        Ok(super::collect::flatten(parts))
    }
}

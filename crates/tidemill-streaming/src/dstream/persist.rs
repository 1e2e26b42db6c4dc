//! `cache` and `persist`: RDDs of a stream that are kept when they were computed first.

use tidemill_core::{Element, StorageLevel};

use crate::context::State;
use crate::dstream::DStream;
use crate::error::Error;

impl<T: Element> DStream<T> {
    /// [`persist`](DStream::persist) in memory only: Spark's `DStream.cache` (behaviour 1.37).
    ///
    /// # Errors
    /// As [`persist`](DStream::persist).
    pub fn cache(&self) -> Result<DStream<T>, Error> {
        self.persist(StorageLevel::MEMORY_ONLY)
    }

    /// Keeps the RDD of each batch where `level` says when it was computed first, so that several jobs of a batch, and
    /// windows, do not compute it anew: Spark's `DStream.persist`. Gives back the stream itself (behaviour 1.38). What is
    /// kept goes when the stream forgets the RDD; of two levels the later one holds.
    ///
    /// ```text
    /// batch 1: two outputs read [1, 2]  ->  it is computed once
    /// ```
    ///
    /// # Errors
    /// [`Error::Unchangeable`] after the start.
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check([vec![1, 2]], |numbers| numbers.map(|x| x * 2).cache().unwrap(), [vec![2, 4]]);
    /// ```
    pub fn persist(&self, level: StorageLevel) -> Result<DStream<T>, Error> {
        self.check_changeable("storage level")?;
        self.node().persist(level);
        Ok(self.clone())
    }
}

impl<T: 'static> DStream<T> {
    /// Checks that the context has not been started.
    pub(super) fn check_changeable(&self, what: &'static str) -> Result<(), Error> {
        match self.context().map(|streaming| streaming.state()) {
            Some(State::Initialized) => Ok(()),
            _ => Err(Error::Unchangeable { operator: self.operator().clone(), what }),
        }
    }
}

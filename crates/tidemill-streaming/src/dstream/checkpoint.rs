//! `checkpoint`: RDDs of a stream that are written to files every so often.

use std::time::Duration;

use tidemill_core::Element;

use crate::dstream::DStream;
use crate::error::Error;

impl<T: Element> DStream<T> {
    /// Writes the RDD of every batch whose time is a multiple of `interval` after the start to the checkpoint directory,
    /// so that lineages do not grow without end: Spark's `DStream.checkpoint`. Gives back the stream itself, whose RDDs are
    /// persisted too unless that was asked for already (behaviour 1.39).
    ///
    /// The stream remembers its RDDs for two intervals at least. The files of one that it has forgotten go as soon as no
    /// other RDD is read from them.
    ///
    /// ```text
    /// interval of two batches:   batch 1: [1]   batch 2: [2], from a file   batch 3: [3]   batch 4: [4], from a file
    /// ```
    ///
    /// # Errors
    /// [`Error::Unchangeable`] after the start. At the start itself: [`Error::NoCheckpointDirectory`], and
    /// [`Error::CheckpointInterval`] where the interval is no multiple of the slide.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![1], vec![2]], // a batch a second
    ///     |numbers| numbers.map(|x| x * 2).checkpoint(Duration::from_secs(2)).unwrap(),
    ///     [vec![2], vec![4]],
    /// );
    /// ```
    pub fn checkpoint(&self, interval: Duration) -> Result<DStream<T>, Error> {
        self.check_changeable("checkpoint interval")?;
        self.node().checkpoint(interval);
        Ok(self.clone())
    }
}

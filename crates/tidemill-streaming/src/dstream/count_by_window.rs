//! `count_by_window`: how many records the last so many batches had.

use std::time::Duration;

use crate::dstream::{DStream, Sliding};
use crate::error::Error;

impl<T: 'static> DStream<T> {
    /// How many records the last `window` of time had, every `slide`: Spark's `DStream.countByWindow` (behaviour 2.17).
    ///
    /// A slide costs what enters, since what leaves is subtracted. There is nothing until the first record came, and from
    /// then on a number for every window, 0 for one without records. With a window of 2 batches and a slide of 1:
    ///
    /// ```text
    /// batch        1     2           3     4     5
    /// in                 x, y, z     x
    /// out          -     3           4     1     0
    /// ```
    ///
    /// The context must have a checkpoint directory, or its start fails.
    ///
    /// # Errors
    /// [`Error::Window`] if a duration is zero or no multiple of this stream's [`slide`](DStream::slide).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidemill_streaming::testing::check;
    ///
    /// let seconds = Duration::from_secs;
    /// check(
    ///     [vec![], vec!['x', 'y', 'z'], vec!['x'], vec![], vec![]],
    ///     |letters| letters.count_by_window(seconds(2), seconds(1)).expect("a window of whole batches"),
    ///     [vec![], vec![3], vec![4], vec![1], vec![0]],
    /// );
    /// ```
    #[track_caller]
    pub fn count_by_window(&self, window: Duration, slide: Duration) -> Result<DStream<u64>, Error> {
        self.count_by_window_with(window, slide, Sliding::Inverse)
    }

    /// [`count_by_window`](DStream::count_by_window) with a say in how windows follow each other: one that is computed anew
    /// gives nothing for a window without records (behaviour 1.52).
    ///
    /// # Errors
    /// [`Error::Window`] if a duration is zero or no multiple of this stream's [`slide`](DStream::slide).
    #[track_caller]
    pub fn count_by_window_with(
        &self,
        window: Duration,
        slide: Duration,
        sliding: Sliding,
    ) -> Result<DStream<u64>, Error> {
        let ones = self.derived("count_by_window", |rdd, _| rdd.map(|_| 1));
        ones.reduce_by_window_inverse(|a, b| a + b, |a, b| a - b, window, slide, sliding)
    }
}

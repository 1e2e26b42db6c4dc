//! `count_by_value_and_window`: how often each value came in the last so many batches.

use std::time::Duration;

use tidemill_core::Key;

use crate::dstream::{DStream, WindowOptions};
use crate::error::Error;

impl<T: Key> DStream<T> {
    /// How often each value came in the last `window` of time, every `slide`: Spark's `DStream.countByValueAndWindow`
    /// (behaviour 1.53, 2.17). Values that did not come are not there.
    ///
    /// A slide costs what enters and what leaves. With a window of 2 batches and a slide of 1:
    ///
    /// ```text
    /// batch        1             2               3
    /// in           x, x, y       x
    /// out          x 2, y 1      x 3, y 1        x 1
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
    ///     [vec!['x', 'x'], vec!['x'], vec![], vec![]],
    ///     |letters| letters.count_by_value_and_window(seconds(2), seconds(1)).expect("a window of whole batches"),
    ///     [vec![('x', 2)], vec![('x', 3)], vec![('x', 1)], vec![]],
    /// );
    /// ```
    #[track_caller]
    pub fn count_by_value_and_window(&self, window: Duration, slide: Duration) -> Result<DStream<(T, u64)>, Error> {
        self.count_by_value_and_window_with(window, slide, WindowOptions::new())
    }

    /// [`count_by_value_and_window`](DStream::count_by_value_and_window) with options. A filter takes the place of the one
    /// that drops the values whose count is 0.
    ///
    /// # Errors
    /// [`Error::Window`] if a duration is zero or no multiple of this stream's [`slide`](DStream::slide).
    #[track_caller]
    pub fn count_by_value_and_window_with(
        &self,
        window: Duration,
        slide: Duration,
        options: WindowOptions<T, u64>,
    ) -> Result<DStream<(T, u64)>, Error> {
        let name = "count_by_value_and_window";
        let ones = self.derived(name, |rdd, _| rdd.map(|value| (value, 1)));
        let options = options.filter_if_none(|_, count| *count != 0);
        ones.slid(name, |a, b| a + b, |a, b| a - b, window, slide, options)
    }
}

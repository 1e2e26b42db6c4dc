//! `group_by_key_and_window`: all values that each key had over the last so many batches.

use std::time::Duration;

use tidemill_core::{Element, Key};

use crate::dstream::{DStream, WindowOptions};
use crate::error::Error;

impl<K: Key, V: Element> DStream<(K, V)> {
    /// The values that each key had in the last `window` of time as one list, oldest first, every `slide`: Spark's
    /// `DStream.groupByKeyAndWindow` (behaviour 1.54, 2.18). The result is in as many partitions as `default_parallelism`
    /// says.
    ///
    /// With a window of 2 batches and a slide of 1:
    ///
    /// ```text
    /// batch        1           2             3
    /// in           a 1, a 2    a 3, b 4
    /// out          a [1 2]     a [1 2 3],    a [3],
    ///                          b [4]         b [4]
    /// ```
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
    ///     [vec![('a', 1), ('a', 2)], vec![('a', 3)]],
    ///     |pairs| pairs.group_by_key_and_window(seconds(2), seconds(1)).expect("a window of whole batches"),
    ///     [vec![('a', vec![1, 2])], vec![('a', vec![1, 2, 3])]],
    /// );
    /// ```
    #[track_caller]
    pub fn group_by_key_and_window(&self, window: Duration, slide: Duration) -> Result<DStream<(K, Vec<V>)>, Error> {
        let partitions = self.context().map_or(1, |streaming| streaming.context().default_parallelism());
        self.group_by_key_and_window_into(window, slide, partitions)
    }

    /// [`group_by_key_and_window`](DStream::group_by_key_and_window) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn group_by_key_and_window_into(
        &self,
        window: Duration,
        slide: Duration,
        partitions: usize,
    ) -> Result<DStream<(K, Vec<V>)>, Error> {
        let name = "group_by_key_and_window";
        let batches = self.derived(name, move |rdd, _| rdd.group_by_key_into(partitions));
        let windows = batches.windowed(name, window, slide)?;
        Ok(windows.derived(name, move |rdd, _| rdd.reduce_by_key_into(appended, partitions)))
    }

    /// [`group_by_key_and_window`](DStream::group_by_key_and_window) with options. With [`Sliding::Inverse`] and
    /// [`Sliding::InverseIfLong`], PySpark's way, a slide costs what enters and what leaves; a key whose values have all left
    /// then stays with an empty list (behaviour 1.54, 10.4) unless a filter drops it, and the context must have a checkpoint
    /// directory.
    ///
    /// [`Sliding::Inverse`]: crate::dstream::Sliding::Inverse
    /// [`Sliding::InverseIfLong`]: crate::dstream::Sliding::InverseIfLong
    ///
    /// # Errors
    /// [`Error::Window`] if a duration is zero or no multiple of this stream's [`slide`](DStream::slide).
    #[track_caller]
    pub fn group_by_key_and_window_with(
        &self,
        window: Duration,
        slide: Duration,
        options: WindowOptions<K, Vec<V>>,
    ) -> Result<DStream<(K, Vec<V>)>, Error> {
        let name = "group_by_key_and_window";
        let lists = self.derived(name, |rdd, _| rdd.map_values(|value| vec![value]));
        lists.slid(name, appended, without_first, window, slide, options)
    }
}

/// The values of earlier batches, then those of later ones.
pub(crate) fn appended<V>(mut earlier: Vec<V>, mut later: Vec<V>) -> Vec<V> {
    earlier.append(&mut later);
    earlier
}

/// The values without those that left, which are the first ones.
fn without_first<V>(mut values: Vec<V>, left: Vec<V>) -> Vec<V> {
    values.drain(..left.len().min(values.len()));
    values
}

//! `window`: the records of the last so many batches.

use std::time::Duration;

use tidemill_core::lineage::Operator;
use tidemill_core::{Element, Rdd, StorageLevel, Timestamp};

use crate::context::StreamingContext;
use crate::dstream::{Compute, Computed, DStream, Parent};
use crate::error::Error;

impl<T: Element> DStream<T> {
    /// The records of the last `window` of time, at every RDD of this stream: Spark's `DStream.window` (behaviour 1.50).
    ///
    /// See [`window_every`](DStream::window_every).
    ///
    /// # Errors
    /// [`Error::Window`] if `window` is zero or no multiple of this stream's [`slide`](DStream::slide).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidemill_streaming::testing::check;
    ///
    /// let two_seconds = Duration::from_secs(2);
    /// check(
    ///     [vec![1], vec![2, 3], vec![4]],
    ///     |numbers| numbers.window(two_seconds).expect("a multiple of the batch interval"),
    ///     [vec![1], vec![1, 2, 3], vec![2, 3, 4]],
    /// );
    /// ```
    #[track_caller]
    pub fn window(&self, window: Duration) -> Result<DStream<T>, Error> {
        self.windowed("window", window, self.slide())
    }

    /// The records of the last `window` of time, every `slide`: Spark's `DStream.window` with a slide.
    ///
    /// Its RDD at time T is the union of this stream's RDDs in (T - window, T], oldest first (behaviour 1.50). Slides are
    /// counted from the time before the first batch, and the first windows are partial (behaviour 10.14). With a window of
    /// 3 and a slide of 2 batches:
    ///
    /// ```text
    /// batch        1      2      3      4        5      6
    /// in           a      b      c      d        e      f
    /// out          -      a b    -      b c d    -      d e f
    /// ```
    ///
    /// So that nothing is computed once a window, this stream's RDDs are persisted, and persisting the windows is to
    /// persist them.
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
    ///     [vec!["a"], vec!["b"], vec!["c"], vec!["d"]].map(|batch| batch.into_iter().map(String::from).collect()),
    ///     |letters| letters.window_every(seconds(3), seconds(2)).expect("multiples of the batch interval"),
    ///     [vec!["a", "b"], vec!["b", "c", "d"]].map(|batch| batch.into_iter().map(String::from).collect()),
    /// );
    /// ```
    #[track_caller]
    pub fn window_every(&self, window: Duration, slide: Duration) -> Result<DStream<T>, Error> {
        self.windowed("window", window, slide)
    }

    /// The windows, under the name of the operator that needs them.
    #[track_caller]
    pub(crate) fn windowed(&self, name: &'static str, window: Duration, slide: Duration) -> Result<DStream<T>, Error> {
        self.check_window(name, window, slide)?;
        self.node().persist_if_not();
        Ok(DStream::new(self.weak(), name, slide, Windowed { parent: self.clone(), window }))
    }
}

impl<T: 'static> DStream<T> {
    /// Whether windows over this stream may have these durations.
    #[track_caller]
    pub(crate) fn check_window(&self, name: &'static str, window: Duration, slide: Duration) -> Result<(), Error> {
        for (what, duration) in [("window", window), ("slide", slide)] {
            let parent = self.slide();
            if duration.is_zero() || !duration.as_nanos().is_multiple_of(parent.as_nanos()) {
                return Err(Error::Window { operator: Operator::here(name), what, duration, parent });
            }
        }
        Ok(())
    }

    /// Its RDDs in (time - window, time], oldest first; batches without one are left out.
    pub(crate) fn recent(
        &self,
        streaming: &StreamingContext,
        time: Timestamp,
        window: Duration,
    ) -> Result<Vec<Rdd<T>>, Error> {
        let slide = self.slide().as_micros() as u64;
        let passed = time.since(streaming.zero().unwrap_or(time)); // nothing was before the start
        let steps = window.min(passed).as_micros() as u64 / slide.max(1);
        let times = (0..steps).rev().map(|back| Timestamp::from_micros(time.micros() - back * slide));
        times.filter_map(|time| self.rdd(time).transpose()).collect()
    }

    /// This stream as the parent of one whose RDDs read windows of it.
    pub(crate) fn as_window_parent(&self, window: Duration) -> Parent {
        self.as_parent(window.saturating_sub(self.slide()))
    }
}

struct Windowed<T: 'static> {
    parent: DStream<T>,
    window: Duration,
}

impl<T: Element> Compute<T> for Windowed<T> {
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<T> {
        let rdds = self.parent.recent(streaming, time, self.window)?;
        Ok(Some(streaming.context().union(&rdds)))
    }

    fn parents(&self) -> Vec<Parent> {
        vec![self.parent.as_window_parent(self.window)]
    }

    fn persist_parents(&self, level: Option<StorageLevel>) -> bool {
        match level {
            Some(level) => self.parent.node().persist(level),
            None => self.parent.node().persist_if_not(),
        }
        true
    }
}

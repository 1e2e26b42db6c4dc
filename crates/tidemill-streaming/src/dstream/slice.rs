//! `slice`: the RDDs of a stream from one time to another.

use std::time::Duration;

use tidemill_core::{Rdd, Timestamp};

use crate::dstream::DStream;
use crate::error::Error;

impl<T: 'static> DStream<T> {
    /// The RDDs of the batches from `from` to `to`, both included, oldest first: Spark's `DStream.slice` (behaviour 1.49).
    ///
    /// Times that are not on the stream's grid are rounded down to it; batches without an RDD are left out. How far back
    /// a stream remembers is what its readers need, and what [`remember`](crate::StreamingContext::remember) says. An RDD
    /// that nothing has asked for yet is computed; one of a batch that has no input yet is left out (*unlike Spark*, where
    /// that batch loses its input). After the stop what is remembered can still be had.
    ///
    /// ```text
    /// batches of 1 s, slice from 1.5 s to 3 s:   [1]  [2]  [3]  [4]  ->  [1] [2] [3]
    /// ```
    ///
    /// # Errors
    /// [`Error::NotInitialized`] before the start, and what the making of an RDD reports.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidemill_streaming::testing::TestContext;
    ///
    /// let test = TestContext::new();
    /// test.streaming().remember(Duration::from_secs(10))?;
    /// let (feed, numbers) = test.input();
    /// let _seen = test.collect(&numbers);
    /// for batch in 1..=4 {
    ///     feed.push([batch]);
    ///     test.tick()?;
    /// }
    /// let rdds = numbers.slice(test.time(2), test.time(3))?;
    /// assert_eq!(test.context().union(&rdds).collect()?, [2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn slice(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Rdd<T>>, Error> {
        let not_initialized = || Error::NotInitialized { operator: self.operator().clone() };
        let streaming = self.context().ok_or_else(not_initialized)?;
        let zero = streaming.zero().ok_or_else(not_initialized)?;
        let mut rdds = Vec::new();
        let mut time = floor(from.max(zero), zero, self.slide());
        while time <= to && streaming.has_input(time) {
            rdds.extend(self.rdd(time)?);
            time = time + self.slide();
        }
        Ok(rdds)
    }
}

/// The last multiple of `slide` after `zero` that is not after `time`.
fn floor(time: Timestamp, zero: Timestamp, slide: Duration) -> Timestamp {
    let (passed, slide) = (time.since(zero).as_micros() as u64, slide.as_micros() as u64);
    zero + Duration::from_micros(passed - passed % slide.max(1))
}

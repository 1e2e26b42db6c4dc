//! `transform`: any RDD operation on each batch.

use std::time::Duration;

use tidemill_core::{Rdd, Timestamp};

use crate::context::StreamingContext;
use crate::dstream::{Compute, Computed, DStream, Parent};

impl<T: 'static> DStream<T> {
    /// Makes of the RDD of each batch another one: Spark's `DStream.transform`. The function is called once a batch, in
    /// the driver.
    ///
    /// ```no_run
    /// # fn example(lines: tidemill_streaming::DStream<tidemill_core::Text>) {
    /// let distinct_lengths = lines.transform(|rdd, _time| rdd.map(|line| line.len()));
    /// # }
    /// ```
    #[track_caller]
    pub fn transform<U: 'static>(&self, f: impl Fn(Rdd<T>, Timestamp) -> Rdd<U> + Send + Sync + 'static) -> DStream<U> {
        self.derived("transform", f)
    }

    /// A stream that is computed from this one's RDD of the same batch.
    #[track_caller]
    pub(crate) fn derived<U: 'static>(
        &self,
        name: &'static str,
        f: impl Fn(Rdd<T>, Timestamp) -> Rdd<U> + Send + Sync + 'static,
    ) -> DStream<U> {
        DStream::new(self.weak(), name, self.slide(), Derived { parent: self.clone(), f })
    }
}

struct Derived<T: 'static, F> {
    parent: DStream<T>,
    f: F,
}

impl<T: 'static, U: 'static, F: Fn(Rdd<T>, Timestamp) -> Rdd<U> + Send + Sync + 'static> Compute<U> for Derived<T, F> {
    fn compute(&self, _: &StreamingContext, time: Timestamp) -> Computed<U> {
        Ok(self.parent.rdd(time)?.map(|rdd| (self.f)(rdd, time)))
    }

    fn parents(&self) -> Vec<Parent> {
        vec![self.parent.as_parent(Duration::ZERO)]
    }
}

//! `StreamingContext::transform`: any operation on the RDDs that several streams have for a batch.

use std::time::Duration;

use tidemill_core::lineage::Operator;
use tidemill_core::{Rdd, Timestamp};

use crate::context::{StreamingContext, WeakContext};
use crate::dstream::foreach_rdd::AnyError;
use crate::dstream::together::{check_together, needed};
use crate::dstream::transform::generated;
use crate::dstream::{Compute, Computed, DStream, Parent};
use crate::error::Error;

impl StreamingContext {
    /// Makes of the RDDs that streams have for a batch, in the order of the streams, a new one: Spark's
    /// `StreamingContext.transform` (behaviour 1.17). The function is called once a batch, in the driver. A stream that has
    /// no RDD for a batch loses that batch.
    ///
    /// ```text
    /// batch 1: [1, 1] and [2]  ->  f([RDD of [1, 1], RDD of [2]], time)  ->  [1, 2]
    /// batch 2: []     and [3]  ->  f([empty RDD, RDD of [3]], time)      ->  [3]
    /// ```
    ///
    /// # Errors
    /// [`Error::NoStreams`], [`Error::DifferentSlides`] and [`Error::DifferentContexts`].
    ///
    /// ```
    /// use tidemill_streaming::testing::TestContext;
    ///
    /// let test = TestContext::new();
    /// let ((one, ones), (two, twos)) = (test.input(), test.input());
    /// let distinct = test.streaming().transform(&[ones, twos], |rdds, _time| rdds[0].union(&rdds[1]).distinct_into(1))?;
    /// let seen = test.collect(&distinct);
    /// one.push([1, 1]);
    /// two.push([2]);
    /// test.tick()?;
    /// assert_eq!(seen.values(), [[1, 2]]);
    /// # Ok::<(), tidemill_streaming::Error>(())
    /// ```
    #[track_caller]
    pub fn transform<T: 'static, U: 'static>(
        &self,
        streams: &[DStream<T>],
        f: impl Fn(&[Rdd<T>], Timestamp) -> Rdd<U> + Send + Sync + 'static,
    ) -> Result<DStream<U>, Error> {
        all("transform", &self.weak(), streams, move |rdds, time| Ok(f(rdds, time)))
    }

    /// [`transform`](StreamingContext::transform) for a function that may fail; an error loses that batch. It gives an RDD
    /// in any case, because Spark refuses none here too (behaviour 1.17, 2.10).
    ///
    /// ```text
    /// batch 1: [1] and [2]  ->  f gives Ok(RDD)   ->  its records
    /// batch 2: [3] and [4]  ->  f gives Err(why)  ->  the batch is lost
    /// ```
    ///
    /// # Errors
    /// [`Error::NoStreams`], [`Error::DifferentSlides`] and [`Error::DifferentContexts`].
    ///
    /// ```
    /// use tidemill_streaming::testing::TestContext;
    ///
    /// let test = TestContext::new();
    /// let ((one, ones), (_, twos)) = (test.input(), test.input());
    /// let streaming = test.streaming();
    /// let sorted = streaming.try_transform(&[ones, twos], |rdds, _time| Ok(rdds[0].sort_by(|x| *x, true, 1)?))?;
    /// let seen = test.collect(&sorted);
    /// one.push([3, 1, 2]);
    /// test.tick()?;
    /// assert_eq!(seen.values(), [[1, 2, 3]]);
    /// # Ok::<(), tidemill_streaming::Error>(())
    /// ```
    #[track_caller]
    pub fn try_transform<T: 'static, U: 'static>(
        &self,
        streams: &[DStream<T>],
        f: impl Fn(&[Rdd<T>], Timestamp) -> Result<Rdd<U>, AnyError> + Send + Sync + 'static,
    ) -> Result<DStream<U>, Error> {
        all("try_transform", &self.weak(), streams, f)
    }
}

#[track_caller]
fn all<T: 'static, U: 'static, F>(
    name: &'static str,
    context: &WeakContext,
    streams: &[DStream<T>],
    f: F,
) -> Result<DStream<U>, Error>
where
    F: Fn(&[Rdd<T>], Timestamp) -> Result<Rdd<U>, AnyError> + Send + Sync + 'static,
{
    let operator = Operator::here(name);
    let shapes: Vec<_> = streams.iter().map(|stream| (stream.weak(), stream.slide())).collect();
    check_together(&operator, context, &shapes)?;
    let Some(first) = streams.first() else { return Err(Error::NoStreams { operator }) };
    Ok(DStream::new(first.weak(), name, first.slide(), All { parents: streams.to_vec(), operator, f }))
}

struct All<T: 'static, F> {
    parents: Vec<DStream<T>>,
    operator: Operator,
    f: F,
}

impl<T: 'static, U: 'static, F> Compute<U> for All<T, F>
where
    F: Fn(&[Rdd<T>], Timestamp) -> Result<Rdd<U>, AnyError> + Send + Sync + 'static,
{
    fn compute(&self, _: &StreamingContext, time: Timestamp) -> Computed<U> {
        let rdds = self.parents.iter().map(|parent| needed(parent, time, &self.operator));
        let rdds = rdds.collect::<Result<Vec<_>, Error>>()?;
        generated((self.f)(&rdds, time).map(Some), time, &self.operator)
    }

    fn parents(&self) -> Vec<Parent> {
        self.parents.iter().map(|parent| parent.as_parent(Duration::ZERO)).collect()
    }
}

//! `transform`: any RDD operation on each batch.

use std::sync::Arc;
use std::time::Duration;

use tidemill_core::lineage::Operator;
use tidemill_core::{Cause, Rdd, Timestamp};

use crate::context::StreamingContext;
use crate::dstream::foreach_rdd::AnyError;
use crate::dstream::{Compute, Computed, DStream, Parent};
use crate::error::Error;

impl<T: 'static> DStream<T> {
    /// Makes of the RDD of each batch another one: Spark's `DStream.transform`. The function is called once a batch, in
    /// the driver, however many streams read the result (*unlike Spark's* Python, behaviour 1.57), and may run jobs
    /// (behaviour 1.43). A batch without an RDD stays without one. If the function panics, that batch is lost and the next
    /// one goes on.
    ///
    /// ```text
    /// batch 1: [1, 2, 2]  ->  f(RDD of [1, 2, 2], time of batch 1)  ->  [1, 2]
    /// batch 2: []         ->  f(empty RDD, time of batch 2)         ->  []
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![1, 2, 2], vec![]],
    ///     |numbers| numbers.transform(|rdd, _time| rdd.distinct_into(1)),
    ///     [vec![1, 2], vec![]],
    /// );
    /// ```
    #[track_caller]
    pub fn transform<U: 'static>(&self, f: impl Fn(Rdd<T>, Timestamp) -> Rdd<U> + Send + Sync + 'static) -> DStream<U> {
        self.derived("transform", f)
    }

    /// [`transform`](DStream::transform) for a function that may fail, and may have no RDD for a batch: then outputs have
    /// nothing to do, and operators that need one say so (behaviour 1.43, 10.13). An error loses that batch.
    ///
    /// ```text
    /// batch 1: [1, 2]  ->  f gives Ok(Some(RDD of [1, 2]))  ->  [1, 2]
    /// batch 2: []      ->  f gives Ok(None)                 ->  no RDD: `foreach_rdd` is not called
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![3, 1, 2], vec![], vec![5, 4]],
    ///     |numbers| {
    ///         numbers.try_transform(|rdd, _time| {
    ///             if rdd.is_empty()? {
    ///                 return Ok(None);
    ///             }
    ///             Ok(Some(rdd.sort_by(|x| *x, true, 1)?))
    ///         })
    ///     },
    ///     [vec![1, 2, 3], vec![4, 5]],
    /// );
    /// ```
    #[track_caller]
    pub fn try_transform<U: 'static, F>(&self, f: F) -> DStream<U>
    where
        F: Fn(Rdd<T>, Timestamp) -> Result<Option<Rdd<U>>, AnyError> + Send + Sync + 'static,
    {
        let operator = Operator::here("try_transform");
        self.computed("try_transform", move |rdd, time| generated(f(rdd, time), time, &operator))
    }

    /// A stream that is made of this one's RDD of the same batch.
    #[track_caller]
    pub(crate) fn derived<U: 'static>(
        &self,
        name: &'static str,
        f: impl Fn(Rdd<T>, Timestamp) -> Rdd<U> + Send + Sync + 'static,
    ) -> DStream<U> {
        self.computed(name, move |rdd, time| Ok(Some(f(rdd, time))))
    }

    /// A stream that is made of this one's RDD of the same batch, if that goes well.
    #[track_caller]
    pub(crate) fn computed<U: 'static>(
        &self,
        name: &'static str,
        f: impl Fn(Rdd<T>, Timestamp) -> Computed<U> + Send + Sync + 'static,
    ) -> DStream<U> {
        DStream::new(self.weak(), name, self.slide(), Derived { parent: self.clone(), f })
    }
}

/// What a user's function gave in the making of a batch, its error as one of that batch.
pub(crate) fn generated<R>(given: Result<R, AnyError>, time: Timestamp, operator: &Operator) -> Result<R, Error> {
    let output = operator.clone();
    given.map_err(|error| match error.downcast::<Error>() {
        Ok(error) => *error,
        Err(error) => match error.downcast::<tidemill_core::Error>() {
            Ok(cause) => Error::Batch { time, output, cause: Arc::new(*cause) },
            Err(error) => Error::Generate { time, output, cause: Cause::User(error.into()) },
        },
    })
}

struct Derived<T: 'static, F> {
    parent: DStream<T>,
    f: F,
}

impl<T: 'static, U: 'static, F: Fn(Rdd<T>, Timestamp) -> Computed<U> + Send + Sync + 'static> Compute<U>
    for Derived<T, F>
{
    fn compute(&self, _: &StreamingContext, time: Timestamp) -> Computed<U> {
        self.parent.rdd(time)?.map_or(Ok(None), |rdd| (self.f)(rdd, time))
    }

    fn parents(&self) -> Vec<Parent> {
        vec![self.parent.as_parent(Duration::ZERO)]
    }
}

//! `transform_with`: any operation on the RDDs that two streams have for a batch.

use std::time::Duration;

use tidemill_core::lineage::Operator;
use tidemill_core::{Rdd, Timestamp};

use crate::context::StreamingContext;
use crate::dstream::foreach_rdd::AnyError;
use crate::dstream::together::{check_together, needed};
use crate::dstream::transform::generated;
use crate::dstream::{Compute, Computed, DStream, Parent};
use crate::error::Error;

/// What an operator on two streams does in a batch for which one of them has no RDD, not even an empty one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// The batch is lost: Scala's `transformWith`, and the joins and cogroups. Both streams have the same slide.
    #[default]
    Fails,
    /// An RDD without partitions takes its place: PySpark's `transformWith`, joins and cogroups (behaviour 1.44). The
    /// slides may differ: between the batches of a slower `other`, its side is empty (behaviour 10.14).
    IsEmpty,
}

impl<T: 'static> DStream<T> {
    /// Makes of the RDDs that this stream and `other` have for a batch a new one: Spark's `DStream.transformWith`
    /// (behaviour 2.10). The function is called once a batch, in the driver. A stream that has no RDD for a batch loses
    /// that batch.
    ///
    /// ```text
    /// batch 1: [1, 2, 3] and [2]  ->  f(RDD of [1, 2, 3], RDD of [2], time)  ->  [1, 3]
    /// batch 2: [4]       and []   ->  f(RDD of [4], empty RDD, time)         ->  [4]
    /// ```
    ///
    /// # Errors
    /// [`Error::DifferentSlides`] and [`Error::DifferentContexts`].
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![1, 2, 3], vec![4]],
    ///     |all| {
    ///         let even = all.filter(|x| x % 2 == 0);
    ///         all.transform_with(&even, |all, even, _time| all.subtract_into(&even, 1)).unwrap()
    ///     },
    ///     [vec![1, 3], vec![]],
    /// );
    /// ```
    #[track_caller]
    pub fn transform_with<U: 'static, W: 'static>(
        &self,
        other: &DStream<U>,
        f: impl Fn(Rdd<T>, Rdd<U>, Timestamp) -> Rdd<W> + Send + Sync + 'static,
    ) -> Result<DStream<W>, Error> {
        self.together("transform_with", other, f)
    }

    /// [`transform_with`](DStream::transform_with) for a function that may fail, and may have no RDD for a batch, and with
    /// a choice for batches in which one of the streams has none. The stream has the slide of this one.
    ///
    /// ```text
    /// batch 1: [1]    and [2]     ->  f(RDD of [1], RDD of [2], time)
    /// batch 2: [3]    and no RDD  ->  an error with `Fails`, f(RDD of [3], empty RDD, time) with `IsEmpty`
    /// ```
    ///
    /// # Errors
    /// [`Error::DifferentContexts`], and with [`Missing::Fails`] also [`Error::DifferentSlides`].
    ///
    /// ```
    /// use tidemill_streaming::dstream::Missing;
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![1, 2], vec![3]],
    ///     |numbers| {
    ///         // No RDD for batches without even numbers.
    ///         let even = numbers.try_transform(|rdd, _| {
    ///             let even = rdd.filter(|x| x % 2 == 0);
    ///             Ok(if even.is_empty()? { None } else { Some(even) })
    ///         });
    ///         let both = numbers.try_transform_with(&even, Missing::IsEmpty, |all, even, _| Ok(Some(all.union(&even))));
    ///         both.unwrap()
    ///     },
    ///     [vec![1, 2, 2], vec![3]],
    /// );
    /// ```
    #[track_caller]
    pub fn try_transform_with<U: 'static, W: 'static, F>(
        &self,
        other: &DStream<U>,
        missing: Missing,
        f: F,
    ) -> Result<DStream<W>, Error>
    where
        F: Fn(Rdd<T>, Rdd<U>, Timestamp) -> Result<Option<Rdd<W>>, AnyError> + Send + Sync + 'static,
    {
        self.both("try_transform_with", other, missing, f)
    }

    /// A stream that is made of both RDDs of the same batch.
    #[track_caller]
    pub(crate) fn together<U: 'static, W: 'static>(
        &self,
        name: &'static str,
        other: &DStream<U>,
        f: impl Fn(Rdd<T>, Rdd<U>, Timestamp) -> Rdd<W> + Send + Sync + 'static,
    ) -> Result<DStream<W>, Error> {
        self.both(name, other, Missing::Fails, move |one, two, time| Ok(Some(f(one, two, time))))
    }

    #[track_caller]
    fn both<U: 'static, W: 'static, F>(
        &self,
        name: &'static str,
        other: &DStream<U>,
        missing: Missing,
        f: F,
    ) -> Result<DStream<W>, Error>
    where
        F: Fn(Rdd<T>, Rdd<U>, Timestamp) -> Result<Option<Rdd<W>>, AnyError> + Send + Sync + 'static,
    {
        let operator = Operator::here(name);
        let slide = if missing == Missing::Fails { other.slide() } else { self.slide() };
        check_together(&operator, self.weak(), &[(self.weak(), self.slide()), (other.weak(), slide)])?;
        let both = Both { one: self.clone(), two: other.clone(), missing, operator, f };
        Ok(DStream::new(self.weak(), name, self.slide(), both))
    }
}

struct Both<T: 'static, U: 'static, F> {
    one: DStream<T>,
    two: DStream<U>,
    missing: Missing,
    operator: Operator,
    f: F,
}

impl<T: 'static, U: 'static, F> Both<T, U, F> {
    fn side<V: 'static>(
        &self,
        stream: &DStream<V>,
        streaming: &StreamingContext,
        time: Timestamp,
    ) -> Result<Rdd<V>, Error> {
        match self.missing {
            Missing::Fails => needed(stream, time, &self.operator),
            Missing::IsEmpty => Ok(stream.rdd(time)?.unwrap_or_else(|| streaming.context().empty())),
        }
    }
}

impl<T: 'static, U: 'static, W: 'static, F> Compute<W> for Both<T, U, F>
where
    F: Fn(Rdd<T>, Rdd<U>, Timestamp) -> Result<Option<Rdd<W>>, AnyError> + Send + Sync + 'static,
{
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<W> {
        let (one, two) = (self.side(&self.one, streaming, time)?, self.side(&self.two, streaming, time)?);
        generated((self.f)(one, two, time), time, &self.operator)
    }

    fn parents(&self) -> Vec<Parent> {
        vec![self.one.as_parent(Duration::ZERO), self.two.as_parent(Duration::ZERO)]
    }
}

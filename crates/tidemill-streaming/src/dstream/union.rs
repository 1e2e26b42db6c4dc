//! `union`: the records of several streams, batch by batch.

use std::time::Duration;

use tidemill_core::Timestamp;
use tidemill_core::lineage::Operator;

use crate::context::{StreamingContext, WeakContext};
use crate::dstream::together::{check_together, needed};
use crate::dstream::{Compute, Computed, DStream, Parent};
use crate::error::Error;

impl<T: 'static> DStream<T> {
    /// The records of both streams, those of `other` in further partitions: Spark's `DStream.union` (behaviour 1.46). See
    /// [`StreamingContext::union`].
    ///
    /// ```text
    /// batch 1: [1, 2] and [3]  ->  [1, 2, 3]
    /// batch 2: []     and [4]  ->  [4]
    /// ```
    ///
    /// # Errors
    /// [`Error::DifferentSlides`] and [`Error::DifferentContexts`].
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![1, 2], vec![]],
    ///     |numbers| numbers.union(&numbers.map(|x| x * 10)).unwrap(),
    ///     [vec![1, 2, 10, 20], vec![]],
    /// );
    /// ```
    #[track_caller]
    pub fn union(&self, other: &DStream<T>) -> Result<DStream<T>, Error> {
        union(self.weak(), &[self.clone(), other.clone()])
    }
}

impl StreamingContext {
    /// The records of all streams, duplicates kept: Spark's `StreamingContext.union` (behaviour 1.18). The partitions of a
    /// batch are those of the first stream, then those of the second, and so on; if all RDDs have one layout, so has the
    /// union. The union of one stream is that stream.
    ///
    /// A stream that has no RDD for a batch, not even an empty one, loses that batch.
    ///
    /// ```text
    /// batch 1: [1, 2] and [3] and [4]  ->  [1, 2, 3, 4]
    /// batch 2: []     and [5] and []   ->  [5]
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
    /// let all = test.collect(&test.streaming().union(&[ones, twos])?);
    /// one.push([1, 2]);
    /// two.push([3]);
    /// test.tick()?;
    /// assert_eq!(all.values(), [[1, 2, 3]]);
    /// # Ok::<(), tidemill_streaming::Error>(())
    /// ```
    #[track_caller]
    pub fn union<T: 'static>(&self, streams: &[DStream<T>]) -> Result<DStream<T>, Error> {
        union(&self.weak(), streams)
    }
}

#[track_caller]
fn union<T: 'static>(context: &WeakContext, streams: &[DStream<T>]) -> Result<DStream<T>, Error> {
    let operator = Operator::here("union");
    let shapes: Vec<_> = streams.iter().map(|stream| (stream.weak(), stream.slide())).collect();
    check_together(&operator, context, &shapes)?;
    match streams {
        [] => Err(Error::NoStreams { operator }),
        [only] => Ok(only.clone()),
        [first, ..] => {
            let union = Union { parents: streams.to_vec(), operator };
            Ok(DStream::new(first.weak(), "union", first.slide(), union))
        }
    }
}

struct Union<T: 'static> {
    parents: Vec<DStream<T>>,
    operator: Operator,
}

impl<T: 'static> Compute<T> for Union<T> {
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<T> {
        let rdds = self.parents.iter().map(|parent| needed(parent, time, &self.operator));
        let rdds = rdds.collect::<Result<Vec<_>, Error>>()?;
        Ok(Some(streaming.context().union(&rdds)))
    }

    fn parents(&self) -> Vec<Parent> {
        self.parents.iter().map(|parent| parent.as_parent(Duration::ZERO)).collect()
    }
}

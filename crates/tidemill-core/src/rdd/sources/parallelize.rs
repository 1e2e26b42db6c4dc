//! `parallelize`: the elements of a collection of the driver's.

use std::sync::Arc;

use crate::context::Context;
use crate::lineage::{Dependency, Lineage, Meta, Node};
use crate::rdd::Rdd;
use crate::runs::{BoxRuns, Runs, run_len};
use crate::ship::{Decoded, Decoder, Encoder, NotShippable, ShipError};
use crate::task::TaskContext;
use crate::{Element, Stop};

impl Context {
    /// An RDD of the given elements, cut into `partitions` parts at `floor(i * len / partitions)` (behaviour 3.21):
    /// Spark's `SparkContext.parallelize`. No partitions are taken as one.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let parts = context.parallelize(0..10, 3).glom().collect()?;
    /// assert_eq!(parts, [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7, 8, 9]]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn parallelize<T: Element>(&self, elements: impl IntoIterator<Item = T>, partitions: usize) -> Rdd<T> {
        let meta = self.meta("parallelize", partitions.max(1), None);
        Rdd::new(self, Arc::new(Parallelize { meta, elements: elements.into_iter().collect() }))
    }
}

struct Parallelize<T> {
    meta: Meta,
    elements: Arc<[T]>,
}

impl<T: Element> Parallelize<T> {
    fn bound(&self, partition: usize) -> usize {
        (partition as u128 * self.elements.len() as u128 / self.meta.partitions as u128) as usize
    }
}

impl<T: Element> Lineage for Parallelize<T> {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        Vec::new()
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable> {
        out.node::<Self>(decode::<T>, &self.meta, &[], &*self.elements)
    }
}

fn decode<T: Element>(decoder: &mut Decoder) -> Result<Decoded, ShipError> {
    let (meta, _, elements): (Meta, Vec<u32>, Vec<T>) = decoder.value::<Parallelize<T>, _>()?;
    let node: Arc<dyn Node<T>> = Arc::new(Parallelize { meta, elements: elements.into() });
    Ok(Box::new(node))
}

impl<T: Element> Node<T> for Parallelize<T> {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<T>, Stop> {
        let (at, end) = (self.bound(partition), self.bound(partition + 1));
        Ok(Box::new(SliceRuns { elements: Arc::clone(&self.elements), at, end, cx: Arc::clone(cx) }))
    }
}

/// Clones elements out of a shared slice.
struct SliceRuns<T> {
    elements: Arc<[T]>,
    at: usize,
    end: usize,
    cx: Arc<TaskContext>,
}

impl<T: Clone> Runs<T> for SliceRuns<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        self.cx.check()?;
        let end = self.end.min(self.at + run_len::<T>());
        let run = self.elements.get(self.at..end).unwrap_or(&[]);
        into.extend_from_slice(run);
        self.at = end;
        Ok(!run.is_empty())
    }
}

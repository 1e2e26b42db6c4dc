//! The source whose partitions are described by small pieces of data: ranges of numbers, splits of files.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::context::Context;
use crate::lineage::{Dependency, Lineage, Meta, Node};
use crate::rdd::Rdd;
use crate::runs::BoxRuns;
use crate::ship::{Decoded, Decoder, Encoder, NotShippable, ShipError, conjure};
use crate::task::TaskContext;
use crate::{Cause, Element, RddId, Stop};

/// What a source makes a partition of.
pub(crate) struct Part<P> {
    pub(crate) part: P,
    pub(crate) cx: Arc<TaskContext>,
    node: RddId,
}

impl<P> Part<P> {
    /// Says that the source's own code runs next, so that a failure names it. It also ends a task that was asked to end.
    pub(crate) fn enter(&self) -> Result<(), Stop> {
        self.cx.enter(self.node);
        self.cx.check()
    }
}

/// Makes the runs of a partition from its part. It captures nothing.
pub(crate) trait MakeOfPart<P, T>:
    Fn(Part<P>) -> Result<BoxRuns<T>, Stop> + Copy + Send + Sync + 'static
{
}
impl<P, T, M: Fn(Part<P>) -> Result<BoxRuns<T>, Stop> + Copy + Send + Sync + 'static> MakeOfPart<P, T> for M {}

struct Parts<P, T, M> {
    meta: Meta,
    parts: Vec<P>,
    make: M,
    made: PhantomData<fn() -> T>,
}

impl Context {
    /// Adds a source called `name` with a partition for each of `parts`.
    #[track_caller]
    pub(crate) fn parts<P: Element, T: 'static>(
        &self,
        name: &'static str,
        parts: Vec<P>,
        make: impl MakeOfPart<P, T>,
    ) -> Rdd<T> {
        debug_assert!(size_of_val(&make) == 0, "what makes runs is told apart by its type alone");
        let meta = self.meta(name, parts.len(), None);
        Rdd::new(self, Arc::new(Parts { meta, parts, make, made: PhantomData }))
    }
}

impl<P: Element, T: 'static, M: MakeOfPart<P, T>> Lineage for Parts<P, T, M> {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        Vec::new()
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable> {
        out.node::<Self>(decode::<P, T, M>, &self.meta, &[], &self.parts)
    }
}

fn decode<P: Element, T: 'static, M: MakeOfPart<P, T>>(decoder: &mut Decoder) -> Result<Decoded, ShipError> {
    let (meta, _, parts): (Meta, Vec<u32>, Vec<P>) = decoder.value::<Parts<P, T, M>, _>()?;
    let node: Arc<dyn Node<T>> = Arc::new(Parts { meta, parts, make: conjure::<M>()?, made: PhantomData });
    Ok(Box::new(node))
}

impl<P: Element, T: 'static, M: MakeOfPart<P, T>> Node<T> for Parts<P, T, M> {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<T>, Stop> {
        let part = self.parts.get(partition).cloned();
        let part = part.ok_or_else(|| Cause::Invalid(format!("there is no partition {partition}")))?;
        let part = Part { part, cx: Arc::clone(cx), node: self.meta.id };
        part.enter()?;
        (self.make)(part)
    }
}

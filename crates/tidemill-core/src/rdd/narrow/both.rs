//! The narrow node over two parents that lie by one layout: partition by partition, within the same task.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::Stop;
use crate::layout::Layout;
use crate::lineage::{Dependency, Lineage, Meta, Node, Parent};
use crate::rdd::{Input, Rdd};
use crate::runs::BoxRuns;
use crate::ship::{Code, Decoded, Decoder, Encoder, NotShippable, ShipError, conjure};
use crate::task::TaskContext;

/// Makes the runs of an operator from its two inputs and its code. It captures nothing.
pub(crate) trait MakeBoth<A, B, U, C>:
    Fn(Input<A>, Input<B>, Arc<C>) -> Result<BoxRuns<U>, Stop> + Copy + Send + Sync + 'static
{
}
impl<A, B, U, C, M> MakeBoth<A, B, U, C> for M where
    M: Fn(Input<A>, Input<B>, Arc<C>) -> Result<BoxRuns<U>, Stop> + Copy + Send + Sync + 'static
{
}

struct Both<A: 'static, B: 'static, U, C, M> {
    meta: Meta,
    left: Parent<A>,
    right: Parent<B>,
    code: Arc<C>,
    make: M,
    made: PhantomData<fn() -> U>,
}

impl<A: 'static> Rdd<A> {
    /// Adds an operator called `name` over this RDD and `right`, which has as many partitions.
    #[track_caller]
    pub(crate) fn narrow_both<B: 'static, U: 'static, C: Code>(
        &self,
        right: &Rdd<B>,
        name: &'static str,
        layout: Option<Layout>,
        code: C,
        make: impl MakeBoth<A, B, U, C>,
    ) -> Rdd<U> {
        debug_assert!(size_of_val(&make) == 0, "what makes runs is told apart by its type alone");
        debug_assert!(self.num_partitions() == right.num_partitions(), "{name}: both inputs lie by one layout");
        let depth = self.meta().depth.max(right.meta().depth) + 1;
        let meta = Meta { depth, ..self.context().meta(name, self.num_partitions(), layout) };
        let (left, right) = (self.parent(), right.parent());
        let node = Both { meta, left, right, code: Arc::new(code), make, made: PhantomData };
        Rdd::new(self.context(), Arc::new(node))
    }
}

impl<A: 'static, B: 'static, U: 'static, C: Code, M: MakeBoth<A, B, U, C>> Lineage for Both<A, B, U, C, M> {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        vec![self.left.narrow(), self.right.narrow()]
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable> {
        let code = self.code.pack().map_err(|e| e.at(&self.meta.operator))?;
        out.node::<Self>(decode::<A, B, U, C, M>, &self.meta, &[self.left.id(), self.right.id()], &code)
    }
}

fn decode<A: 'static, B: 'static, U: 'static, C: Code, M: MakeBoth<A, B, U, C>>(
    decoder: &mut Decoder,
) -> Result<Decoded, ShipError> {
    let (meta, parents, code): (Meta, Vec<u32>, Vec<u8>) = decoder.value::<Both<A, B, U, C, M>, _>()?;
    let place = |at: usize| parents.get(at).copied().unwrap_or(u32::MAX);
    let left = Parent::new(decoder.parent::<A>(place(0))?);
    let right = Parent::new(decoder.parent::<B>(place(1))?);
    let (code, make) = (Arc::new(C::unpack(&code)?), conjure::<M>()?);
    let node: Arc<dyn Node<U>> = Arc::new(Both { meta, left, right, code, make, made: PhantomData });
    Ok(Box::new(node))
}

impl<A: 'static, B: 'static, U: 'static, C: Code, M: MakeBoth<A, B, U, C>> Node<U> for Both<A, B, U, C, M> {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<U>, Stop> {
        let left = self.left.compute(partition, cx, self.meta.depth)?;
        let right = self.right.compute(partition, cx, self.meta.depth)?;
        let (cx, node) = (Arc::clone(cx), self.meta.id);
        let left = Input { runs: left, cx: Arc::clone(&cx), partition, node };
        let right = Input { runs: right, cx, partition, node };
        (self.make)(left, right, Arc::clone(&self.code))
    }
}

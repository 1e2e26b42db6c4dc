//! The narrow node: each partition is computed from the same partition of one parent, within the same task.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::lineage::{Dependency, Lineage, Meta, Node, Parent};
use crate::rdd::Rdd;
use crate::runs::{BoxRuns, Runs};
use crate::ship::{Bytes, Code, Decoded, Decoder, Encoder, NotShippable, ShipError, conjure};
use crate::task::TaskContext;
use crate::{RddId, Stop};

/// What a narrow operator draws from: the runs of its parent, with what it may ask.
pub(crate) struct Input<T> {
    runs: BoxRuns<T>,
    pub(crate) cx: Arc<TaskContext>,
    pub(crate) partition: usize,
    node: RddId,
}

impl<T> Input<T> {
    /// What `node` draws from `runs`.
    pub(crate) fn new(runs: BoxRuns<T>, cx: &Arc<TaskContext>, partition: usize, node: RddId) -> Input<T> {
        Input { runs, cx: Arc::clone(cx), partition, node }
    }

    /// The next run of the parent; from here on failures are this operator's.
    #[inline]
    pub(crate) fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        let more = self.runs.next(into)?;
        self.cx.enter(self.node);
        Ok(more)
    }

    /// Says that this operator's code runs next.
    pub(crate) fn enter(&self) {
        self.cx.enter(self.node);
    }

    /// The operator's node.
    pub(crate) fn node(&self) -> RddId {
        self.node
    }

    /// The operator, for runs that outlive its input.
    pub(crate) fn operator(&self) -> Entry {
        Entry { cx: Arc::clone(&self.cx), node: self.node }
    }
}

/// An operator that says when its code runs.
pub(crate) struct Entry {
    cx: Arc<TaskContext>,
    node: RddId,
}

impl Entry {
    /// Says that this operator's code runs next.
    pub(crate) fn enter(&self) {
        self.cx.enter(self.node);
    }
}

impl<T> Runs<T> for Input<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        Input::next(self, into)
    }
}

impl<T: 'static> Input<T> {
    /// What the operator `node` draws from when it reads `partition` of `parent`.
    pub(crate) fn of(parent: &Parent<T>, partition: usize, cx: &Arc<TaskContext>, node: &Meta) -> Result<Self, Stop> {
        let runs = parent.compute(partition, cx, node.depth)?;
        Ok(Input::new(runs, cx, partition, node.id))
    }
}

/// Whether an operator leaves keys where they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// Equal keys stay in the partition where they were.
    Layout,
    /// Elements change.
    Nothing,
}

/// A narrow operator: its parent, its code, and how runs are made of the two. `M` captures nothing: it is told apart by
/// its type alone.
struct Narrow<T: 'static, U, C, M> {
    meta: Meta,
    parent: Parent<T>,
    code: Arc<C>,
    make: M,
    made: PhantomData<fn() -> U>,
}

/// Makes the runs of an operator from its input and its code.
pub(crate) trait Make<T, U, C>:
    Fn(Input<T>, Arc<C>) -> Result<BoxRuns<U>, Stop> + Copy + Send + Sync + 'static
{
}
impl<T, U, C, M: Fn(Input<T>, Arc<C>) -> Result<BoxRuns<U>, Stop> + Copy + Send + Sync + 'static> Make<T, U, C> for M {}

impl<T: 'static> Rdd<T> {
    /// Adds a narrow operator called `name`.
    #[track_caller]
    pub(crate) fn narrow<U: 'static, C: Code>(
        &self,
        name: &'static str,
        keeps: Keeps,
        code: C,
        make: impl Make<T, U, C>,
    ) -> Rdd<U> {
        debug_assert!(size_of_val(&make) == 0, "what makes runs is told apart by its type alone");
        let parent = self.meta();
        let layout = if keeps == Keeps::Layout { parent.layout.clone() } else { None };
        let meta = Meta { depth: parent.depth + 1, ..self.context().meta(name, parent.partitions, layout) };
        let node = Narrow { meta, parent: self.parent(), code: Arc::new(code), make, made: PhantomData };
        Rdd::new(self.context(), Arc::new(node))
    }
}

impl<T: 'static, U: 'static, C: Code, M: Make<T, U, C>> Lineage for Narrow<T, U, C, M> {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        vec![self.parent.narrow()]
    }

    fn first_input(&self, partition: usize) -> Option<(Arc<dyn Lineage>, usize)> {
        Some((Arc::clone(self.parent.node()) as Arc<dyn Lineage>, partition))
    }

    fn draws_once(&self) -> bool {
        true
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable> {
        let code = Bytes(self.code.pack().map_err(|e| e.at(&self.meta.operator))?);
        out.node::<Self>(decode::<T, U, C, M>, &self.meta, &[self.parent.id()], &code)
    }
}

fn decode<T: 'static, U: 'static, C: Code, M: Make<T, U, C>>(decoder: &mut Decoder) -> Result<Decoded, ShipError> {
    let (meta, parents, Bytes(code)): (Meta, Vec<u32>, Bytes) = decoder.value::<Narrow<T, U, C, M>, _>()?;
    let parent = Parent::new(decoder.parent::<T>(parents.first().copied().unwrap_or(u32::MAX))?);
    let (code, make) = (Arc::new(C::unpack(&code)?), conjure::<M>()?);
    let node: Arc<dyn Node<U>> = Arc::new(Narrow { meta, parent, code, make, made: PhantomData });
    Ok(Box::new(node))
}

impl<T: 'static, U: 'static, C: Code, M: Make<T, U, C>> Node<U> for Narrow<T, U, C, M> {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<U>, Stop> {
        let input = Input::of(&self.parent, partition, cx, &self.meta)?;
        (self.make)(input, Arc::clone(&self.code))
    }
}

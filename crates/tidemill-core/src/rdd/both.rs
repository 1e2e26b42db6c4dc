//! The narrow node of two parents: each partition is computed from one partition of each, within the same task.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::Stop;
use crate::layout::Layout;
use crate::lineage::{Dependency, Lineage, Meta, Node, Parent};
use crate::rdd::{Input, Rdd};
use crate::runs::BoxRuns;
use crate::ship::{Decoded, Decoder, Encoder, NotShippable, ShipError, conjure};
use crate::task::TaskContext;

/// Which partitions of two parents meet in one partition.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meeting {
    /// Those with the same number.
    Same,
    /// Each of the left one with each of the right one, the left one's number counting first.
    Each,
}

/// What an operator on two RDDs draws from.
pub(crate) struct Inputs<T: 'static, U: 'static> {
    left: (Parent<T>, usize),
    right: (Parent<U>, usize),
    meta: Meta,
    pub(crate) cx: Arc<TaskContext>,
}

impl<T: 'static, U: 'static> Inputs<T, U> {
    /// The left partition, from its start.
    pub(crate) fn left(&self) -> Result<Input<T>, Stop> {
        Input::of(&self.left.0, self.left.1, &self.cx, &self.meta)
    }

    /// The right partition, from its start; each call computes it anew.
    pub(crate) fn right(&self) -> Result<Input<U>, Stop> {
        Input::of(&self.right.0, self.right.1, &self.cx, &self.meta)
    }
}

/// Makes the runs of an operator on two RDDs. It captures nothing.
pub(crate) trait MakeOfBoth<T: 'static, U: 'static, V>:
    Fn(Inputs<T, U>) -> Result<BoxRuns<V>, Stop> + Copy + Send + Sync + 'static
{
}
impl<T: 'static, U: 'static, V, M> MakeOfBoth<T, U, V> for M where
    M: Fn(Inputs<T, U>) -> Result<BoxRuns<V>, Stop> + Copy + Send + Sync + 'static
{
}

struct Both<T: 'static, U: 'static, V, M> {
    meta: Meta,
    left: Parent<T>,
    right: Parent<U>,
    meeting: Meeting,
    make: M,
    made: PhantomData<fn() -> V>,
}

impl<T: 'static> Rdd<T> {
    /// Adds an operator called `name` on this RDD and `other`, whose keys lie by `layout` afterwards.
    #[track_caller]
    pub(crate) fn both<U: 'static, V: 'static>(
        &self,
        other: &Rdd<U>,
        name: &'static str,
        meeting: Meeting,
        layout: Option<Layout>,
        make: impl MakeOfBoth<T, U, V>,
    ) -> Rdd<V> {
        debug_assert!(size_of_val(&make) == 0, "what makes runs is told apart by its type alone");
        let partitions = match meeting {
            Meeting::Same => self.num_partitions(),
            Meeting::Each => self.num_partitions() * other.num_partitions(),
        };
        let depth = self.meta().depth.max(other.meta().depth) + 1;
        let meta = Meta { depth, ..self.context().meta(name, partitions, layout) };
        let (left, right, made) = (self.parent(), other.parent(), PhantomData);
        Rdd::new(self.context(), Arc::new(Both { meta, left, right, meeting, make, made }))
    }
}

impl<T: 'static, U: 'static, V, M> Both<T, U, V, M> {
    fn places(&self, partition: usize) -> (usize, usize) {
        match self.meeting {
            Meeting::Same => (partition, partition),
            Meeting::Each => {
                let right = self.right.node().meta().partitions.max(1);
                (partition / right, partition % right)
            }
        }
    }
}

impl<T: 'static, U: 'static, V: 'static, M: MakeOfBoth<T, U, V>> Lineage for Both<T, U, V, M> {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        vec![self.left.narrow(), self.right.narrow()]
    }

    fn first_input(&self, partition: usize) -> Option<(Arc<dyn Lineage>, usize)> {
        Some((Arc::clone(self.left.node()) as Arc<dyn Lineage>, self.places(partition).0))
    }

    fn draws_once(&self) -> bool {
        self.meeting == Meeting::Same
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable> {
        let parents = [self.left.id(), self.right.id()];
        out.node::<Self>(decode::<T, U, V, M>, &self.meta, &parents, &(self.meeting == Meeting::Each))
    }
}

fn decode<T: 'static, U: 'static, V: 'static, M: MakeOfBoth<T, U, V>>(
    decoder: &mut Decoder,
) -> Result<Decoded, ShipError> {
    let (meta, parents, each): (Meta, Vec<u32>, bool) = decoder.value::<Both<T, U, V, M>, _>()?;
    let [left, right] = parents[..] else {
        return Err(ShipError::Value("an operator on two RDDs has two parents".into()));
    };
    let (left, right) = (Parent::new(decoder.parent::<T>(left)?), Parent::new(decoder.parent::<U>(right)?));
    let meeting = if each { Meeting::Each } else { Meeting::Same };
    let node: Arc<dyn Node<V>> =
        Arc::new(Both { meta, left, right, meeting, make: conjure::<M>()?, made: PhantomData });
    Ok(Box::new(node))
}

impl<T: 'static, U: 'static, V: 'static, M: MakeOfBoth<T, U, V>> Node<V> for Both<T, U, V, M> {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<V>, Stop> {
        let (left, right) = self.places(partition);
        let (left, right) = ((self.left.clone(), left), (self.right.clone(), right));
        (self.make)(Inputs { left, right, meta: self.meta.clone(), cx: Arc::clone(cx) })
    }
}

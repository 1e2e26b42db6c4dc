//! `Concat`: the node whose partitions are whole partitions of its parents, one after the other: `union`, `coalesce`.
//!
//! Unions grow long: a state that takes in batch after batch is a union of a union of a union. So nothing here nests:
//! a union that is read by a union is taken apart in a loop, and where a partition is one of a parent's, the parent's own
//! runs are what the reader gets. A union at the end of a chain of unions also knows one far up the chain, so that its
//! early partitions are found in a number of steps that is logarithmic in the chain's length.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Stop;
use crate::lineage::{Dependency, Lineage, Meta, Node, Parent, compute_below};
use crate::runs::{BoxRuns, Runs};
use crate::ship::{Decoded, Decoder, Encoder, NotShippable, ShipError};
use crate::task::TaskContext;

/// Which partitions of its parents a partition of a [`Concat`] is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arrangement {
    /// Each is one of a parent's: first those of the first parent, then those of the second.
    InTurn,
    /// Partition `p` is partition `p` of each parent. All have the same number.
    Alongside,
    /// Each is a group of neighbours of the only parent, cut at `floor(i * len / partitions)`.
    Grouped,
}

/// A node whose partitions are whole partitions of its parents.
pub struct Concat<T: 'static> {
    meta: Meta,
    parents: Vec<Parent<T>>,
    arrangement: Arrangement,
    /// Behind the last partition of each parent, if they come in turn.
    ends: Vec<usize>,
    chain: Chain<T>,
}

/// The place of a node in a chain of unions that were each built on the one before.
struct Chain<T: 'static> {
    length: u64,
    /// A union further up the chain, whose partitions are the first ones of this node (Myers' random-access stack: the
    /// distances are such that any place is reached in logarithmic time, at one more pointer a node).
    earlier: Option<Parent<T>>,
}

/// A partition of a node.
pub(crate) type Piece<T> = (Arc<dyn Node<T>>, usize);

impl<T: 'static> Concat<T> {
    /// The node that arranges `parents`; `meta.partitions` is how many partitions that makes. The depth is set here.
    pub fn new(meta: Meta, parents: Vec<Parent<T>>, arrangement: Arrangement) -> Concat<T> {
        let depth = parents.iter().map(|parent| parent.node().meta().depth + 1).max().unwrap_or(0);
        let (mut ends, mut end) = (Vec::new(), 0);
        if arrangement == Arrangement::InTurn {
            ends.extend(parents.iter().map(|parent| {
                end += parent.node().meta().partitions;
                end
            }));
        }
        let chain = Chain::behind(if arrangement == Arrangement::InTurn { parents.first() } else { None });
        Concat { meta: Meta { depth, ..meta }, parents, arrangement, ends, chain }
    }

    /// The partition of another node that this one's `partition` is, if it is just one.
    pub(crate) fn only_piece(&self, partition: usize) -> Option<Piece<T>> {
        if let Some(earlier) = &self.chain.earlier
            && partition < earlier.node().meta().partitions
        {
            return Some((Arc::clone(earlier.node()), partition));
        }
        let mut pieces = self.places(partition);
        let only = pieces.next()?;
        if pieces.next().is_some() { None } else { self.piece(only) }
    }

    /// Which partitions of which parents make `partition`.
    fn places(&self, partition: usize) -> impl DoubleEndedIterator<Item = (usize, usize)> + use<T> {
        let (parents, partitions) = match self.arrangement {
            Arrangement::InTurn => {
                let parent = self.ends.partition_point(|end| *end <= partition);
                let start = if parent == 0 { 0 } else { self.ends.get(parent - 1).copied().unwrap_or(0) };
                (parent..parent + 1, partition - start..partition - start + 1)
            }
            Arrangement::Alongside => (0..self.parents.len(), partition..partition + 1),
            Arrangement::Grouped => {
                let count = self.parents.first().map_or(0, |parent| parent.node().meta().partitions);
                let bound = |i: usize| (i as u128 * count as u128 / self.meta.partitions.max(1) as u128) as usize;
                (0..1, bound(partition)..bound(partition + 1))
            }
        };
        parents.flat_map(move |parent| partitions.clone().map(move |partition| (parent, partition)))
    }

    fn piece(&self, (parent, partition): (usize, usize)) -> Option<Piece<T>> {
        self.parents.get(parent).map(|parent| (Arc::clone(parent.node()), partition))
    }
}

impl<T: 'static> Chain<T> {
    fn behind(first: Option<&Parent<T>>) -> Chain<T> {
        let Some((first, chain)) = first.and_then(|first| Some((first, first.node().as_concat()?.link()?))) else {
            return Chain { length: 0, earlier: None };
        };
        let jump = |chain: &Chain<T>| chain.earlier.as_ref().and_then(|node| Some((node.clone(), node.length()?)));
        let equal_jumps = || {
            let (near, near_length) = jump(chain)?;
            let (far, far_length) = jump(near.node().as_concat()?.link()?)?;
            (chain.length - near_length == near_length - far_length).then_some(far)
        };
        Chain { length: chain.length + 1, earlier: Some(equal_jumps().unwrap_or_else(|| first.clone())) }
    }
}

impl<T: 'static> Concat<T> {
    /// Its place in a chain, if it is a union whose parents come in turn.
    fn link(&self) -> Option<&Chain<T>> {
        (self.arrangement == Arrangement::InTurn).then_some(&self.chain)
    }
}

impl<T: 'static> Parent<T> {
    fn length(&self) -> Option<u64> {
        Some(self.node().as_concat()?.link()?.length)
    }
}

impl<T: 'static> Lineage for Concat<T> {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        self.parents.iter().map(Parent::narrow).collect()
    }

    fn first_input(&self, partition: usize) -> Option<(Arc<dyn Lineage>, usize)> {
        let (node, partition) = self.piece(self.places(partition).next()?)?;
        Some((node, partition))
    }

    fn draws_once(&self) -> bool {
        true
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable> {
        let parents: Vec<_> = self.parents.iter().map(Parent::id).collect();
        out.node::<Self>(decode::<T>, &self.meta, &parents, &self.arrangement)
    }
}

fn decode<T: 'static>(decoder: &mut Decoder) -> Result<Decoded, ShipError> {
    let (meta, parents, arrangement): (Meta, Vec<u32>, Arrangement) = decoder.value::<Concat<T>, _>()?;
    let parents = parents.into_iter().map(|parent| Ok(Parent::new(decoder.parent::<T>(parent)?)));
    let node: Arc<dyn Node<T>> = Arc::new(Concat::new(meta, parents.collect::<Result<_, ShipError>>()?, arrangement));
    Ok(Box::new(node))
}

impl<T: 'static> Node<T> for Concat<T> {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<T>, Stop> {
        let open = self.places(partition).rev().filter_map(|place| self.piece(place)).collect();
        Ok(Box::new(ConcatRuns { depth: self.meta.depth, cx: Arc::clone(cx), current: None, open }))
    }

    fn as_concat(&self) -> Option<&Concat<T>> {
        Some(self)
    }
}

/// The runs of partitions, one partition after the other.
struct ConcatRuns<T: 'static> {
    depth: u32,
    cx: Arc<TaskContext>,
    current: Option<BoxRuns<T>>,
    /// What is still to come, the next one last.
    open: Vec<Piece<T>>,
}

impl<T: 'static> ConcatRuns<T> {
    /// The next partition that is more than others one after the other.
    fn next_piece(&mut self) -> Option<Piece<T>> {
        while let Some((node, partition)) = self.open.pop() {
            let Some(concat) = node.as_concat() else { return Some((node, partition)) };
            if let Some(only) = concat.only_piece(partition) {
                self.open.push(only);
                continue;
            }
            self.open.extend(concat.places(partition).rev().filter_map(|place| concat.piece(place)));
        }
        None
    }
}

impl<T: 'static> Runs<T> for ConcatRuns<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        loop {
            if let Some(current) = &mut self.current {
                if current.next(into)? {
                    return Ok(true);
                }
                self.current = None;
            }
            self.cx.check()?;
            let Some((node, partition)) = self.next_piece() else { return Ok(false) };
            self.current = Some(compute_below(node, partition, &self.cx, self.depth)?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Context;

    /// How many nodes are passed on the way to the one that computes `partition`.
    fn steps(node: &Arc<dyn Node<i64>>, mut partition: usize) -> u32 {
        let (mut node, mut steps) = (Arc::clone(node), 0);
        while let Some(only) = node.as_concat().and_then(|concat| concat.only_piece(partition)) {
            ((node, partition), steps) = (only, steps + 1);
        }
        steps
    }

    #[test]
    fn early_partitions_of_long_unions_are_near() {
        let context = Context::local(1).unwrap();
        let mut state = context.range(0..2, 2);
        for length in 1..=2_000_u32 {
            state = state.union(&context.range(0..1, 1));
            let partitions = [0, 1, 2, length as usize / 3, length as usize / 2, length as usize, length as usize + 1];
            let most = partitions.into_iter().map(|partition| steps(state.node(), partition)).max().unwrap();
            assert!(most <= 3 * (length.ilog2() + 1), "{length}: {most}");
        }
    }
}

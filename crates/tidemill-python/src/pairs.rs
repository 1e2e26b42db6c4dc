//! Two RDDs at once: the batches of both sides, put side by side for a worker to pair their records.

use std::sync::Arc;

use tidemill_core::lineage::{Dependency, Lineage, Meta, Node, Parent};
use tidemill_core::ship::{Encoder, NotShippable};
use tidemill_core::{BoxRuns, Cause, Error, Rdd, Runs, Stop, TaskContext};

use crate::batch::{PyBatch, product, zipped};
use crate::not_shippable;

/// Every batch of a partition of `left` with every batch of a partition of `right`, for every pair of partitions.
#[track_caller]
pub fn cartesian(left: &Rdd<PyBatch>, right: &Rdd<PyBatch>) -> Rdd<PyBatch> {
    both(left, right, Meeting::Each, left.num_partitions() * right.num_partitions())
}

/// The batches of equal partitions by position; both sides come in batches of equal counts.
///
/// # Errors
/// The RDDs have different numbers of partitions (behaviour 3.2).
#[track_caller]
pub fn zip(left: &Rdd<PyBatch>, right: &Rdd<PyBatch>) -> Result<Rdd<PyBatch>, Error> {
    let (here, there) = (left.num_partitions(), right.num_partitions());
    if here != there {
        let why = "Can only zip with RDD which has the same number of partitions".into();
        let operator = tidemill_core::lineage::Operator::here("zip");
        return Err(Error::Driver { operator, cause: Cause::Invalid(why) });
    }
    Ok(both(left, right, Meeting::Same, here))
}

/// Which partitions meet in one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meeting {
    /// Those with the same number.
    Same,
    /// Each of the left with each of the right, the left one's number counting first.
    Each,
}

#[track_caller]
fn both(left: &Rdd<PyBatch>, right: &Rdd<PyBatch>, meeting: Meeting, partitions: usize) -> Rdd<PyBatch> {
    let depth = 1 + left.node().meta().depth.max(right.node().meta().depth);
    let meta = Meta { depth, ..left.context().meta("pairs", partitions, None) };
    let (first, second) = (Parent::new(Arc::clone(left.node())), Parent::new(Arc::clone(right.node())));
    Rdd::new(left.context(), Arc::new(Pairs { meta, left: first, right: second, meeting }))
}

struct Pairs {
    meta: Meta,
    left: Parent<PyBatch>,
    right: Parent<PyBatch>,
    meeting: Meeting,
}

impl Pairs {
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

impl Lineage for Pairs {
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

    fn encode(&self, _: &mut Encoder) -> Result<(), NotShippable> {
        Err(not_shippable(&self.meta))
    }
}

impl Node<PyBatch> for Pairs {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<PyBatch>, Stop> {
        let left = Side::new(self.left.compute(self.places(partition).0, cx, self.meta.depth)?);
        match self.meeting {
            Meeting::Same => {
                let right = Side::new(self.right.compute(partition, cx, self.meta.depth)?);
                Ok(Box::new(Zip { left, right }))
            }
            Meeting::Each => {
                let cx = Arc::clone(cx);
                Ok(Box::new(Cartesian { node: self, partition, cx, left, at_hand: None, right: None }))
            }
        }
    }
}

/// Batches drawn one by one.
struct Side {
    runs: BoxRuns<PyBatch>,
    /// The next one last.
    run: Vec<PyBatch>,
}

impl Side {
    fn new(runs: BoxRuns<PyBatch>) -> Side {
        Side { runs, run: Vec::new() }
    }

    fn next(&mut self) -> Result<Option<PyBatch>, Stop> {
        if self.run.is_empty() && self.runs.next(&mut self.run)? {
            self.run.reverse();
        }
        Ok(self.run.pop())
    }

    /// The next batch with records.
    fn next_filled(&mut self) -> Result<Option<PyBatch>, Stop> {
        loop {
            match self.next()? {
                Some(batch) if batch.records() == 0 => {}
                other => return Ok(other),
            }
        }
    }
}

struct Zip {
    left: Side,
    right: Side,
}

impl Runs<PyBatch> for Zip {
    fn next(&mut self, into: &mut Vec<PyBatch>) -> Result<bool, Stop> {
        let (left, right) = (self.left.next_filled()?, self.right.next_filled()?);
        match (left, right) {
            (None, None) => Ok(false),
            (Some(left), Some(right)) if left.records() == right.records() => {
                into.push(zipped(&left, &right));
                Ok(true)
            }
            _ => {
                let why = "Can only zip RDDs with same number of elements in each partition";
                Err(Cause::Invalid(why.into()).into())
            }
        }
    }
}

/// For each left batch the right partition is drawn anew: what is worth keeping is persisted.
struct Cartesian {
    node: Arc<Pairs>,
    partition: usize,
    cx: Arc<TaskContext>,
    left: Side,
    at_hand: Option<PyBatch>,
    right: Option<Side>,
}

impl Runs<PyBatch> for Cartesian {
    fn next(&mut self, into: &mut Vec<PyBatch>) -> Result<bool, Stop> {
        loop {
            self.cx.check()?;
            if self.at_hand.is_none() {
                self.at_hand = self.left.next_filled()?;
            }
            let Some(left) = &self.at_hand else { return Ok(false) };
            let right = match &mut self.right {
                Some(right) => right,
                None => {
                    let (_, place) = self.node.places(self.partition);
                    let runs = self.node.right.compute(place, &self.cx, self.node.meta.depth)?;
                    self.right.insert(Side::new(runs))
                }
            };
            match right.next_filled()? {
                Some(right) => {
                    into.push(product(left, &right));
                    return Ok(true);
                }
                None => (self.at_hand, self.right) = (None, None),
            }
        }
    }
}

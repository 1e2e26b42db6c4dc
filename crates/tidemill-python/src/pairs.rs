//! Two RDDs at once: the batches of both sides, put side by side for a worker to pair their records.

use std::sync::Arc;

use tidemill_core::lineage::{Dependency, Lineage, Meta, Node, Parent};
use tidemill_core::memory::{Grant, Pool};
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
                let held = Held::Filling(Vec::new(), cx.environment().memory.grant(Pool::Shuffle));
                let cx = Arc::clone(cx);
                Ok(Box::new(Cartesian { node: self, partition, cx, left, at_hand: None, pass: Pass::Ended, held }))
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

/// Each left batch with the whole right partition. That is held while its pairs are made if memory suffices; otherwise it
/// is drawn anew for each left batch, as in Spark.
struct Cartesian {
    node: Arc<Pairs>,
    partition: usize,
    cx: Arc<TaskContext>,
    left: Side,
    /// The left batch that is being paired.
    at_hand: Option<PyBatch>,
    pass: Pass,
    held: Held,
}

/// How far the right side has come for the left batch at hand.
enum Pass {
    /// It is drawn.
    Drawing(Side),
    /// It is held; this one is next.
    At(usize),
    Ended,
}

/// What is held of the right side.
enum Held {
    /// What was drawn so far, in the first pass.
    Filling(Vec<PyBatch>, Grant),
    /// All of it; the memory is accounted for as long.
    All(Vec<PyBatch>, #[expect(dead_code, reason = "it is given back when it is dropped")] Grant),
    /// It is too large.
    Nothing,
}

impl Held {
    fn add(&mut self, batch: &PyBatch) {
        if let Held::Filling(batches, grant) = self {
            if grant.try_grow(batch.payload.len() as u64) {
                batches.push(batch.clone());
            } else {
                *self = Held::Nothing;
            }
        }
    }

    /// The first pass is over.
    fn complete(&mut self) {
        *self = match std::mem::replace(self, Held::Nothing) {
            Held::Filling(batches, grant) => Held::All(batches, grant),
            other => other,
        };
    }
}

impl Cartesian {
    /// Begins at the start of the right side.
    fn begin(&self) -> Result<Pass, Stop> {
        if let Held::All(..) = self.held {
            return Ok(Pass::At(0));
        }
        let (_, place) = self.node.places(self.partition);
        Ok(Pass::Drawing(Side::new(self.node.right.compute(place, &self.cx, self.node.meta.depth)?)))
    }

    /// The next right batch for the left one at hand.
    fn next_right(&mut self) -> Result<Option<PyBatch>, Stop> {
        let next = match &mut self.pass {
            Pass::Drawing(side) => {
                let next = side.next_filled()?;
                match &next {
                    Some(batch) => self.held.add(batch),
                    None => self.held.complete(),
                }
                next
            }
            Pass::At(place) => {
                *place += 1;
                let Held::All(batches, _) = &self.held else { return Ok(None) };
                batches.get(*place - 1).cloned()
            }
            Pass::Ended => None,
        };
        if next.is_none() {
            self.pass = Pass::Ended;
        }
        Ok(next)
    }
}

impl Runs<PyBatch> for Cartesian {
    fn next(&mut self, into: &mut Vec<PyBatch>) -> Result<bool, Stop> {
        loop {
            self.cx.check()?;
            if let Some(left) = self.at_hand.clone()
                && let Some(right) = self.next_right()?
            {
                into.push(product(&left, &right));
                return Ok(true);
            }
            self.at_hand = self.left.next_filled()?;
            if self.at_hand.is_none() {
                return Ok(false);
            }
            self.pass = self.begin()?;
        }
    }
}

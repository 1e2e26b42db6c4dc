//! The one place where a lineage is cut into stages: at its shuffles, each once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::ShuffleId;
use crate::exchange::MapSide;
use crate::lineage::{Lineage, walk_stage};

/// The stages of a job: parents before children, the result stage last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The stages that write shuffles.
    pub map_stages: Vec<MapStage>,
    /// The shuffles that the result stage reads.
    pub result_parents: Vec<ShuffleId>,
    /// How many partitions of the result stage a barrier wants computed together, if there is a barrier in it.
    pub result_barrier: Option<u32>,
}

/// A stage that writes a shuffle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapStage {
    /// What it writes.
    pub shuffle: ShuffleId,
    /// How many tasks it has, one for each partition.
    pub tasks: u32,
    /// The shuffles that it reads. Empty where the stage was not looked into.
    pub parents: Vec<ShuffleId>,
    /// How many partitions a barrier wants computed together, if there is a barrier in the stage. None where the stage was
    /// not looked into.
    pub barrier: Option<u32>,
}

/// The map sides of a plan, by their shuffle.
pub type Sides = HashMap<ShuffleId, Arc<dyn MapSide>>;

/// Cuts the lineage of `result`. Where `is_written` says that a shuffle is complete, what lies behind it is not looked
/// into: a job on a long lineage costs what is new in it.
pub fn cut(result: Arc<dyn Lineage>, is_written: impl Fn(ShuffleId) -> bool) -> (Plan, Sides) {
    let mut sides = Sides::new();
    let mut plan = Plan::default();
    let mut planned = HashSet::new();
    let (direct, barrier) = look_into(result);
    plan.result_barrier = barrier;
    plan.result_parents = direct.iter().map(|side| side.shuffle()).collect();
    type Read = (Vec<ShuffleId>, Option<u32>);
    let mut open: Vec<(Arc<dyn MapSide>, Option<Read>)> = direct.into_iter().rev().map(|side| (side, None)).collect();
    while let Some((side, read)) = open.pop() {
        let shuffle = side.shuffle();
        if planned.contains(&shuffle) {
            continue;
        }
        let tasks = side.lineage().meta().partitions as u32;
        match read {
            None if !is_written(shuffle) => {
                let (parents, barrier) = look_into(side.lineage());
                open.push((side, Some((parents.iter().map(|parent| parent.shuffle()).collect(), barrier))));
                open.extend(parents.into_iter().rev().map(|parent| (parent, None)));
            }
            read => {
                planned.insert(shuffle);
                let (parents, barrier) = read.unwrap_or_default();
                plan.map_stages.push(MapStage { shuffle, tasks, parents, barrier });
                sides.insert(shuffle, side);
            }
        }
    }
    (plan, sides)
}

/// The shuffles that a stage reads, and how many partitions its barrier wants together. Of several barriers the one that
/// does not go with the stage's own number of partitions counts, so that it is seen.
fn look_into(last: Arc<dyn Lineage>) -> (Vec<Arc<dyn MapSide>>, Option<u32>) {
    let (own, mut barrier) = (last.meta().partitions as u32, None);
    let sides = walk_stage(last, |node| {
        if node.is_barrier() && barrier.is_none_or(|held| held == own) {
            barrier = Some(node.meta().partitions as u32);
        }
    });
    (distinct(sides), barrier)
}

fn distinct(mut sides: Vec<Arc<dyn MapSide>>) -> Vec<Arc<dyn MapSide>> {
    let mut seen = HashSet::new();
    sides.retain(|side| seen.insert(side.shuffle()));
    sides
}

#[cfg(test)]
mod tests;

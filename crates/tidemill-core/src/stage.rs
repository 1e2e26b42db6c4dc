//! The one place where a lineage is cut into stages: at its shuffles, each once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::ShuffleId;
use crate::exchange::MapSide;
use crate::lineage::{Lineage, walk_stage};

mod sole;

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
    /// Whether the job alone holds the shuffle and reads each bucket of it once.
    pub sole: bool,
}

/// The map sides of a plan, by their shuffle.
pub type Sides = HashMap<ShuffleId, Arc<dyn MapSide>>;

/// Cuts the lineage of `result`. Where `is_written` says that a shuffle is complete, what lies behind it is not looked
/// into: a job on a long lineage costs what is new in it. A shuffle is the job's alone if nothing but the job leads to it;
/// that is seen only where the caller holds no more than `result`, and one hold of the job's on it.
pub fn cut(result: Arc<dyn Lineage>, is_written: impl Fn(ShuffleId) -> bool) -> (Plan, Sides) {
    let mut sides = Sides::new();
    let mut plan = Plan::default();
    let mut planned = HashSet::new();
    let Read { parents: direct, barrier } = look_into(result, true);
    plan.result_barrier = barrier;
    plan.result_parents = direct.iter().map(|parent| parent.side.shuffle()).collect();
    type Looked = (Vec<ShuffleId>, Option<u32>);
    let mut open: Vec<(Parent, Option<Looked>)> = direct.into_iter().rev().map(|parent| (parent, None)).collect();
    while let Some((Parent { side, sole }, read)) = open.pop() {
        let shuffle = side.shuffle();
        if planned.contains(&shuffle) {
            continue;
        }
        let tasks = side.lineage().meta().partitions as u32;
        match read {
            None if !is_written(shuffle) => {
                let Read { parents, barrier } = look_into(side.lineage(), sole);
                let shuffles = parents.iter().map(|parent| parent.side.shuffle()).collect();
                open.push((Parent { side, sole }, Some((shuffles, barrier))));
                open.extend(parents.into_iter().rev().map(|parent| (parent, None)));
            }
            read => {
                planned.insert(shuffle);
                let (parents, barrier) = read.unwrap_or_default();
                plan.map_stages.push(MapStage { shuffle, tasks, parents, barrier, sole });
                sides.insert(shuffle, side);
            }
        }
    }
    (plan, sides)
}

/// What a stage reads.
struct Read {
    /// The shuffles, each once.
    parents: Vec<Parent>,
    /// How many partitions its barrier wants together. Of several barriers the one that does not go with the stage's own
    /// number of partitions counts, so that it is seen.
    barrier: Option<u32>,
}

/// A shuffle that a stage reads, and whether it is the job's alone.
struct Parent {
    side: Arc<dyn MapSide>,
    sole: bool,
}

/// Looks at the stage that ends with `last`, which is the job's alone or not.
fn look_into(last: Arc<dyn Lineage>, sole: bool) -> Read {
    let (own, mut barrier) = (last.meta().partitions as u32, None);
    // First of all: the other walk holds nodes.
    let sole = if sole { sole::solely_read(&last) } else { HashSet::new() };
    let sides = walk_stage(last, |node| {
        if node.is_barrier() && barrier.is_none_or(|held| held == own) {
            barrier = Some(node.meta().partitions as u32);
        }
    });
    let parent = |side: Arc<dyn MapSide>| Parent { sole: sole.contains(&side.shuffle()), side };
    Read { parents: distinct(sides).into_iter().map(parent).collect(), barrier }
}

fn distinct(mut sides: Vec<Arc<dyn MapSide>>) -> Vec<Arc<dyn MapSide>> {
    let mut seen = HashSet::new();
    sides.retain(|side| seen.insert(side.shuffle()));
    sides
}

#[cfg(test)]
mod tests;

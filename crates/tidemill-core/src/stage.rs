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
}

/// The map sides of a plan, by their shuffle.
pub type Sides = HashMap<ShuffleId, Arc<dyn MapSide>>;

/// Cuts the lineage of `result`. Where `is_written` says that a shuffle is complete, what lies behind it is not looked
/// into: a job on a long lineage costs what is new in it.
pub fn cut(result: Arc<dyn Lineage>, is_written: impl Fn(ShuffleId) -> bool) -> (Plan, Sides) {
    let mut sides = Sides::new();
    let mut plan = Plan::default();
    let mut planned = HashSet::new();
    let direct = distinct(walk_stage(result, |_| {}));
    plan.result_parents = direct.iter().map(|side| side.shuffle()).collect();
    let mut open: Vec<(Arc<dyn MapSide>, Option<Vec<ShuffleId>>)> =
        direct.into_iter().rev().map(|side| (side, None)).collect();
    while let Some((side, parents)) = open.pop() {
        let shuffle = side.shuffle();
        if planned.contains(&shuffle) {
            continue;
        }
        let tasks = side.lineage().meta().partitions as u32;
        match parents {
            None if !is_written(shuffle) => {
                let parents = distinct(walk_stage(side.lineage(), |_| {}));
                open.push((side, Some(parents.iter().map(|parent| parent.shuffle()).collect())));
                open.extend(parents.into_iter().rev().map(|parent| (parent, None)));
            }
            parents => {
                planned.insert(shuffle);
                plan.map_stages.push(MapStage { shuffle, tasks, parents: parents.unwrap_or_default() });
                sides.insert(shuffle, side);
            }
        }
    }
    (plan, sides)
}

fn distinct(mut sides: Vec<Arc<dyn MapSide>>) -> Vec<Arc<dyn MapSide>> {
    let mut seen = HashSet::new();
    sides.retain(|side| seen.insert(side.shuffle()));
    sides
}

#[cfg(test)]
mod tests;

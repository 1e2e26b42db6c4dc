//! Which shuffles a job alone holds, so that their only reader may take what it reads.

use std::collections::HashSet;
use std::sync::Arc;

use crate::ShuffleId;
use crate::lineage::{Dependency, Lineage};

/// The shuffles to which nothing leads but one way from `root`, and each of whose buckets the stage of `root` reads once.
/// Whoever calls has one hold on `root`, and sees to it that the only other one is the job's.
///
/// It counts holders of nodes. Where there are more than it knows - a handle of the user, another job or its running
/// tasks, a node that is read in two ways - the shuffle is one that others may read. There cannot be fewer, and there
/// will not be more: only who holds a node can make another hold on it.
pub(super) fn solely_read(root: &Arc<dyn Lineage>) -> HashSet<ShuffleId> {
    let (mut sole, mut open) = (HashSet::new(), Vec::new());
    look_at(root, &mut open, &mut sole);
    while let Some(node) = open.pop() {
        look_at(&node, &mut open, &mut sole);
    }
    sole
}

fn look_at(node: &Arc<dyn Lineage>, open: &mut Vec<Arc<dyn Lineage>>, sole: &mut HashSet<ShuffleId>) {
    if !is_sole(node) || !node.draws_once() {
        return;
    }
    for dependency in node.dependencies() {
        match dependency {
            Dependency::Narrow(parent) => open.push(parent),
            Dependency::Shuffle(side) if is_sole(&side) => drop(sole.insert(side.shuffle())),
            Dependency::Shuffle(_) => {}
        }
    }
}

/// Whether one other holds it beside who asks.
fn is_sole<N: ?Sized>(node: &Arc<N>) -> bool {
    Arc::strong_count(node) == 2
}

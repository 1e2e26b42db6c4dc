//! Lineages are cut at their shuffles, each once, parents before children.

use std::cell::Cell;
use std::sync::Arc;

use super::*;
use crate::exchange::MapOutput;
use crate::lineage::{Dependency, Meta, Operator};
use crate::ship::{Encoder, NotShippable};
use crate::task::TaskContext;
use crate::{Context, Rdd, RddId, Stop};

/// A node that reads the shuffles and the nodes that it is told to.
struct Node {
    meta: Meta,
    shuffles: Vec<Arc<Side>>,
    narrow: Vec<Arc<Node>>,
}

struct Side {
    shuffle: ShuffleId,
    operator: Operator,
    parent: Arc<Node>,
}

impl Lineage for Node {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        let shuffles = self.shuffles.iter().map(|side| Dependency::Shuffle(Arc::clone(side) as Arc<dyn MapSide>));
        shuffles.chain(self.narrow.iter().map(|node| Dependency::Narrow(Arc::clone(node) as _))).collect()
    }

    fn encode(&self, _: &mut Encoder) -> Result<(), NotShippable> {
        Ok(())
    }
}

impl MapSide for Side {
    fn shuffle(&self) -> ShuffleId {
        self.shuffle
    }

    fn operator(&self) -> &Operator {
        &self.operator
    }

    fn lineage(&self) -> Arc<dyn Lineage> {
        Arc::clone(&self.parent) as Arc<dyn Lineage>
    }

    fn run(&self, _: &Arc<TaskContext>) -> Result<MapOutput, Stop> {
        Err(Stop::Cancelled)
    }

    fn encode(&self, _: &mut Encoder) -> Result<(), NotShippable> {
        Ok(())
    }
}

fn node(id: u64, shuffles: &[&Arc<Side>], narrow: &[&Arc<Node>]) -> Arc<Node> {
    let meta = Meta { id: RddId(id), operator: Operator::here("node"), partitions: 3, layout: None, depth: 0 };
    let (shuffles, narrow) = (shuffles.iter().copied().cloned().collect(), narrow.iter().copied().cloned().collect());
    Arc::new(Node { meta, shuffles, narrow })
}

fn side(shuffle: u64, parent: &Arc<Node>) -> Arc<Side> {
    Arc::new(Side { shuffle: ShuffleId(shuffle), operator: Operator::here("side"), parent: Arc::clone(parent) })
}

/// `shuffle <- parents` of each stage, then the parents of the result.
fn cut_of(result: &Arc<Node>, written: &[u64]) -> (Vec<(u64, Vec<u64>)>, Vec<u64>) {
    let ids = |ids: &[ShuffleId]| ids.iter().map(|id| id.0).collect::<Vec<u64>>();
    let (plan, sides) = cut(Arc::clone(result) as Arc<dyn Lineage>, |shuffle| written.contains(&shuffle.0));
    assert_eq!(sides.len(), plan.map_stages.len());
    assert!(plan.map_stages.iter().all(|stage| stage.tasks == 3 && sides[&stage.shuffle].shuffle() == stage.shuffle));
    let stages = plan.map_stages.iter().map(|stage| (stage.shuffle.0, ids(&stage.parents))).collect();
    (stages, ids(&plan.result_parents))
}

#[test]
fn a_lineage_without_shuffles_is_one_stage() {
    let source = node(0, &[], &[]);
    let both = node(1, &[], &[&source, &source]);
    assert_eq!(cut_of(&both, &[]), (vec![], vec![]));
}

/// 0 is read by 1 and 2, and again by the result beside them; the nodes between form diamonds too.
#[test]
fn diamonds_are_cut_once_parents_before_children_and_not_behind_what_is_written() {
    let first = side(0, &node(0, &[], &[]));
    let read = node(1, &[&first], &[]);
    let (left, right) = (side(1, &node(2, &[], &[&read])), side(2, &node(3, &[&first], &[&read])));
    let joined = node(4, &[&left, &right], &[]);
    let result = node(5, &[&first, &left], &[&joined]);
    let stages = |stages: &[(u64, &[u64])]| stages.iter().map(|(id, reads)| (*id, reads.to_vec())).collect::<Vec<_>>();
    for (written, expected) in [
        (&[][..], stages(&[(0, &[]), (1, &[0]), (2, &[0])])),
        (&[0][..], stages(&[(0, &[]), (1, &[0]), (2, &[0])])),
        (&[1, 2][..], stages(&[(0, &[]), (1, &[]), (2, &[])])),
        (&[0, 1, 2][..], stages(&[(0, &[]), (1, &[]), (2, &[])])),
    ] {
        assert_eq!(cut_of(&result, written), (expected, vec![0, 1, 2]), "{written:?}");
    }
    // Nothing behind a written shuffle is looked into.
    let last = node(6, &[&side(3, &joined)], &[]);
    assert_eq!(cut_of(&last, &[3]), (stages(&[(3, &[])]), vec![3]));
}

/// Each stage is looked at a fixed number of times, and nothing recurses.
#[test]
fn a_long_lineage_is_cut_in_its_length_on_a_small_stack() {
    const SHUFFLES: usize = 10_000;
    let work = || {
        let context = Context::local(1).unwrap();
        let mut rdd = context.parallelize([(1, 1)], 1);
        for _ in 0..SHUFFLES {
            rdd = rdd.map(|pair| pair).reduce_by_key(|a, b| a + b); // the map may change keys
        }
        let asked = Cell::new(0);
        let is_written = |_| {
            asked.set(asked.get() + 1);
            false
        };
        let (plan, sides) = cut(Arc::clone(rdd.parent().node()) as Arc<dyn Lineage>, is_written);
        assert_eq!((plan.map_stages.len(), sides.len(), asked.get()), (SHUFFLES, SHUFFLES, SHUFFLES));
        let parent_before = |pair: &[MapStage]| pair[1].parents == [pair[0].shuffle];
        assert!(plan.map_stages.windows(2).all(parent_before) && plan.map_stages[0].parents.is_empty());
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
}

/// Which shuffles are the job's alone, `rdd` being the only handle that it was given.
fn sole_of<T: 'static>(rdd: Rdd<T>) -> Vec<u64> {
    let (_, node) = rdd.into_parts();
    let (plan, _) = cut(Arc::clone(node.node()) as Arc<dyn Lineage>, |_| false);
    let mut sole: Vec<u64> = plan.map_stages.iter().filter(|stage| stage.sole).map(|stage| stage.shuffle.0).collect();
    sole.sort_unstable();
    sole
}

/// One shuffle, whatever stands before it.
fn shuffled(context: &Context) -> Rdd<(i64, i64)> {
    let pairs = context.parallelize([(1, 1), (2, 2)], 2);
    pairs.reduce_by_key(|a, b| a + b)
}

#[test]
fn a_shuffle_is_sole_if_one_way_leads_to_it() {
    let context = || Context::local(1).unwrap();
    let one = context();
    assert_eq!(sole_of(shuffled(&one)), [0]);
    let held = shuffled(&one);
    assert_eq!((sole_of(held.clone()), sole_of(held.map(|x| x))), (vec![], vec![]), "a handle leads to it too");
    assert_eq!(sole_of(held), [1]);
    let two = context();
    let (left, right) = (shuffled(&two), shuffled(&two));
    let both = left.union(&right).map(|x| x).coalesce(1);
    assert_eq!(sole_of(both.clone()), NONE);
    drop(left);
    assert_eq!(sole_of(both), [0], "the other's handle is here");
    let twice = |both: fn(&Rdd<(i64, i64)>) -> Rdd<(i64, i64)>| sole_of(both(&shuffled(&context())));
    assert_eq!(twice(|rdd| rdd.union(rdd)), NONE);
    assert_eq!(twice(|rdd| rdd.zip(rdd).unwrap().keys()), NONE);
    assert_eq!(twice(|rdd| rdd.cartesian(&rdd.context().range(0..2, 2)).keys()), NONE, "once for each other partition");
    assert_eq!(twice(|rdd| rdd.zip(&rdd.map(|x| x)).unwrap().keys()), NONE);
}

#[test]
fn a_shuffle_is_sole_only_if_its_reader_is() {
    let context = Context::local(1).unwrap();
    let chain = |rdd: Rdd<(i64, i64)>| rdd.map(|(a, b)| (b, a)).reduce_by_key(|a, b| a + b);
    let last = chain(chain(shuffled(&context)));
    assert_eq!(sole_of(last), [0, 1, 2]);
    let middle = chain(shuffled(&context));
    let last = chain(middle.clone());
    assert_eq!(sole_of(last), [5], "two ways lead to what is before it");
    let last = chain(middle);
    assert_eq!(sole_of(last), [3, 4, 6]);
}

const NONE: [u64; 0] = [];

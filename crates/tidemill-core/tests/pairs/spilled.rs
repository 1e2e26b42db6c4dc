//! With far too little memory for shuffles everything gives the same, in the same order.

use tidemill_core::Text;
use tidemill_core::memory::Pool;

use super::*;

type Pairs = Rdd<(Text, i64)>;

/// What a tight context may use, and what may come on top: where nothing is left to write, a run is held past the limit.
const LIMIT: u64 = 64 << 10;
const MARGIN: u64 = 512 << 10;

/// Two RDDs of some ten thousand pairs each; most keys are rare, one is not.
fn inputs(context: &Context) -> (Pairs, Pairs) {
    let pairs = |pairs: std::ops::Range<i64>, step: i64| {
        let key = move |n: i64| if n % 500 == 0 { 0 } else { n * step % 7_001 };
        let pairs = pairs.map(move |n| (Text::from(format!("the key with number {}", key(n))), n));
        context.parallelize(pairs, 3)
    };
    (pairs(0..12_000, 13), pairs(3_000..14_000, 17))
}

/// Runs `job` with much memory and with little, and compares.
fn check<T: Element + PartialEq + std::fmt::Debug>(operator: &str, job: impl Fn(&Context, Pairs, Pairs) -> Rdd<T>) {
    let run = |limit: u64| {
        let context = context(&[("tidemill.memory.shuffle.limit", &limit.to_string())]);
        let (left, right) = inputs(&context);
        let found = parts(&job(&context, left, right));
        (found, context.environment().memory.peak(Pool::Shuffle))
    };
    let ((roomy, needed), (tight, used)) = (run(1 << 30), run(LIMIT));
    assert!(roomy == tight, "{operator}: the same parts, with much memory and with little");
    assert!(needed > 2 * (LIMIT + MARGIN), "{operator}: needs more than it gets, but took {needed}");
    assert!(used <= LIMIT + MARGIN, "{operator}: took {used}");
}

#[test]
fn joins_spill() {
    check("join", |_, left, right| left.join_into(&right, 2));
    check("full_outer_join", |_, left, right| left.full_outer_join_into(&right, 2));
    check("cogroup", |_, left, right| left.cogroup_into(&right, 2));
    check("subtract_by_key", |_, left, right| left.subtract_by_key_into(&right, 2));
    check("intersection", |_, left, right| left.keys().intersection_into(&right.keys(), 2));
}

#[test]
fn groups_and_sorts_spill() {
    check("group_by_key", |_, left, _| left.group_by_key_into(2));
    check("reduce_by_key", |_, left, _| left.reduce_by_key_into(|a, b| a + b, 2));
    check("partition_by", |_, left, _| left.partition_by_hash(2));
    check("sort_by_key", |_, left, _| left.sort_by_key_into(true, 2).unwrap());
    check("sort within", |_, left, _| left.repartition_and_sort_within_partitions_by_hash(2, false));
}

//! Lineages of keyed operators travel: encoded and decoded they compute the same.

use tidemill_core::lineage::Node;
use tidemill_core::ship::{Decoder, Encoder, NotShippable};
use tidemill_core::task::{JobId, StageId, Task};
use tidemill_core::{Runs, TaskContext};

use super::*;

fn encoded<T: 'static>(rdd: &Rdd<T>) -> Result<Vec<u8>, NotShippable> {
    let mut encoder = Encoder::default();
    encoder.lineage(Arc::clone(rdd.node()) as Arc<dyn Lineage>)?;
    encoder.finish()
}

/// The elements that the decoded last stage of `rdd` computes; the stages before it have run.
fn travelled<T: Element>(rdd: &Rdd<T>) -> Vec<T> {
    let node: Arc<dyn Node<T>> = Decoder::decode(&encoded(rdd).unwrap()).unwrap();
    let mut all = Vec::new();
    for partition in 0..rdd.num_partitions() {
        let task = Task { job: JobId(0), stage: StageId(0), partition: partition as u32, attempt: 0 };
        let environment = Arc::clone(rdd.context().environment());
        let cx = Arc::new(TaskContext::new(task, partition, environment, Arc::default()));
        let (mut runs, mut run) = (Arc::clone(&node).compute(partition, &cx).unwrap(), Vec::new());
        while runs.next(&mut run).unwrap() {
            all.append(&mut run);
        }
    }
    all
}

fn check<T: Element + PartialEq + std::fmt::Debug>(rdd: Rdd<T>) {
    let expected = rdd.collect().unwrap();
    assert!(!expected.is_empty());
    assert_eq!(travelled(&rdd), expected, "{}", rdd.operator());
}

#[test]
fn operators_travel() {
    let context = context(&[]);
    let left = context.parallelize((0..50_i64).map(|n| (n % 11, n)), 3);
    let right = context.parallelize((0..20_i64).map(|n| (n % 7, n.to_string())), 2);
    check(left.join(&right));
    check(left.left_outer_join(&right));
    check(left.right_outer_join(&right));
    check(left.full_outer_join(&right));
    check(left.group_with(&right, &left));
    check(left.subtract_by_key(&right));
    check(left.keys().subtract(&right.keys()));
    check(left.keys().intersection(&right.keys()));
    check(left.values().distinct());
    check(left.group_by_key().flat_map_values(|values| values).map_values_with(2, |factor, v| factor * v));
    check(left.group_by(|pair| pair.1 % 3));
    check(left.fold_by_key(1, |x, y| x + y));
    check(left.aggregate_by_key(0, |x, y| x + y, |x, y| x + y));
    check(left.sample_by_key(true, (0..11).map(|key| (key, 0.9)), 3).unwrap());
    check(left.sort_by_key(false).unwrap());
    check(left.sort_by(|pair| pair.1 * 17 % 50, true, 3).unwrap());
    check(left.partition_by(Rest(3)).unwrap().join(&right.partition_by(Rest(3)).unwrap()));
    check(left.repartition_and_sort_within_partitions(Rest(3), true).unwrap());
}

#[test]
fn captured_variables_stay() {
    let context = context(&[]);
    let (pairs, captured) = (context.parallelize([(1, 2)], 1), context.default_parallelism());
    let error = encoded(&pairs.map_values(move |v| v + captured)).unwrap_err().to_string();
    assert!(error.contains("map_values at") && error.contains("shipped.rs"), "{error}");
}

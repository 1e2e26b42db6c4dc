//! Stages (behaviour 3.24): what lies by one layout meets without a shuffle.

use super::*;

#[test]
fn joins_shuffle_only_what_does_not_lie_right() {
    let context = context(&[("spark.default.parallelism", "4")]);
    let raw = || context.parallelize((0..10_i64).map(|n| (n, n)), 3);
    let (four, two) = (raw().partition_by_hash(4), raw().partition_by_hash(2));
    let cases: [(&str, Rdd<(i64, (i64, i64))>, usize, usize); 9] = [
        ("neither has a layout", raw().join(&raw()), 3, 4),
        ("both have the same", four.join(&raw().partition_by_hash(4)), 3, 4),
        ("both are the same", four.join(&four), 2, 4),
        ("values were mapped in between", four.map_values(|v| v + 1).join(&four.filter(|_| true)), 2, 4),
        ("the left one has a layout", two.join(&raw()), 3, 2),
        ("the right one has a layout", raw().join(&two), 3, 2),
        ("the larger layout is taken", two.join(&four), 4, 4),
        ("keys were mapped in between", four.map(|pair| pair).join(&four), 3, 4),
        ("a number of partitions is asked for", four.join_into(&four.map_values(|v| v), 5), 4, 5),
    ];
    for (case, joined, expected, partitions) in cases {
        assert_eq!((stages(&joined), joined.num_partitions()), (expected, partitions), "{case}");
        assert_eq!(joined.count().unwrap(), 10, "{case}");
        assert_eq!(joined.layout().map(|layout| layout.partitions()), Some(partitions), "{case}");
    }
}

#[test]
fn keyed_operators_are_narrow_where_the_layout_is_there() {
    let context = context(&[]);
    let laid = context.parallelize((0..10_i64).map(|n| (n % 3, n)), 3).partition_by(Rest(3)).unwrap();
    let again = context.parallelize((0..3_i64).map(|n| (n, n)), 2).partition_by(Rest(3)).unwrap();
    assert_eq!(laid.layout(), again.layout());
    let narrow = [
        ("group_by_key", stages(&laid.group_by_key())),
        ("reduce_by_key", stages(&laid.reduce_by_key(|a, b| a + b))),
        ("fold_by_key", stages(&laid.fold_by_key(0, |a, b| a + b))),
        ("aggregate_by_key", stages(&laid.aggregate_by_key(0, |a, b| a + b, |a, b| a + b))),
        ("cogroup", stages(&laid.cogroup(&laid))),
        ("group_with", stages(&laid.group_with(&laid, &laid))),
        ("left_outer_join", stages(&laid.left_outer_join(&laid))),
        ("right_outer_join", stages(&laid.right_outer_join(&laid))),
        ("full_outer_join", stages(&laid.full_outer_join(&laid))),
        ("subtract_by_key", stages(&laid.subtract_by_key(&laid))),
        ("sample_by_key", stages(&laid.sample_by_key(false, [], 1).unwrap())),
        ("partition_by", stages(&laid.partition_by(Rest(3)).unwrap())),
        ("sort within", stages(&laid.repartition_and_sort_within_partitions(Rest(3), true).unwrap())),
        ("joined twice", stages(&laid.join(&laid).join(&laid.flat_map_values(|v| [v])))),
    ];
    for (operator, found) in narrow {
        assert_eq!(found, 2, "{operator}");
    }
    assert_eq!(stages(&laid.join(&again)), 3);
    assert_eq!(stages(&laid.partition_by(Rest(4)).unwrap()), 3);
    let of_three = context.parallelize([(1_i64, 1)], 1).group_with(&laid, &again);
    assert_eq!((stages(&of_three), of_three.num_partitions()), (4, 3));
}

/// Samples are seeded, so the same keys make the same ranges, and what was sorted by them joins without a shuffle.
#[test]
fn sorted_inputs_of_equal_ranges_join_without_a_shuffle() {
    let context = context(&[]);
    let pairs = context.parallelize((0..1_000_i64).rev().map(|n| (n, n)), 4);
    let (sorted, other) = (pairs.sort_by_key(true).unwrap(), pairs.map(|pair| pair).sort_by_key(true).unwrap());
    assert_eq!(sorted.layout(), other.layout());
    assert_ne!(sorted.layout(), pairs.sort_by_key(false).unwrap().layout());
    let joined = sorted.join(&other);
    assert_eq!(stages(&joined), 3);
    assert_eq!(joined.keys().collect().unwrap(), (0..1_000).collect::<Vec<_>>());
}

/// As Spark's own test of joins over unions: inputs of one layout give 2 stages where others give 3 or more.
#[test]
fn unions_of_one_layout_join_without_a_shuffle() {
    let context = context(&[("spark.default.parallelism", "2")]);
    let raw = context.parallelize((0..10_i64).map(|n| (n, n)), 3);
    let laid = raw.partition_by_hash(2);
    let even = laid.filter(|(key, _)| key % 2 == 0).union(&laid.map_values(|v| v + 1));
    assert_eq!(stages(&even.join(&laid)), 2);
    assert_eq!(stages(&even.group_by_key()), 2);
    assert_eq!(stages(&laid.union(&raw).join(&laid)), 3, "a union of different layouts has none");
    let joined = even.join(&laid).count_by_key().unwrap();
    assert!((0..10).all(|key| joined[&key] == if key % 2 == 0 { 2 } else { 1 }), "{joined:?}");
}

//! Small inputs with the results that Spark gives (behaviour 3.4, 3.5), in the order that this engine promises.

use super::*;

type Lists = (char, (Vec<i32>, Vec<i32>));

/// Two RDDs of one partition each way, so that the order of all results is known.
fn two(context: &Context) -> (Rdd<(char, i32)>, Rdd<(char, i32)>) {
    let left = [('b', 1), ('a', 2), ('b', 3), ('d', 4)];
    let right = [('c', 10), ('b', 20), ('a', 30), ('b', 40)];
    (context.parallelize(left, 3), context.parallelize(right, 2))
}

/// behaviour 1.48, 3.22: a cross product per key in order of arrival, keys of the left first, a missing side is `None`.
#[test]
fn joins() {
    let context = context(&[]);
    let (left, right) = two(&context);
    let inner = [('b', (1, 20)), ('b', (1, 40)), ('b', (3, 20)), ('b', (3, 40)), ('a', (2, 30))];
    assert_eq!(left.join_into(&right, 1).collect().unwrap(), inner);
    let mut left_outer: Vec<_> = inner.iter().map(|(k, (v, w))| (*k, (*v, Some(*w)))).collect();
    left_outer.push(('d', (4, None)));
    assert_eq!(left.left_outer_join_into(&right, 1).collect().unwrap(), left_outer);
    let mut right_outer: Vec<_> = inner.iter().map(|(k, (v, w))| (*k, (Some(*v), *w))).collect();
    right_outer.push(('c', (None, 10)));
    assert_eq!(left.right_outer_join_into(&right, 1).collect().unwrap(), right_outer);
    let mut full: Vec<_> = inner.iter().map(|(k, (v, w))| (*k, (Some(*v), Some(*w)))).collect();
    full.extend([('d', (Some(4), None)), ('c', (None, Some(10)))]);
    assert_eq!(left.full_outer_join_into(&right, 1).collect().unwrap(), full);
}

/// behaviour 1.48: a key that is missing is a key, and matches itself.
#[test]
fn a_key_of_none_matches_none() {
    let context = context(&[]);
    let left = context.parallelize([(None, 1), (Some(2), 2)], 2);
    let right = context.parallelize([(Some(3), 3), (None, 4)], 2);
    assert_eq!(left.join_into(&right, 3).collect().unwrap(), [(None::<i32>, (1, 4))]);
}

/// A cross product that is far larger than a run is drawn in pieces; equal sizes, order and content are kept.
#[test]
fn a_large_cross_product_is_whole() {
    let context = context(&[]);
    let left = context.parallelize((0..300).map(|n| ('k', n)), 3);
    let right = context.parallelize((0..200).map(|n| ('k', n)), 2);
    let expected: Vec<_> = (0..300).flat_map(|v| (0..200).map(move |w| ('k', (v, w)))).collect();
    assert_eq!(left.join_into(&right, 2).collect().unwrap(), expected);
    assert_eq!(left.join(&right).count().unwrap(), 60_000);
}

#[test]
fn cogroups() {
    let context = context(&[]);
    let (left, right) = two(&context);
    let expected: [Lists; 4] = [
        ('b', (vec![1, 3], vec![20, 40])),
        ('a', (vec![2], vec![30])),
        ('d', (vec![4], vec![])),
        ('c', (vec![], vec![10])),
    ];
    assert_eq!(left.cogroup_into(&right, 1).collect().unwrap(), expected);
    let third = context.parallelize([('e', "x".to_string()), ('b', "y".to_string())], 2);
    let one = context.parallelize([('b', 1)], 1).partition_by_hash(1);
    let all = one.group_with(&right, &third);
    assert_eq!(all.num_partitions(), 1);
    let expected = [
        ('b', (vec![1], vec![20, 40], vec!["y".to_string()])),
        ('c', (vec![], vec![10], vec![])),
        ('a', (vec![], vec![30], vec![])),
        ('e', (vec![], vec![], vec!["x".to_string()])),
    ];
    assert_eq!(all.collect().unwrap(), expected);
}

#[test]
fn subtractions_and_intersections() {
    let context = context(&[]);
    let (left, right) = two(&context);
    let none = context.parallelize(Vec::<(char, i32)>::new(), 2);
    assert_eq!(left.subtract_by_key_into(&right, 1).collect().unwrap(), [('d', 4)]);
    assert_eq!(left.subtract_by_key_into(&none, 1).collect().unwrap(), [('b', 1), ('b', 3), ('a', 2), ('d', 4)]);
    assert_eq!(none.subtract_by_key(&left).collect().unwrap(), []);
    let numbers = |values: &[i32], partitions| context.parallelize(values.to_vec(), partitions);
    let (left, right) = (numbers(&[5, 1, 5, 2, 3, 1], 3), numbers(&[3, 1, 1, 7], 2));
    assert_eq!(left.subtract_into(&right, 1).collect().unwrap(), [5, 5, 2]);
    assert_eq!(left.intersection_into(&right, 1).collect().unwrap(), [1, 3]);
    assert_eq!(left.distinct_into(1).collect().unwrap(), [5, 1, 2, 3]);
    assert_eq!(left.distinct_into(0).num_partitions(), 1);
    let empty = numbers(&[], 0);
    assert_eq!(left.intersection(&empty).count().unwrap(), 0);
    assert_eq!(empty.distinct().count().unwrap(), 0);
}

#[test]
fn aggregations() {
    let context = context(&[("spark.default.parallelism", "1")]);
    let (pairs, _) = two(&context);
    assert_eq!(pairs.fold_by_key(0, |x, y| x + y).collect().unwrap(), [('b', 4), ('a', 2), ('d', 4)]);
    // The zero counts once for each partition that has the key, as in Spark.
    let twice = context.parallelize([('a', 1), ('a', 1), ('a', 1)], 2).fold_by_key(10, |x, y| x + y);
    assert_eq!(twice.collect().unwrap(), [('a', 23)]);
    let strings = pairs.aggregate_by_key(
        String::new(),
        |held, value| format!("{held}{value}"),
        |earlier, later| format!("{earlier}|{later}"),
    );
    let expected = [('b', "1|3"), ('a', "2"), ('d', "4")].map(|(k, v)| (k, v.to_string()));
    assert_eq!(strings.collect().unwrap(), expected);
    let lists = pairs.combine_by_key_into(
        |v| vec![v],
        |mut held, v| {
            held.push(v);
            held
        },
        |earlier, later| [earlier, later].concat(),
        1,
    );
    assert_eq!(lists.collect().unwrap(), pairs.group_by_key().collect().unwrap());
    let groups = context.parallelize(1..=6, 3).group_by_into(|n| n % 3, 1);
    assert_eq!(groups.collect().unwrap(), [(1, vec![1, 4]), (2, vec![2, 5]), (0, vec![3, 6])]);
}

#[test]
fn halves_and_values() {
    let context = context(&[]);
    let pairs = context.parallelize([(1, 2), (2, 0), (3, 3)], 2);
    assert_eq!(pairs.keys().collect().unwrap(), [1, 2, 3]);
    assert_eq!(pairs.values().collect().unwrap(), [2, 0, 3]);
    assert_eq!(pairs.map_values(|v| v + 1).collect().unwrap(), [(1, 3), (2, 1), (3, 4)]);
    let expanded = pairs.flat_map_values(|n| (0..n).map(|i| i * 10));
    assert_eq!(expanded.collect().unwrap(), [(1, 0), (1, 10), (3, 0), (3, 10), (3, 20)]);
    let many = pairs.flat_map_values(|n| 0..n * 5_000);
    assert_eq!(many.count().unwrap(), 25_000);
}

#[test]
fn partitions_are_those_of_the_partitioner() {
    let context = context(&[]);
    let pairs = context.parallelize((0..20).map(|n| (n * 7 % 10, n)), 3);
    let laid = pairs.partition_by(Rest(4)).unwrap();
    for (at, part) in parts(&laid).into_iter().enumerate() {
        let expected: Vec<_> = (0..20).map(|n| (n * 7 % 10, n)).filter(|(k, _)| *k as usize % 4 == at).collect();
        assert_eq!(part, expected, "partition {at}, in order of arrival");
    }
    let error = pairs.partition_by(Rest(0)).err().unwrap().to_string();
    assert!(error.contains("at least 1") && error.contains("tables.rs"), "{error}");
    assert_eq!(pairs.partition_by_hash(0).num_partitions(), 1);
}

/// behaviour 3.22: values of a group come in the order of the map partitions, whichever finishes first.
#[test]
fn groups_are_in_order_of_arrival() {
    let context = context(&[]);
    let pairs = context.parallelize((0..1_000).map(|n| (n % 7, n)), 13);
    for (key, values) in pairs.group_by_key_into(3).collect().unwrap() {
        assert_eq!(values, (0..1_000).filter(|n| n % 7 == key).collect::<Vec<_>>());
    }
}

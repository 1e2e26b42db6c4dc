//! Sorting: order, stability, ranges of about one size.

use super::*;

#[test]
fn sorted_both_ways_and_stable() {
    let context = context(&[]);
    let words = ["tide", "mill", "a", "sea", "mill", "b", "tide"];
    let pairs = context.parallelize(words.iter().enumerate().map(|(n, w)| (tidemill_core::Text::from(*w), n)), 3);
    let expected = [("a", 2), ("b", 5), ("mill", 1), ("mill", 4), ("sea", 3), ("tide", 0), ("tide", 6)];
    let expected = expected.map(|(w, n)| (tidemill_core::Text::from(w), n));
    for partitions in [0, 1, 2, 3, 20] {
        let sorted = pairs.sort_by_key_into(true, partitions).unwrap();
        assert_eq!(sorted.collect().unwrap(), expected, "{partitions} partitions");
        assert!(sorted.num_partitions() <= partitions.max(1));
    }
    let falling = pairs.sort_by_key(false).unwrap().collect().unwrap();
    let expected = [("tide", 0), ("tide", 6), ("sea", 3), ("mill", 1), ("mill", 4), ("b", 5), ("a", 2)];
    assert_eq!(falling, expected.map(|(w, n)| (tidemill_core::Text::from(w), n)));
}

#[test]
fn nothing_sorts_to_nothing() {
    let context = context(&[]);
    for partitions in [0, 1, 3] {
        let none = context.parallelize(Vec::<(i32, i32)>::new(), partitions).sort_by_key_into(true, 4).unwrap();
        assert_eq!((none.count().unwrap(), none.num_partitions()), (0, 1));
    }
}

#[test]
fn sort_by_a_function_drops_its_keys() {
    let context = context(&[]);
    let sorted = context.parallelize(-5..=5, 3).sort_by(|n| n * n, false, 2).unwrap();
    assert_eq!(sorted.collect().unwrap(), [-5, 5, -4, 4, -3, 3, -2, 2, -1, 1, 0]);
    assert!(sorted.layout().is_none());
}

#[test]
fn ranges_are_about_even() {
    let context = context(&[]);
    let scrambled = |n: i64| n * 7_919 % 100_003;
    let even = context.parallelize(0..20_000, 8).map(move |n| (scrambled(n), ()));
    // One partition has nearly everything: its first sample says too little, so it is sampled again.
    let skewed = context.parallelize(0..8_i64, 8).flat_map(|p| if p == 3 { 0..20_000 } else { p..p + 1 });
    let skewed = skewed.map(move |n| (scrambled(n), ()));
    for (case, pairs) in [("even", even), ("skewed", skewed)] {
        for ascending in [true, false] {
            let sizes: Vec<usize> =
                parts(&pairs.sort_by_key_into(ascending, 5).unwrap()).iter().map(Vec::len).collect();
            assert_eq!(sizes.len(), 5, "{case}");
            assert!(sizes.iter().all(|size| (2_000..=6_500).contains(size)), "{case}: {sizes:?}");
        }
    }
}

#[test]
fn one_key_is_one_range() {
    let context = context(&[]);
    let sorted = context.parallelize((0..100).map(|n| ("same".to_string(), n)), 4).sort_by_key_into(true, 4).unwrap();
    assert_eq!(sorted.values().collect().unwrap(), (0..100).collect::<Vec<_>>());
}

#[test]
fn sorted_within_partitions_of_a_partitioner() {
    let context = context(&[]);
    let pairs = context.parallelize((0..30_i64).map(|n| (n * 11 % 30, n)), 4);
    let sorted = pairs.repartition_and_sort_within_partitions(Rest(3), false).unwrap();
    for (at, part) in parts(&sorted.keys()).into_iter().enumerate() {
        assert_eq!(part, (0..30).rev().filter(|n| n % 3 == at as i64).collect::<Vec<_>>());
    }
    let by_hash = pairs.repartition_and_sort_within_partitions_by_hash(4, true);
    for part in parts(&by_hash.keys()) {
        assert!(part.is_sorted(), "{part:?}");
    }
    assert_eq!(by_hash.count().unwrap(), 30);
}

#[test]
fn a_failure_of_the_sample_is_told_where_sorting_was_asked_for() {
    let context = context(&[]);
    let pairs = context.parallelize(0..10, 2).map(|n| if n == 7 { panic!("no seven") } else { (n, ()) });
    let error = pairs.sort_by_key(true).err().unwrap().to_string();
    assert!(error.contains("sort_by_key at") && error.contains("sorting.rs") && error.contains("no seven"), "{error}");
}

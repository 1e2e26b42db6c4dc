//! Actions on pairs, and samples.

use std::collections::HashMap;

use super::*;

#[test]
fn maps_in_the_driver() {
    let context = context(&[]);
    let pairs = context.parallelize([("a", 1), ("b", 2), ("a", 3), ("a", 4)].map(|(k, v)| (k.to_string(), v)), 3);
    let map = |entries: &[(&str, u64)]| entries.iter().map(|(k, v)| (k.to_string(), *v)).collect::<HashMap<_, _>>();
    assert_eq!(pairs.collect_as_map().unwrap(), map(&[("a", 4), ("b", 2)]));
    assert_eq!(pairs.count_by_key().unwrap(), map(&[("a", 3), ("b", 1)]));
    assert_eq!(pairs.reduce_by_key_locally(|x, y| x * 10 + y).unwrap(), map(&[("a", 44), ("b", 2)]));
    assert!(pairs.filter(|_| false).reduce_by_key_locally(|x, _| x).unwrap().is_empty());
}

/// Merged within partitions first, and partitions in order: (1), then (3, 4) as 34, then 1 and 34.
#[test]
fn local_reduction_goes_by_partition() {
    let context = context(&[]);
    let pairs = context.parallelize([('a', "1"), ('a', "3"), ('a', "4")].map(|(k, v)| (k, v.to_string())), 2);
    let merged = pairs.reduce_by_key_locally(|x, y| format!("({x}{y})")).unwrap();
    assert_eq!(merged[&'a'], "(1(34))");
}

#[test]
fn lookup_computes_one_partition_where_the_layout_is_known() {
    let context = context(&[]);
    let pairs = context.parallelize((0..40_i64).map(|n| (n % 10, n)), 4);
    assert_eq!(pairs.lookup(&3).unwrap(), [3, 13, 23, 33]);
    assert_eq!(pairs.lookup(&99).unwrap(), []);
    let seen = context.accumulator(0, |sum, more| *sum += more);
    let adder = seen.clone();
    let laid = pairs.partition_by(Rest(5)).unwrap().map_values(move |v| {
        adder.add(1);
        v
    });
    assert_eq!(laid.lookup(&3).unwrap(), [3, 13, 23, 33]);
    assert_eq!(seen.value(), 8, "keys 3 and 8 alone");
}

#[test]
fn samples_by_key() {
    let context = context(&[]);
    let pairs = context.parallelize((0..30_000).map(|n| (n % 3, n)), 5).partition_by_hash(3);
    let shares = [(0, 0.1), (1, 1.0), (2, 0.0)];
    let sample = pairs.sample_by_key(false, shares, 5).unwrap();
    let found = sample.collect().unwrap();
    assert_eq!(found, pairs.sample_by_key(false, shares, 5).unwrap().collect().unwrap(), "seeded");
    assert_ne!(found, pairs.sample_by_key(false, shares, 6).unwrap().collect().unwrap());
    assert_eq!(sample.layout(), pairs.layout());
    let counts = sample.count_by_key().unwrap();
    assert!((850..1_150).contains(&counts[&0]), "{counts:?}");
    assert_eq!((counts.get(&1), counts.get(&2)), (Some(&10_000), None));
    let counts = pairs.sample_by_key(true, [(0, 2.5), (1, 0.1), (2, 0.0)], 5).unwrap().count_by_key().unwrap();
    assert!((24_000..26_000).contains(&counts[&0]) && (850..1_150).contains(&counts[&1]), "{counts:?}");
    for (with_replacement, wrong) in [(false, 1.5), (false, -0.1), (true, -1.0), (true, f64::NAN)] {
        let error = pairs.sample_by_key(with_replacement, [(0, wrong)], 5).err().unwrap().to_string();
        assert!(error.contains("fraction") && error.contains("actions.rs"), "{error}");
    }
    let error = pairs.sample_by_key(false, [(0, 0.5)], 5).unwrap().count().unwrap_err().to_string();
    assert!(error.contains("no fraction") && error.contains("sample_by_key at"), "{error}");
}

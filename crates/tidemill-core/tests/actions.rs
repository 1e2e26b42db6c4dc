//! Actions (behaviour 3.6), held against what the same elements give without an RDD.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, atomic::AtomicBool};

use proptest::prelude::*;
use tidemill_core::{Context, Error, Rdd};

fn context() -> Context {
    Context::local(2).unwrap()
}

/// An RDD, and which of its partitions were computed.
fn watched(context: &Context, partitions: usize) -> (Rdd<i32>, Arc<Mutex<Vec<usize>>>) {
    let computed = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&computed);
    let rdd = context.parallelize(0..100, partitions).map_partitions_with_index(move |partition, elements| {
        seen.lock().unwrap().push(partition);
        elements
    });
    (rdd, computed)
}

#[test]
fn take_computes_no_more_partitions_than_it_needs() {
    // behaviour 3.28: one partition, then up to four times as many
    let context = context();
    for (n, expected) in [(0, 0), (1, 1), (10, 1), (11, 2), (30, 4), (100, 10), (1000, 10)] {
        let (rdd, computed) = watched(&context, 10);
        let expected_elements: Vec<i32> = (0..100).take(n).collect();
        assert_eq!(rdd.take(n).unwrap(), expected_elements);
        assert_eq!(computed.lock().unwrap().len(), expected, "take({n})");
    }
    let (rdd, computed) = watched(&context, 10);
    assert_eq!((rdd.first().unwrap(), rdd.is_empty().unwrap()), (0, false));
    assert_eq!(*computed.lock().unwrap(), [0, 0]);
}

#[test]
fn empty_rdds_say_so_as_in_spark() {
    // behaviour 3.25
    let context = context();
    let empty = context.parallelize(0..9, 3).filter(|_| false);
    let errors = [
        empty.first().unwrap_err(),
        empty.reduce(|a, b| a + b).unwrap_err(),
        empty.tree_reduce(|a, b| a + b, 2).unwrap_err(),
        empty.max().unwrap_err(),
        empty.min_by(|a, b| a.cmp(b)).unwrap_err(),
    ];
    assert!(errors.iter().all(|error| matches!(error, Error::Empty(_))));
    let reduce = "Can not reduce() empty RDD";
    assert_eq!(errors.map(|error| error.to_string()), ["RDD is empty", reduce, reduce, reduce, reduce]);
    assert!(empty.is_empty().unwrap());
    assert_eq!(empty.take(3).unwrap(), [0; 0]);
    assert_eq!((empty.sum().unwrap(), empty.mean().unwrap()), (0, 0.0));
    assert!(empty.variance().unwrap().is_nan());
    assert_eq!(empty.top(2).unwrap(), [0; 0]);
    assert!(empty.count_by_value().unwrap().is_empty());
    assert_eq!(empty.take_sample(true, 3, 1).unwrap(), [0; 0]);
    assert_eq!(empty.to_local_iterator().count(), 0);
    assert!(empty.histogram(3).unwrap_err().to_string().contains("Histogram on either an empty RDD"));
    assert_eq!(empty.count_approx_distinct(0.05).unwrap(), 0);
}

#[test]
fn zeros_are_merged_once_a_partition_and_once_in_the_driver() {
    // behaviour 3.25
    let rdd = context().parallelize([1, 2], 4);
    assert_eq!(rdd.fold(10, |a, b| a + b).unwrap(), 53);
    assert_eq!(rdd.aggregate(10, |a, b| a + b, |a, b| a + b).unwrap(), 53);
    assert_eq!(rdd.tree_aggregate(10, |a, b| a + b, |a, b| a + b, 2).unwrap(), 43);
    // As PySpark 3.5.9 does: partitions without elements count, no partitions leave the driver's zero.
    for (rdd, folded, in_tree) in [(context().parallelize([0; 0], 2), 30, 20), (context().empty(), 10, 10)] {
        assert_eq!(rdd.fold(10, |a, b| a + b).unwrap(), folded);
        assert_eq!(rdd.aggregate(10, |a, b| a + b, |a, b| a + b).unwrap(), folded);
        assert_eq!(rdd.tree_aggregate(10, |a, b| a + b, |a, b| a + b, 2).unwrap(), in_tree);
    }
}

/// 3.6: what PySpark 3.5.9 gives for the same elements.
#[test]
fn figures_are_those_of_spark() {
    let context = context();
    let spread = |values: &[i32]| {
        let rdd = context.parallelize(values.to_vec(), 3);
        [rdd.sample_stdev(), rdd.sample_variance(), rdd.stdev(), rdd.variance()].map(Result::unwrap)
    };
    for (values, expected) in [
        (&[1, 2, 3][..], [1.0, 1.0, 0.816496580927726, 0.6666666666666666]),
        (&[1, 2, 4, 9], [3.559026084010437, 12.666666666666666, 3.082207001484488, 9.5]),
    ] {
        let close = |(a, b): (f64, f64)| (a - b).abs() < 1e-12;
        assert!(spread(values).into_iter().zip(expected).all(close), "{:?}", spread(values));
    }
    let [sample_stdev, _, stdev, _] = spread(&[5]);
    assert!(sample_stdev.is_nan() && stdev == 0.0);
    let none = context.parallelize([0; 0], 2).stats().unwrap();
    assert_eq!((none.count(), none.mean(), none.max(), none.min()), (0, 0.0, f64::NEG_INFINITY, f64::INFINITY));
    assert!(none.stdev().is_nan() && none.sample_variance().is_nan());

    let histogram = |n: i32, buckets| context.parallelize(0..n, 3).histogram(buckets).unwrap();
    assert_eq!(histogram(51, 2), (vec![0.0, 25.0, 50.0], vec![25, 26]));
    assert_eq!(histogram(51, 3), (vec![0.0, 16.666666666666668, 33.333333333333336, 50.0], vec![17, 17, 17]));
    assert_eq!(histogram(11, 7).1, [2, 1, 2, 1, 2, 1, 2]);
    assert_eq!(context.parallelize([0; 0], 2).histogram_between(&[0.0, 1.0]).unwrap(), [0]);
    assert!(context.parallelize([1], 1).histogram_between(&[1.0, 1.0, 2.0]).is_err(), "a bound stands twice");

    let words = context.parallelize(["bb", "a", "c", "dd", "e"].map(String::from), 2);
    let longest = words.take_ordered_by(3, |a, b| b.len().cmp(&a.len())).unwrap();
    let shortest = words.take_ordered_by(3, |a, b| a.len().cmp(&b.len())).unwrap();
    assert_eq!(
        (longest, shortest),
        (["bb", "dd", "a"].map(String::from).into(), ["a", "c", "e"].map(String::from).into())
    );
    assert_eq!(context.parallelize([1], 1).top(0).unwrap(), [0; 0]);
}

#[test]
fn trees_keep_the_order_of_partitions() {
    let context = context();
    let letters: Vec<String> = (0..200).map(|i| format!("{i},")).collect();
    let expected = letters.concat();
    for partitions in [1, 2, 7, 30, 100] {
        let rdd = context.parallelize(letters.clone(), partitions);
        assert_eq!(rdd.reduce(|a, b| a + &b).unwrap(), expected);
        for depth in [1, 2, 3] {
            assert_eq!(rdd.tree_reduce(|a, b| a + &b, depth).unwrap(), expected, "{partitions} at {depth}");
            let aggregated = rdd.tree_aggregate(String::new(), |a, b| a + &b, |a, b| a + &b, depth).unwrap();
            assert_eq!(aggregated, expected, "{partitions} at {depth}");
        }
    }
    let error = context.parallelize([1], 1).tree_reduce(|a, _| a, 0).unwrap_err().to_string();
    assert!(error.contains("Depth must be greater than or equal to 1 but got 0"), "{error}");
}

#[test]
fn a_histogram_counts_each_bucket() {
    let rdd = context().parallelize([1.0, 1.5, 2.0, 3.0, 10.0, 10.0], 3);
    assert_eq!(rdd.histogram(3).unwrap(), (vec![1.0, 4.0, 7.0, 10.0], vec![4, 0, 2]));
    assert_eq!(rdd.histogram_between(&[0.0, 2.0, 10.0]).unwrap(), [2, 4]);
    assert_eq!(rdd.histogram_between(&[2.0, 3.0]).unwrap(), [2]);
    assert_eq!(context().parallelize([5, 5], 2).histogram(4).unwrap(), (vec![5.0, 5.0], vec![2]));
    for wrong in [&[1.0][..], &[2.0, 1.0], &[1.0, f64::NAN]] {
        assert!(rdd.histogram_between(wrong).is_err(), "{wrong:?}");
    }
    assert!(rdd.histogram(0).is_err());
    assert!(rdd.map(|_| f64::INFINITY).histogram(2).is_err());
}

#[test]
fn a_local_iterator_runs_one_job_a_partition_and_ends_after_an_error() {
    let context = context();
    let (rdd, computed) = watched(&context, 4);
    let mut elements = rdd.to_local_iterator();
    assert!(computed.lock().unwrap().is_empty());
    assert_eq!(elements.by_ref().take(26).map(Result::unwrap).max(), Some(25));
    assert_eq!(*computed.lock().unwrap(), [0, 1]);
    assert_eq!(elements.map(Result::unwrap).collect::<Vec<_>>(), (26..100).collect::<Vec<_>>());
    let failing = context.parallelize(0..4, 4).map(|x| if x == 2 { panic!("two") } else { x });
    let got: Vec<Result<i32, Error>> = failing.to_local_iterator().collect();
    assert_eq!(got.len(), 3);
    assert!(got[2].as_ref().unwrap_err().to_string().contains("two"));
}

#[test]
fn samples_have_the_size_asked_for() {
    let rdd = context().parallelize(0..50, 4);
    let once = rdd.take_sample(false, 20, 7).unwrap();
    assert_eq!(once, rdd.take_sample(false, 20, 7).unwrap(), "one seed, one sample");
    assert_ne!(once, rdd.take_sample(false, 20, 8).unwrap());
    assert!(!once.is_sorted(), "the order is random too");
    let mut distinct = once;
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 20);
    assert_eq!(rdd.take_sample(false, 90, 7).unwrap().len(), 50);
    assert_eq!(rdd.take_sample(true, 90, 7).unwrap().len(), 90);
    assert_eq!(rdd.take_sample(true, 0, 7).unwrap().len(), 0);
}

#[test]
fn run_job_computes_chosen_partitions_in_the_order_asked_for() {
    let context = context();
    let (rdd, computed) = watched(&context, 10);
    let firsts = context.run_job(&rdd, [7, 0, 7], |mut elements| elements.next()).unwrap();
    assert_eq!(firsts, [Some(70), Some(0), Some(70)]);
    assert_eq!(computed.lock().unwrap().len(), 3);
    let error = context.run_job(&rdd, [10], |elements| elements.count()).unwrap_err().to_string();
    assert!(error.contains("no partition 10") && error.contains("actions.rs"), "{error}");
}

#[test]
fn estimates_come_from_the_partitions_done_in_time() {
    // The last partition waits until the estimate is there.
    let context = context();
    let (release, gate) = sync_channel::<()>(1);
    let gate = Mutex::new(gate);
    let done = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&done);
    let numbers = context.parallelize(0..40, 4).map_partitions_with_index(move |partition, elements| {
        if partition == 3 {
            gate.lock().unwrap().recv().unwrap_or_default();
        }
        counter.fetch_add(1, Ordering::SeqCst);
        elements
    });
    let estimate = numbers.count_approx(300, 0.9).unwrap();
    let known = done.load(Ordering::SeqCst);
    assert!(known < 4 && estimate.confidence < 1.0, "{estimate:?}");
    assert!(estimate.low <= estimate.mean && estimate.mean <= estimate.high);
    drop(release);
    assert_eq!(context.parallelize(1..=4, 2).sum_approx(60_000, 0.9).unwrap().mean, 10.0);
    assert!(context.parallelize(1..=4, 2).mean_approx(60_000, 1.0).is_err(), "nobody is that confident");
    let failing = context.parallelize(0..4, 4).map(|x| if x == 2 { panic!("two") } else { x });
    assert!(failing.count_approx(60_000, 0.9).is_err());
}

#[test]
fn distinct_elements_are_counted_within_the_error() {
    let context = context();
    let distinct = context.parallelize((0..60_000).map(|i| format!("{}", i % 20_000)), 5);
    let estimate = distinct.count_approx_distinct(0.01).unwrap() as f64;
    assert!((estimate / 20_000.0 - 1.0).abs() < 0.05, "{estimate}");
    assert!(distinct.count_approx_distinct(0.0).is_err());
}

#[test]
fn a_partition_function_may_leave_elements() {
    let seen = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&seen);
    context()
        .parallelize(0..10, 1)
        .foreach_partition(move |mut elements| told.store(elements.next() == Some(0), Ordering::SeqCst))
        .unwrap();
    assert!(seen.load(Ordering::SeqCst));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn actions_agree_with_iterators(values in proptest::collection::vec(-50..50_i64, 1..80), partitions in 1..9_usize, n in 0..30_usize) {
        let rdd = context().parallelize(values.clone(), partitions);
        let mut sorted = values.clone();
        sorted.sort();
        prop_assert_eq!(rdd.max().unwrap(), *sorted.last().unwrap());
        prop_assert_eq!(rdd.min().unwrap(), sorted[0]);
        prop_assert_eq!(rdd.sum().unwrap(), values.iter().sum::<i64>());
        prop_assert_eq!(rdd.take(n).unwrap(), values.iter().copied().take(n).collect::<Vec<_>>());
        prop_assert_eq!(rdd.take_ordered(n).unwrap(), sorted.iter().copied().take(n).collect::<Vec<_>>());
        prop_assert_eq!(rdd.top(n).unwrap(), sorted.iter().rev().copied().take(n).collect::<Vec<_>>());
        let counts = rdd.count_by_value().unwrap();
        prop_assert!(counts.iter().all(|(value, count)| values.iter().filter(|v| *v == value).count() as u64 == *count));
        prop_assert_eq!(counts.values().sum::<u64>(), values.len() as u64);
        let stats = rdd.stats().unwrap();
        let mean = values.iter().sum::<i64>() as f64 / values.len() as f64;
        prop_assert!((stats.mean() - mean).abs() < 1e-9 && (rdd.mean().unwrap() - mean).abs() < 1e-9);
    }
}

//! `window` and `window_every`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidemill_core::StorageLevel;
use tidemill_streaming::testing::{TestContext, check};
use tidemill_streaming::{DStream, Error};

use crate::{run, seconds};

#[test]
fn a_window_is_the_union_of_its_batches_oldest_first() {
    // behaviour 1.50, 2.17, 10.14
    let batches = || [vec![5, 1], vec![4], vec![], vec![3, 2], vec![9]];
    let table: [(u64, u64, Vec<Vec<i32>>); 5] = [
        (1, 1, vec![vec![5, 1], vec![4], vec![], vec![3, 2], vec![9]]),
        (2, 1, vec![vec![5, 1], vec![5, 1, 4], vec![4], vec![3, 2], vec![3, 2, 9]]),
        (3, 2, vec![vec![5, 1, 4], vec![4, 3, 2]]),
        (1, 2, vec![vec![4], vec![3, 2]]), // a slide longer than the window leaves batches out
        (100_000_000, 5, vec![vec![5, 1, 4, 3, 2, 9]]), // longer than the time since 1970
    ];
    for (window, slide, expected) in table {
        check(batches(), |stream| stream.window_every(seconds(window), seconds(slide)).unwrap(), expected);
    }
}

#[test]
fn a_window_without_a_slide_slides_as_its_parent_does() {
    // behaviour 1.50
    check(
        [vec![1], vec![2], vec![3], vec![4], vec![5], vec![6]],
        |stream| stream.window_every(seconds(2), seconds(2)).unwrap().window(seconds(4)).unwrap(),
        [vec![1, 2], vec![1, 2, 3, 4], vec![3, 4, 5, 6]],
    );
}

#[test]
fn batches_without_an_rdd_are_left_out() {
    // behaviour 10.9
    let batches = [Some(vec![1]), None, None, Some(vec![4])];
    let seen = run(batches, |stream| stream.window(seconds(2)));
    assert_eq!(seen, [(1, vec![1]), (2, vec![1]), (3, vec![]), (4, vec![4])]);
}

#[test]
fn partitions_are_those_of_the_batches_and_a_window_over_nothing_has_none() {
    // behaviour 10.9
    let test = TestContext::new();
    let (feed, stream) = test.input();
    let windows = stream.window(seconds(2)).unwrap();
    let counts = test.collect(&windows.transform(|rdd, _| rdd.context().parallelize([rdd.num_partitions()], 1)));
    for batch in [Some(1), None, None] {
        batch.map_or_else(|| feed.push_none(), |record| feed.push([record]));
        test.tick().unwrap();
    }
    assert_eq!(counts.values(), [[2], [2], [0]]);
}

#[test]
fn durations_are_multiples_of_the_parents_slide() {
    // behaviour 1.50
    let millis = Duration::from_millis;
    let table = [
        (millis(1500), seconds(1), "The window duration of windowed DStream (1500 ms) must be a multiple"),
        (seconds(2), millis(1500), "The slide duration of windowed DStream (1500 ms) must be a multiple"),
        (seconds(0), seconds(1), "The window duration of windowed DStream (0 ms)"),
        (seconds(1), seconds(0), "The slide duration of windowed DStream (0 ms)"),
        (Duration::from_micros(1_000_500), seconds(1), "The window duration of windowed DStream (1.0005s)"),
    ];
    let test = TestContext::new();
    let (_, stream) = test.input::<(i32, i32)>();
    for (window, slide, message) in table {
        let refusals = [
            stream.window_every(window, slide).err(),
            stream.reduce_by_key_and_window(|a, b| a + b, window, slide).err(),
            stream.group_by_key_and_window(window, slide).err(),
            stream.reduce_by_window(|a, _| a, window, slide).err(),
        ];
        for refusal in refusals {
            let refusal = refusal.expect("a refusal");
            assert!(matches!(refusal, Error::Window { .. }), "{refusal}");
            let text = refusal.to_string();
            assert!(text.contains(message), "{text}");
            assert!(text.contains("of the slide duration of parent DStream (1000 ms)"), "{text}");
            assert!(text.contains("window.rs:"), "the user's line is named: {text}");
        }
    }
    let slow = stream.window_every(seconds(2), seconds(2)).unwrap();
    assert!(slow.window(seconds(3)).is_err(), "three seconds are no multiple of the parent's two");
}

/// A stream that counts how often its records are computed.
fn counted(stream: &DStream<i32>) -> (DStream<i32>, Arc<AtomicU64>) {
    let calls = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&calls);
    let counted = stream.map(move |record| {
        counter.fetch_add(1, Ordering::SeqCst);
        record
    });
    (counted, calls)
}

#[test]
fn records_are_computed_once_for_all_their_windows() {
    // behaviour 1.50
    let test = TestContext::new();
    let (feed, stream) = test.input();
    let (stream, calls) = counted(&stream);
    let (long, short) = (stream.window(seconds(3)).unwrap(), stream.window(seconds(2)).unwrap());
    let of_windows = long.window(seconds(2)).unwrap();
    let (long, short, of_windows) = (test.collect(&long), test.collect(&short), test.collect(&of_windows));
    for record in 1..=4 {
        feed.push([record]);
        test.tick().unwrap();
    }
    assert_eq!(long.values(), [vec![1], vec![1, 2], vec![1, 2, 3], vec![2, 3, 4]]);
    assert_eq!(short.values(), [vec![1], vec![1, 2], vec![2, 3], vec![3, 4]]);
    assert_eq!(of_windows.values().pop().unwrap(), [1, 2, 3, 2, 3, 4]);
    assert_eq!(calls.load(Ordering::SeqCst), 4, "each record was computed once");
    assert_eq!(stream.rdd(test.time(4)).unwrap().unwrap().storage_level(), StorageLevel::MEMORY_AND_DISK);
}

#[test]
fn a_parent_is_remembered_as_long_as_its_windows_need_it() {
    // behaviour 2.14
    let test = TestContext::new();
    let (feed, stream) = test.input();
    let seen = test.collect(&stream.window_every(seconds(2), seconds(4)).unwrap());
    let held = test.collect(&stream.transform(|rdd, _| rdd));
    let nodes = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = Arc::clone(&nodes);
    stream.foreach_rdd(move |rdd, _| {
        kept.lock().unwrap().push(Arc::downgrade(rdd.node()));
        Ok(())
    });
    for record in 1..=9 {
        feed.push([record]);
        test.tick().unwrap();
    }
    assert_eq!(seen.values(), [[3, 4], [7, 8]]);
    assert_eq!(held.values().len(), 9);
    let alive = nodes.lock().unwrap().iter().filter(|node| node.upgrade().is_some()).count();
    assert!((1..=6).contains(&alive), "slide and window together are six seconds: {alive}");
}

#[test]
fn windows_of_keyed_streams_keep_their_layout() {
    // behaviour 3.24
    let test = TestContext::new();
    let (feed, stream) = test.input();
    let windows = stream.reduce_by_key(|a: i32, b| a + b).window(seconds(3)).unwrap();
    let partitions = test.collect(&windows.transform(|rdd, _| rdd.glom()));
    for batch in 0..3 {
        feed.push((0..4).map(|key| (key, batch)));
        test.tick().unwrap();
    }
    let last = partitions.values().pop().unwrap();
    assert_eq!(last.len(), 2, "partition by partition, not batch by batch");
    assert_eq!(last.iter().flatten().count(), 12);
}

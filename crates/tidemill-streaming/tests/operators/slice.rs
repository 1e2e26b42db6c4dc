//! `slice`: the RDDs of a stream from one time to another.

use std::time::Duration;

use tidemill_core::Timestamp;
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{DStream, Error};

const SECOND: Duration = Duration::from_secs(1);

fn millis(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn batches(stream: &DStream<u64>, from: Timestamp, to: Timestamp) -> Vec<Vec<u64>> {
    stream.slice(from, to).unwrap().iter().map(|rdd| rdd.collect().unwrap()).collect()
}

/// Runs batches that hold their own numbers.
fn run(test: &TestContext, numbers: std::ops::RangeInclusive<u64>, feed: &tidemill_streaming::testing::Feed<u64>) {
    for number in numbers {
        feed.push([number]);
        test.tick().unwrap();
    }
}

#[test]
fn both_ends_are_included_and_rounded_down() {
    // behaviour 1.49
    let test = TestContext::new();
    test.streaming().remember(SECOND * 100).unwrap();
    let (feed, numbers) = test.input();
    let _seen = test.collect(&numbers);
    run(&test, 1..=5, &feed);
    let table: [(u64, u64, &[u64]); 9] = [
        (2000, 4000, &[2, 3, 4]),
        (2999, 4999, &[2, 3, 4]),
        (3000, 3000, &[3]),
        (3400, 3600, &[3]),
        (0, 1000, &[1]), // there is no batch at the start itself
        (0, 0, &[]),
        (4000, 2000, &[]),
        (5000, 5999, &[5]),
        (9000, 12_000, &[]),
    ];
    for (from, to, expected) in table {
        let expected: Vec<_> = expected.iter().map(|number| vec![*number]).collect();
        assert_eq!(batches(&numbers, millis(from), millis(to)), expected, "{from} to {to}");
    }
}

#[test]
fn times_before_the_start_are_left_out() {
    // behaviour 1.49
    let test = TestContext::new();
    test.clock().advance(SECOND * 10);
    test.streaming().remember(SECOND * 100).unwrap();
    let (feed, numbers) = test.input();
    let _seen = test.collect(&numbers);
    run(&test, 1..=2, &feed);
    assert_eq!(batches(&numbers, millis(0), millis(60_000)), [[1], [2]]);
}

#[test]
fn before_the_start_it_is_an_error() {
    // behaviour 1.49
    let test = TestContext::new();
    let (_, numbers) = test.input::<u64>();
    let error = numbers.slice(millis(0), millis(1000)).err().unwrap();
    assert!(matches!(error, Error::NotInitialized { .. }), "{error}");
    assert!(error.to_string().contains("has not been initialized"), "{error}");
}

#[test]
fn what_nobody_asked_for_yet_is_computed() {
    // behaviour 1.49, 2.13
    let test = TestContext::new();
    test.streaming().remember(SECOND * 100).unwrap();
    let (feed, numbers) = test.input();
    let unread = numbers.map(|x| x * 10);
    let _seen = test.collect(&numbers);
    run(&test, 1..=3, &feed);
    assert_eq!(batches(&unread, millis(1000), millis(3000)), [[10], [20], [30]]);
    let (one, again) = (unread.slice(millis(2000), millis(2000)), unread.slice(millis(2000), millis(2000)));
    assert_eq!(one.unwrap()[0].id(), again.unwrap()[0].id(), "made once");
}

#[test]
fn a_batch_without_input_yet_is_left_alone() {
    // behaviour 1.49, unlike Spark, where it would be empty ever after
    let test = TestContext::new();
    test.streaming().remember(SECOND * 100).unwrap();
    let (feed, numbers) = test.input();
    let seen = test.collect(&numbers);
    run(&test, 1..=1, &feed);
    assert_eq!(batches(&numbers, millis(1000), millis(3000)), [[1]]);
    assert!(numbers.rdd(test.time(2)).unwrap().is_none());
    run(&test, 2..=3, &feed);
    assert_eq!(seen.values(), [[1], [2], [3]]);
    assert_eq!(batches(&numbers, millis(1000), millis(3000)), [[1], [2], [3]]);
}

#[test]
fn batches_without_an_rdd_are_left_out() {
    // behaviour 1.49
    let test = TestContext::new();
    test.streaming().remember(SECOND * 100).unwrap();
    let (feed, numbers) = test.input();
    let _seen = test.collect(&numbers);
    run(&test, 1..=1, &feed);
    feed.push_none();
    test.tick().unwrap();
    run(&test, 3..=3, &feed);
    assert_eq!(batches(&numbers, millis(1000), millis(3000)), [[1], [3]]);
}

#[test]
fn after_the_stop_there_is_what_is_remembered() {
    // behaviour 1.49
    let test = TestContext::new();
    test.streaming().remember(SECOND * 100).unwrap();
    let (feed, numbers) = test.input();
    let tens = numbers.map(|x| x * 10);
    let _seen = test.collect(&tens);
    run(&test, 1..=3, &feed);
    test.streaming().stop_with(tidemill_streaming::Stop { graceful: true, context: false });
    assert_eq!(batches(&tens, millis(1000), millis(3000)), [[10], [20], [30]]);
}

#[test]
fn off_the_grid_there_is_no_rdd() {
    // behaviour 2.13
    let test = TestContext::new();
    let (feed, numbers) = test.input();
    let _seen = test.collect(&numbers);
    run(&test, 1..=1, &feed);
    assert!(numbers.rdd(millis(1000)).unwrap().is_some());
    for off in [0, 500, 1500] {
        assert!(numbers.rdd(millis(off)).unwrap().is_none(), "{off}");
    }
}

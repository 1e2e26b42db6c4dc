//! Windows by an inverse function: what differs from windows that are computed anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidemill_core::Context;
use tidemill_streaming::dstream::{Compute, Computed, Sliding, WindowOptions};
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{DStream, Error, StreamingContext};

use crate::{all, run, seconds};

const ADD: fn(i64, i64) -> i64 = |a, b| a + b;
const SUBTRACT: fn(i64, i64) -> i64 = |a, b| a - b;

#[test]
fn keys_stay_when_their_values_have_left_unless_a_filter_drops_them() {
    // behaviour 1.55, 2.18, 10.4
    let batches = || all([vec![('a', 1), ('b', 2)], vec![('a', 10)], vec![('c', 5)], vec![]]);
    let first = [(1, vec![('a', 1), ('b', 2)]), (2, vec![('a', 11), ('b', 2)])];
    let (kept, dropped) = (
        [(3, vec![('a', 10), ('b', 0), ('c', 5)]), (4, vec![('a', 0), ('b', 0), ('c', 5)])],
        [(3, vec![('a', 10), ('c', 5)]), (4, vec![('c', 5)])],
    );
    let filter = || WindowOptions::new().filter(|_, sum| *sum != 0);
    let table = [
        (WindowOptions::new(), &kept),
        (filter(), &dropped),
        (WindowOptions::new().sliding(Sliding::InverseIfLong), &dropped), // computed anew: two slides are not long
        (filter().sliding(Sliding::InverseIfLong), &dropped),
    ];
    for (options, last) in table {
        let program =
            |pairs: &DStream<_>| pairs.reduce_by_key_and_window_with(ADD, SUBTRACT, seconds(2), seconds(1), options);
        assert_eq!(run(batches(), program), [first.to_vec(), last.to_vec()].concat());
    }
}

#[test]
fn the_filter_also_holds_where_windows_are_computed_anew() {
    // behaviour 1.55
    let options = WindowOptions::new().sliding(Sliding::Recompute).filter(|_, sum| *sum > 1);
    let seen = run(all([vec![('a', 1), ('b', 2)], vec![('a', 10)]]), |pairs| {
        pairs.reduce_by_key_and_window_with(ADD, SUBTRACT, seconds(2), seconds(1), options)
    });
    assert_eq!(seen, [(1, vec![('b', 2)]), (2, vec![('a', 11), ('b', 2)])]);
}

#[test]
fn windows_need_not_be_multiples_of_their_slide() {
    // behaviour 2.18
    let batches = || all([1, 2, 4, 8, 16, 32, 64, 128].map(|value| vec![('a', value)]));
    for (window, slide, expected) in [
        (3, 2, vec![(2, 3), (4, 14), (6, 56), (8, 224)]),
        (1, 3, vec![(3, 4), (6, 32)]),
        (2, 2, vec![(2, 3), (4, 12), (6, 48), (8, 192)]),
    ] {
        let seen = run(batches(), |pairs| {
            pairs.reduce_by_key_and_window_inverse(ADD, SUBTRACT, seconds(window), seconds(slide))
        });
        let expected: Vec<_> = expected.into_iter().map(|(batch, sum)| (batch, vec![('a', sum)])).collect();
        assert_eq!(seen, expected, "{window}, {slide}");
    }
}

#[test]
fn lists_lose_their_first_values_and_empty_ones_stay() {
    // behaviour 1.54, 10.4: PySpark's form beside Scala's
    let batches = || all([vec![('a', 3), ('b', 1), ('a', 2)], vec![('a', 1)], vec![], vec![], vec![], vec![]]);
    let expected = |gone: Vec<(char, Vec<i32>)>| (6, gone);
    let group = |window: u64, sliding| {
        let options = WindowOptions::new().sliding(sliding);
        run(batches(), |pairs| pairs.group_by_key_and_window_with(seconds(window), seconds(1), options))
    };
    let long = group(5, Sliding::InverseIfLong);
    assert_eq!(long[1], (2, vec![('a', vec![3, 2, 1]), ('b', vec![1])]));
    assert_eq!(long[5], expected(vec![('a', vec![1]), ('b', vec![])]));
    assert_eq!(group(5, Sliding::Recompute)[5], expected(vec![('a', vec![1])]));
    assert_eq!(group(4, Sliding::InverseIfLong)[5], expected(vec![]));
    assert_eq!(group(4, Sliding::Inverse)[5], expected(vec![('a', vec![]), ('b', vec![])]));
    let options = WindowOptions::new().filter(|_, values: &Vec<i32>| !values.is_empty());
    let seen = run(batches(), |pairs| pairs.group_by_key_and_window_with(seconds(5), seconds(1), options));
    assert_eq!(seen[5], expected(vec![('a', vec![1])]));
}

#[test]
fn all_records_of_a_window_become_one() {
    // behaviour 1.51, 2.17
    let batches = || all([vec![1, 2], vec![10], vec![], vec![]]);
    for (sliding, last) in [(Sliding::Inverse, vec![0]), (Sliding::InverseIfLong, vec![])] {
        let seen =
            run(batches(), |numbers| numbers.reduce_by_window_inverse(ADD, SUBTRACT, seconds(2), seconds(1), sliding));
        assert_eq!(seen, [(1, vec![3]), (2, vec![13]), (3, vec![10]), (4, last)]);
    }
}

#[test]
fn records_are_computed_once_however_long_the_window_is() {
    // behaviour 2.18
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let (read, merged) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (reads, merges) = (Arc::clone(&read), Arc::clone(&merged));
    let pairs = pairs.map(move |pair: (char, i64)| {
        reads.fetch_add(1, Ordering::SeqCst);
        pair
    });
    let add = move |a, b| {
        merges.fetch_add(1, Ordering::SeqCst);
        a + b
    };
    let sums = pairs.reduce_by_key_and_window_inverse(add, SUBTRACT, seconds(100), seconds(1)).unwrap();
    let (seen, again) = (test.collect(&sums), test.collect(&sums.map(|(_, sum)| sum)));
    for value in 1..=20 {
        feed.push([('a', value)]);
        test.tick().unwrap();
    }
    assert_eq!(seen.values().pop().unwrap(), [('a', 210)]);
    assert_eq!(again.values().pop().unwrap(), [210]);
    assert_eq!((read.load(Ordering::SeqCst), merged.load(Ordering::SeqCst)), (20, 19));
}

#[test]
fn a_step_that_fails_leaves_the_window_as_if_the_batch_had_been_empty() {
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let add = |a: i64, b: i64| {
        assert!(a + b < 1000, "more than there is");
        a + b
    };
    let sums = pairs.reduce_by_key_and_window_inverse(add, SUBTRACT, seconds(3), seconds(1)).unwrap();
    let seen = test.collect(&sums);
    let outcomes: Vec<bool> = [1, 10, 1000, 100, 0, 0]
        .into_iter()
        .map(|value| {
            feed.push([('a', value)]);
            let ended = test.tick();
            assert!(matches!(ended, Ok(()) | Err(Error::State { .. })), "{ended:?}");
            ended.is_ok()
        })
        .collect();
    assert_eq!(outcomes, [true, true, false, true, true, true]);
    assert_eq!(seen.values(), [[('a', 1)], [('a', 11)], [('a', 110)], [('a', 100)], [('a', 100)]]);
}

/// An input that never has anything.
struct Nothing;

impl Compute<(char, i64)> for Nothing {
    fn compute(&self, _: &StreamingContext, _: tidemill_core::Timestamp) -> Computed<(char, i64)> {
        Ok(None)
    }
}

#[test]
fn a_checkpoint_directory_is_needed_for_the_inverse_alone() {
    // behaviour 1.39, 1.55
    for (sliding, needed) in [(Sliding::Inverse, true), (Sliding::InverseIfLong, false), (Sliding::Recompute, false)] {
        let context = Context::local(1).unwrap();
        let streaming = StreamingContext::new(&context, seconds(1)).unwrap();
        let pairs = streaming.stream("nothing", Nothing);
        let options = WindowOptions::new().sliding(sliding);
        let sums = pairs.reduce_by_key_and_window_with(ADD, SUBTRACT, seconds(2), seconds(1), options).unwrap();
        let _unneeded = pairs.count_by_window(seconds(2), seconds(1)).unwrap(); // by any output
        sums.foreach_rdd(|_, _| Ok(()));
        let started = streaming.start();
        streaming.stop(true);
        match started {
            Err(error @ Error::NoCheckpointDirectory { .. }) if needed => {
                let text = "The checkpoint directory has not been set. Please set it by StreamingContext.checkpoint().";
                assert!(error.to_string().ends_with(text), "{error}");
                assert!(error.to_string().contains("inverse.rs:"), "{error}");
            }
            started => assert!(started.is_ok() && !needed, "{sliding:?}: {started:?}"),
        }
    }
}

//! What a failure costs: the batch of the outputs that need the state, and never the state itself.

use std::sync::atomic::{AtomicU32, Ordering};

use tidemill_streaming::Error;
use tidemill_streaming::dstream::{StateSpec, UpdateOptions};
use tidemill_streaming::state::State;
use tidemill_streaming::testing::TestContext;

use crate::{seconds, sum};

#[test]
fn a_function_that_panics_leaves_the_state_as_it_was() {
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let sums = pairs.update_state_by_key(|values: Vec<i64>, before| {
        assert!(!values.contains(&13), "an unlucky number");
        sum(values, before)
    });
    let (sums, others) = (test.collect(&sums), test.collect(&pairs.map(|(_, value)| value)));
    for value in [1, 13, 2] {
        feed.push([('a', value), ('b', 1)]);
        let ended = test.tick();
        assert_eq!(ended.is_err(), value == 13);
        let Err(error) = ended else { continue };
        let text = error.to_string();
        assert!(matches!(error, Error::State { time, .. } if time == test.time(2)), "{text}");
        for part in ["an unlucky number", "update_state_by_key", "failures.rs:", "left as it was before this batch"] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
    }
    let mut seen = sums.take();
    seen.iter_mut().for_each(|(_, state)| state.sort());
    assert_eq!(seen, [(test.time(1), vec![('a', 1), ('b', 1)]), (test.time(3), vec![('a', 3), ('b', 2)])]);
    assert_eq!(others.values(), [[1, 1], [13, 1], [2, 1]], "an output that does not need the state runs");
}

#[test]
fn no_partition_keeps_what_others_failed_to_do() {
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let spec = StateSpec::function(|_: &i64, value: Option<i64>, state: &mut State<i64>| {
        assert!(value != Some(13), "an unlucky number");
        state.update(state.get().unwrap_or(&0) + value.unwrap());
    });
    let mapped = pairs.map_with_state(spec.partitions(8));
    let states = test.collect(&mapped.state_snapshots());
    for unlucky in [1, 13, 1] {
        feed.push((0..16).map(|key| (key, if key == 5 { unlucky } else { 1 })));
        assert_eq!(test.tick().is_err(), unlucky == 13);
    }
    let seen = states.values();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].iter().all(|(_, sum)| *sum == 2), "{:?}", seen[1]);
    assert_eq!(seen[1].len(), 16);
}

#[test]
fn a_state_behind_one_that_failed_waits_for_the_next_batch() {
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let first = pairs.update_state_by_key(|values: Vec<i64>, before| {
        assert!(!values.contains(&13), "an unlucky number");
        sum(values, before)
    });
    let second = first.update_state_by_key(sum);
    let seen = test.collect(&second);
    for value in [1, 13, 2] {
        feed.push([('a', value)]);
        assert_eq!(test.tick().is_err(), value == 13);
    }
    assert_eq!(seen.values(), [[('a', 1)], [('a', 4)]]);
}

#[test]
fn an_input_that_cannot_be_made_loses_the_batch_and_not_the_state() {
    // behaviour 2.40
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let second = test.time(2);
    let broken = pairs.transform(move |rdd, time| {
        assert!(time != second, "no RDD today");
        rdd
    });
    let seen = test.collect(&broken.update_state_by_key(sum));
    for value in 1..=3 {
        feed.push([('a', value)]);
        let ended = test.tick();
        assert_eq!(ended.is_err(), value == 2);
        assert!(ended.is_ok() || ended.unwrap_err().to_string().contains("no RDD today"));
    }
    assert_eq!(seen.values(), [[('a', 1)], [('a', 4)]]);
}

#[test]
fn a_first_state_that_cannot_be_read_is_tried_again() {
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let tries = AtomicU32::new(0);
    let before = test.context().parallelize([('a', 100)], 1).map(move |entry| {
        assert!(tries.fetch_add(1, Ordering::SeqCst) > 0, "the disk is not there yet");
        entry
    });
    let options = UpdateOptions::new().initial_state(&before);
    let seen = test.collect(&pairs.update_state_by_key_with(options, |_, _, values, state| sum(values, state)));
    feed.push([('a', 1)]);
    let error = test.tick().unwrap_err().to_string();
    assert!(error.contains("the disk is not there yet"), "{error}");
    feed.push([('a', 2)]);
    test.tick().unwrap();
    assert_eq!(seen.values(), [[('a', 102)]]);
}

#[test]
fn an_output_that_fails_does_not_hold_up_the_state() {
    // behaviour 2.39
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let sums = pairs.update_state_by_key(sum);
    let second = test.time(2);
    sums.foreach_rdd(move |_, time| if time == second { Err("the disk is full".into()) } else { Ok(()) });
    let seen = test.collect(&sums);
    for value in 1..=3 {
        feed.push([('a', value)]);
        assert_eq!(test.tick().is_err(), value == 2);
    }
    assert_eq!(seen.values(), [[('a', 1)], [('a', 3)], [('a', 6)]]);
}

#[test]
fn windows_over_a_state_that_failed_fail_as_long_as_they_hold_its_batch() {
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let sums = pairs.update_state_by_key(|values: Vec<i64>, before| {
        assert!(!values.contains(&13), "an unlucky number");
        sum(values, before)
    });
    let seen = test.collect(&sums.window(seconds(2)).unwrap().map(|(_, sum)| sum));
    let (mut told, values) = (Vec::new(), [1, 13, 2, 3]);
    for value in values {
        feed.push([('a', value)]);
        told.push(test.tick().is_err());
    }
    assert_eq!(told, [false, true, true, false]);
    assert_eq!(seen.take(), [(test.time(1), vec![1]), (test.time(4), vec![3, 6])]);
}

#[test]
fn a_failure_is_told_even_if_no_output_asks_for_the_state_now() {
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let add = |a: i64, b: i64| {
        assert!(a != 13 && b != 13, "an unlucky number");
        a + b
    };
    let sums = pairs.reduce_by_key_and_window_inverse(add, |a, b| a - b, seconds(3), seconds(2)).unwrap();
    let seen = test.collect(&sums);
    let mut told = Vec::new();
    for value in [1, 2, 13, 4, 5, 6] {
        feed.push([('a', value), ('a', 0)]);
        told.push(test.tick().is_err());
    }
    assert_eq!(told, [false, false, true, false, false, false]);
    assert_eq!(seen.take(), [2, 4, 6].map(|batch| (test.time(batch), vec![('a', [3, 6, 15][batch as usize / 2 - 1])])));
}

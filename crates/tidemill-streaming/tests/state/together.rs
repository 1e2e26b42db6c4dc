//! Stateful streams together with each other, with windows and with several outputs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tidemill_core::memory::Pool;
use tidemill_streaming::dstream::StateSpec;
use tidemill_streaming::state::State;
use tidemill_streaming::testing::TestContext;

use crate::{run, seconds, sum};

#[test]
fn two_outputs_share_one_step() {
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let calls = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&calls);
    let sums = pairs.update_state_by_key(move |values, before| {
        counter.fetch_add(1, Ordering::SeqCst);
        sum(values, before)
    });
    let (one, two) = (test.collect(&sums), test.collect(&sums.map(|(_, sum)| sum)));
    for value in 1..=3 {
        feed.push([('a', value)]);
        test.tick().unwrap();
    }
    assert_eq!(
        (one.values(), two.values()),
        (vec![vec![('a', 1)], vec![('a', 3)], vec![('a', 6)]], vec![vec![1], vec![3], vec![6]])
    );
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[test]
fn a_state_steps_in_batches_for_which_no_output_asks() {
    let seen = run([1, 2, 3, 4, 5].map(|value| Some(vec![('a', value)])), |pairs| {
        pairs.update_state_by_key(sum).window_every(seconds(1), seconds(2)).unwrap()
    });
    assert_eq!(seen, [(2, vec![('a', 3)]), (4, vec![('a', 10)])]);
}

#[test]
fn windows_over_states_see_each_state_as_it_was() {
    // behaviour 1.50
    let seen = run([1, 2, 3, 4].map(|value| Some(vec![('a', value)])), |pairs| {
        pairs.update_state_by_key(sum).window(seconds(3)).unwrap()
    });
    let sums: Vec<Vec<i64>> =
        seen.into_iter().map(|(_, states)| states.into_iter().map(|(_, sum)| sum).collect()).collect();
    assert_eq!(sums, [vec![1], vec![1, 3], vec![1, 3, 6], vec![3, 6, 10]]);
}

#[test]
fn windows_over_emitted_records_and_snapshots_go_together() {
    // behaviour 2.22
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let spec = StateSpec::function(|key: &char, value: Option<i64>, state: &mut State<i64>| {
        state.update(state.get().unwrap_or(&0) + value.unwrap());
        (*key, value.unwrap())
    });
    let mapped = pairs.map_with_state(spec.partitions(1));
    let records = test.collect(&mapped.window(seconds(2)).unwrap());
    let states = test.collect(&mapped.state_snapshots().window(seconds(2)).unwrap());
    for value in 1..=3 {
        feed.push([('a', value)]);
        test.tick().unwrap();
    }
    assert_eq!(records.values(), [vec![('a', 1)], vec![('a', 1), ('a', 2)], vec![('a', 2), ('a', 3)]]);
    assert_eq!(states.values(), [vec![('a', 1)], vec![('a', 1), ('a', 3)], vec![('a', 3), ('a', 6)]]);
}

#[test]
fn snapshots_alone_make_the_step() {
    // behaviour 2.22
    let seen = run([1, 2].map(|value| Some(vec![('a', value)])), |pairs| {
        let spec =
            StateSpec::function(|_: &char, value: Option<i64>, state: &mut State<i64>| state.update(value.unwrap()));
        pairs.map_with_state(spec).state_snapshots()
    });
    assert_eq!(seen, [(1, vec![('a', 1)]), (2, vec![('a', 2)])]);
}

#[test]
fn a_state_over_windows_steps_once_a_slide() {
    // behaviour 2.13
    let seen = run([1, 2, 3, 4, 5].map(|value| Some(vec![('a', value)])), |pairs| {
        pairs.window_every(seconds(2), seconds(2)).unwrap().update_state_by_key(sum)
    });
    assert_eq!(seen, [(2, vec![('a', 3)]), (4, vec![('a', 10)])]);
}

#[test]
fn a_state_joins_without_a_shuffle() {
    // behaviour 3.24
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let sums = pairs.update_state_by_key(sum);
    let layouts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&layouts);
    sums.foreach_rdd(move |rdd, _| {
        seen.lock().unwrap().push(rdd.layout().cloned());
        Ok(())
    });
    for _ in 0..2 {
        feed.push([('a', 1)]);
        test.tick().unwrap();
    }
    let layouts = layouts.lock().unwrap();
    assert!(layouts[0].is_some(), "the layout of a state is known");
    assert_eq!(layouts[0], layouts[1]);
}

#[test]
fn versions_are_kept_as_long_as_streams_remember() {
    // behaviour 2.14
    for (remember, old_is_there) in [(seconds(1), false), (seconds(5), true)] {
        let test = TestContext::new();
        test.streaming().remember(remember).unwrap();
        let (feed, pairs) = test.input();
        let mapped =
            pairs.map_with_state(StateSpec::function(|_: &char, value: Option<i64>, state: &mut State<i64>| {
                state.update(value.unwrap());
                value.unwrap()
            }));
        test.collect(&mapped);
        test.collect(&mapped.state_snapshots());
        feed.push([('a', 1)]);
        test.tick().unwrap();
        let first =
            (mapped.rdd(test.time(1)).unwrap().unwrap(), mapped.state_snapshots().rdd(test.time(1)).unwrap().unwrap());
        for value in 2..=3 {
            feed.push([('a', value)]);
            test.tick().unwrap();
        }
        let (records, states) = (first.0.collect(), first.1.collect());
        if old_is_there {
            assert_eq!((records.unwrap(), states.unwrap()), (vec![1], vec![('a', 1)]));
            continue;
        }
        for error in [records.unwrap_err(), states.unwrap_err()] {
            assert!(error.to_string().contains("map_with_state") && error.to_string().contains("version"), "{error}");
        }
    }
}

#[test]
fn memory_of_the_state_is_given_back_with_the_context() {
    let test = TestContext::new();
    let memory = test.context().environment().memory.clone();
    let (feed, pairs) = test.input();
    let seen = test.collect(&pairs.update_state_by_key(sum));
    feed.push((0..1000_i64).map(|key| (key, 1)));
    test.tick().unwrap();
    assert_eq!(seen.values()[0].len(), 1000);
    let used = memory.used(Pool::State);
    assert!(used >= 1000 * 16, "state is accounted: {used}");
    for _ in 0..5 {
        test.tick().unwrap();
    }
    assert!(memory.used(Pool::State) <= used * 4, "old versions go: {used}, then {}", memory.used(Pool::State));
    drop((pairs, feed, seen));
    drop(test);
    assert_eq!(memory.used(Pool::State), 0);
}

//! States that go on over restarts.

use std::time::Duration;

use tidemill_streaming::dstream::StateSpec;
use tidemill_streaming::testing::{Feed, TestContext};

use super::{SECOND, Seen, run, try_run};

type Pair = (String, u64);

fn pair(key: &str, value: u64) -> Pair {
    (key.to_owned(), value)
}

fn sums(test: &TestContext) -> (Feed<Pair>, Seen<Pair>) {
    let (feed, pairs) = test.input::<Pair>();
    let sums = pairs.update_state_by_key(|new, sum: Option<u64>| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()));
    (feed, Seen::of(&sums))
}

fn sorted(seen: &Seen<Pair>) -> Vec<(u64, Vec<Pair>)> {
    let mut batches = seen.take();
    batches.iter_mut().for_each(|(_, pairs)| pairs.sort());
    batches
}

#[test]
fn sums_go_on_and_a_failed_batch_does_not_count_twice() {
    // behaviour 6.19, 10.11
    let folder = tempfile::tempdir().unwrap();
    let first = run(folder.path(), 0);
    let (feed, seen) = sums(&first);
    feed.push([pair("a", 1), pair("b", 10)]);
    first.tick().unwrap();
    seen.fail(true); // its state is made, its output is not
    feed.push([pair("a", 1)]);
    first.tick().unwrap_err();
    seen.fail(false);
    feed.push([pair("a", 1), pair("c", 100)]);
    first.tick().unwrap();
    assert_eq!(sorted(&seen).last(), Some(&(3, vec![pair("a", 3), pair("b", 10), pair("c", 100)])));
    drop(first);

    let second = run(folder.path(), 4);
    let (feed, seen) = sums(&second);
    feed.push([pair("b", 1)]);
    second.tick().unwrap();
    let after = vec![pair("a", 3), pair("b", 11), pair("c", 100)];
    assert_eq!(sorted(&seen), [(2, vec![pair("a", 2), pair("b", 10)]), (4, after.clone()), (5, after.clone())]);
    drop(second);

    let third = run(folder.path(), 5);
    let (_, seen) = sums(&third);
    third.tick().unwrap();
    assert_eq!(sorted(&seen), [(6, after)]);
}

#[test]
fn a_state_with_a_first_state_is_not_given_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let program = |test: &TestContext| {
        let (feed, pairs) = test.input::<Pair>();
        let first = test.context().parallelize([pair("a", 1000)], 1);
        let options = tidemill_streaming::dstream::UpdateOptions::new().initial_state(&first);
        let sums = pairs.update_state_by_key_with(options, |_, _, new, sum: Option<u64>| {
            Some(sum.unwrap_or(0) + new.iter().sum::<u64>())
        });
        (feed, Seen::of(&sums))
    };
    let first = run(folder.path(), 0);
    let (feed, seen) = program(&first);
    feed.push([pair("a", 1)]);
    first.tick().unwrap();
    assert_eq!(sorted(&seen), [(1, vec![pair("a", 1001)])]);
    drop(first);
    let second = run(folder.path(), 1);
    let (feed, seen) = program(&second);
    feed.push([pair("a", 1)]);
    second.tick().unwrap();
    assert_eq!(sorted(&seen), [(2, vec![pair("a", 1002)])]);
}

#[test]
fn inverse_windows_know_what_leaves_them_after_a_restart() {
    // behaviour 1.55, 2.18
    let folder = tempfile::tempdir().unwrap();
    let program = |test: &TestContext| {
        let (feed, pairs) = test.input::<Pair>();
        let window = pairs.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, SECOND * 3, SECOND);
        (feed, Seen::of(&window.unwrap()))
    };
    let first = run(folder.path(), 0);
    let (feed, _seen) = program(&first);
    for value in [1, 10, 100] {
        feed.push([pair("a", value)]);
        first.tick().unwrap();
    }
    drop(first);
    let second = run(folder.path(), 3);
    let (feed, seen) = program(&second);
    feed.push([pair("a", 1000)]);
    second.tick().unwrap();
    second.tick().unwrap();
    second.tick().unwrap();
    let values: Vec<u64> = sorted(&seen).into_iter().map(|(_, pairs)| pairs[0].1).collect();
    assert_eq!(values, [1110, 1100, 1000]);
}

#[test]
fn a_window_over_a_state_is_whole_after_a_restart() {
    let program = |test: &TestContext| {
        let (feed, pairs) = test.input::<Pair>();
        let sums = pairs.update_state_by_key(|new, sum: Option<u64>| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()));
        (feed, Seen::of(&sums.window(SECOND * 3).unwrap()))
    };
    for before in 1..=5 {
        let folder = tempfile::tempdir().unwrap();
        let first = run(folder.path(), 0);
        let (feed, _seen) = program(&first);
        for _ in 0..before {
            feed.push([pair("a", 1)]);
            first.tick().unwrap();
        }
        drop(first);
        let second = run(folder.path(), before);
        let (feed, seen) = program(&second);
        feed.push([pair("a", 1)]);
        second.tick().unwrap();
        let now = before + 1;
        let window = now.saturating_sub(2).max(1)..=now;
        assert_eq!(sorted(&seen), [(now, window.map(|sum| pair("a", sum)).collect())]);
    }
}

#[test]
fn a_state_that_is_new_in_a_program_begins_with_the_batches_that_are_looked_back_on() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(folder.path(), 0);
    let (feed, pairs) = first.input::<Pair>();
    let _seen = Seen::of(&pairs.window(SECOND * 3).unwrap());
    feed.push([pair("a", 1)]);
    first.tick().unwrap();
    drop(first);
    let second = run(folder.path(), 1);
    let (feed, pairs) = second.input::<Pair>();
    let sums = pairs.update_state_by_key(|new, sum: Option<u64>| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()));
    let seen = Seen::of(&sums.window(SECOND * 3).unwrap());
    feed.push([pair("a", 1)]);
    second.tick().unwrap();
    assert_eq!(sorted(&seen), [(2, vec![pair("a", 1), pair("a", 2)])]);
}

#[test]
fn a_state_that_is_younger_than_a_window_over_it_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let program = |test: &TestContext| {
        let (feed, pairs) = test.input::<Pair>();
        let sums = pairs.update_state_by_key(|new, sum: Option<u64>| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()));
        (feed, Seen::of(&sums.window(SECOND * 4).unwrap()))
    };
    let first = run(folder.path(), 0);
    let (feed, _seen) = program(&first);
    feed.push([pair("a", 1)]);
    first.tick().unwrap();
    drop(first);
    let second = run(folder.path(), 1);
    let (feed, seen) = program(&second);
    feed.push([pair("a", 1)]);
    second.tick().unwrap();
    assert_eq!(sorted(&seen), [(2, vec![pair("a", 1), pair("a", 2)])]);
}

#[test]
fn time_outs_count_from_before_the_restart() {
    // behaviour 2.20
    let folder = tempfile::tempdir().unwrap();
    let program = |test: &TestContext| {
        let (feed, pairs) = test.input::<Pair>();
        let spec = StateSpec::function(
            |key: &String, value: Option<u64>, state: &mut tidemill_streaming::state::State<u64>| {
                if state.is_timing_out() {
                    return (key.clone(), 0);
                }
                let sum = state.get().copied().unwrap_or(0) + value.unwrap_or(0);
                state.update(sum);
                (key.clone(), sum)
            },
        )
        .timeout(Duration::from_secs(2));
        (feed, Seen::of(&pairs.map_with_state(spec)))
    };
    let first = run(folder.path(), 0);
    let (feed, seen) = program(&first);
    feed.push([pair("a", 1)]);
    first.tick().unwrap();
    assert_eq!(sorted(&seen), [(1, vec![pair("a", 1)])]);
    drop(first);
    let second = run(folder.path(), 1);
    let (_, seen) = program(&second);
    for _ in 0..4 {
        second.tick().unwrap();
    }
    let told: Vec<u64> =
        sorted(&seen).into_iter().filter(|(_, pairs)| !pairs.is_empty()).map(|(second, _)| second).collect();
    assert_eq!(told.len(), 1, "it times out once: {told:?}");
}

#[test]
fn a_state_without_an_owner_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(folder.path(), 0);
    let (feed, _seen) = sums(&first);
    feed.push([pair("a", 1)]);
    first.tick().unwrap();
    drop(first);
    let second = try_run(folder.path(), 1).unwrap();
    let (_, pairs) = second.input::<Pair>();
    let _seen = Seen::of(&pairs);
    let error = second.streaming().start().unwrap_err().to_string();
    assert!(error.contains("has the state of `update_state_by_key(test_input)` (update_state_by_key at "), "{error}");
    assert!(error.contains("tidemill.checkpoint.drop"), "{error}");
}

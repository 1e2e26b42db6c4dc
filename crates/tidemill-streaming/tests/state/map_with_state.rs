//! `map_with_state` and `state_snapshots`.

use tidemill_streaming::dstream::StateSpec;
use tidemill_streaming::state::State;
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{DStream, Error};

use crate::{run, seconds};

/// What a call is told, and the running sum after it; 0 as the value removes the state.
fn running(key: &char, value: Option<i64>, state: &mut State<i64>) -> (char, Option<i64>, Option<i64>) {
    match value {
        None => assert!(state.is_timing_out() && state.exists()),
        Some(0) => state.remove(),
        Some(value) => state.update(state.get().unwrap_or(&0) + value),
    }
    (*key, value, state.get().copied())
}

#[test]
fn records_are_mapped_one_by_one_and_only_keys_with_data() {
    // behaviour 2.20, 2.22
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let mapped = pairs.map_with_state(StateSpec::function(running).partitions(1));
    let (records, states) = (test.collect(&mapped), test.collect(&mapped.state_snapshots()));
    let table = [
        (
            vec![('a', 1), ('b', 5), ('a', 2)],
            vec![('a', 1, Some(1)), ('b', 5, Some(5)), ('a', 2, Some(3))],
            vec![('a', 3), ('b', 5)],
        ),
        (vec![('a', 10)], vec![('a', 10, Some(13))], vec![('a', 13), ('b', 5)]),
        (vec![], vec![], vec![('a', 13), ('b', 5)]),
        (vec![('b', 0), ('b', 7), ('a', 0)], vec![('b', 0, None), ('b', 7, Some(7)), ('a', 0, None)], vec![('b', 7)]),
        (vec![('a', 1)], vec![('a', 1, Some(1))], vec![('a', 1), ('b', 7)]),
    ];
    for (batch, expected, state) in table {
        feed.push(batch);
        test.tick().unwrap();
        let expected: Vec<_> = expected.into_iter().map(|(key, value, sum)| (key, Some(value), sum)).collect();
        assert_eq!(records.values(), [expected]);
        let mut seen = states.values().remove(0);
        seen.sort();
        assert_eq!(seen, state);
    }
}

#[test]
fn a_function_may_keep_its_record_to_itself_and_is_told_the_time() {
    // behaviour 2.20
    let spec = StateSpec::timed_function(|time, key: &char, value: Option<i64>, state: &mut State<u64>| {
        let before = state.get().copied();
        state.update(time.millis());
        before.map(|before| (*key, value, before))
    });
    let seen = run([vec![('a', 1)], vec![('a', 2), ('b', 3)]].map(Some), |pairs| pairs.map_with_state(spec).records());
    assert_eq!(seen, [(1, vec![]), (2, vec![('a', Some(2), 1000)])]);
}

#[test]
fn a_key_times_out_in_the_first_batch_after_it_is_idle_too_long() {
    // behaviour 2.21
    let batches =
        [vec![('a', 1), ('b', 1)], vec![('b', 2)], vec![], vec![('c', 3)], vec![], vec![('a', 9)], vec![], vec![]];
    let spec = StateSpec::function(running).timeout(seconds(2));
    let seen = run(batches.map(Some), |pairs| pairs.map_with_state(spec).records());
    let timed_out = |(number, records): &(u64, Vec<(char, Option<i64>, Option<i64>)>)| {
        records
            .iter()
            .filter(|(_, value, _)| value.is_none())
            .map(|(key, _, sum)| (*number, *key, sum.unwrap()))
            .collect()
    };
    let timed_out: Vec<Vec<(u64, char, i64)>> = seen.iter().map(timed_out).collect();
    assert_eq!(timed_out.concat(), [(4, 'a', 1), (5, 'b', 3), (7, 'c', 3)]);
    assert_eq!(seen[5].1, [('a', Some(9), Some(9))], "a key that timed out begins anew");
}

#[test]
fn a_record_keeps_its_key_alive_even_if_nothing_is_updated() {
    // behaviour 2.21
    let batches = [vec![('a', 1)], vec![], vec![('a', 2)], vec![], vec![('a', 3)], vec![], vec![], vec![]];
    let spec = StateSpec::function(|_: &char, value: Option<i64>, state: &mut State<i64>| {
        if !state.exists() {
            state.update(value.unwrap());
        }
        (value, state.get().copied())
    });
    let seen = run(batches.map(Some), |pairs| pairs.map_with_state(spec.timeout(seconds(2))).records());
    let records: Vec<_> = seen.into_iter().filter(|(_, records)| !records.is_empty()).collect();
    let call = |value: Option<i64>| vec![(value, Some(1))];
    assert_eq!(records, [(1, call(Some(1))), (3, call(Some(2))), (5, call(Some(3))), (8, call(None))]);
}

#[test]
fn the_state_to_begin_with_is_there_and_times_out() {
    // behaviour 2.21
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let before = test.context().parallelize([('a', 100), ('b', 200)], 2);
    let spec = StateSpec::function(running).initial_state(&before).timeout(seconds(2)).partitions(3);
    let mapped = pairs.map_with_state(spec);
    let (records, states) = (test.collect(&mapped), test.collect(&mapped.state_snapshots()));
    feed.push([('a', 1)]);
    (0..3).for_each(|_| test.tick().unwrap());
    let records = records.values();
    assert_eq!(records, [vec![('a', Some(1), Some(101))], vec![], vec![('b', None, Some(200))]]);
    let sizes: Vec<_> = states.values().iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 2, 1]);
}

#[test]
fn a_batch_without_an_rdd_is_as_an_empty_one() {
    // behaviour 2.20, 10.9
    let spec = StateSpec::function(running).timeout(seconds(1));
    let seen = run([None, Some(vec![('a', 1)]), None, None], |pairs| pairs.map_with_state(spec).records());
    assert_eq!(seen, [(1, vec![]), (2, vec![('a', Some(1), Some(1))]), (3, vec![]), (4, vec![('a', None, Some(1))])]);
}

#[test]
fn what_must_not_be_done_to_a_state_is_an_error_of_the_batch() {
    // behaviour 2.20
    type Misuse = fn(&mut State<i64>);
    let table: [(Misuse, &str); 4] = [
        (|state| (state.remove(), state.update(1)).0, "Cannot update the state after it has been removed"),
        (|state| (state.remove(), state.remove()).0, "Cannot remove the state that has already been removed"),
        (
            |state| {
                if state.is_timing_out() {
                    state.update(1)
                }
            },
            "Cannot update the state that is timing out",
        ),
        (
            |state| {
                if state.is_timing_out() {
                    state.remove()
                }
            },
            "Cannot remove the state that is timing out",
        ),
    ];
    for (misuse, message) in table {
        let test = TestContext::new();
        let (feed, pairs) = test.input();
        let spec = StateSpec::function(move |_: &char, value: Option<i64>, state: &mut State<i64>| {
            match value {
                Some(value) if value > 0 => state.update(value),
                _ => misuse(state),
            }
            value
        });
        let mapped: DStream<_> = pairs.map_with_state(spec.timeout(seconds(1))).records();
        let seen = test.collect(&mapped);
        feed.push([('a', 1)]);
        test.tick().unwrap();
        if message.contains("timing out") {
            feed.push([])
        } else {
            feed.push([('a', -1)])
        }
        let errors: Vec<Error> = (0..2).filter_map(|_| test.tick().err()).collect();
        assert!(errors.iter().any(|error| error.to_string().contains(message)), "{message}: {errors:?}");
        assert!(errors.iter().all(|error| matches!(error, Error::State { .. })), "{errors:?}");
        assert_eq!(seen.values()[0], [Some(1)]);
    }
}

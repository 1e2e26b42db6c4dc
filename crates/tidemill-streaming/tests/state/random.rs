//! State over random batches, held against plain maps.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tidemill_streaming::dstream::{StateSpec, UpdateOptions, WithoutRdd};
use tidemill_streaming::state::State;
use tidemill_streaming::testing::TestContext;

use crate::{run, seconds, sum};

type Batch = Option<Vec<(u8, i64)>>;
/// A call of the function of `map_with_state`: key, value, and the state after it.
type Call = (u8, Option<i64>, Option<i64>);

/// Up to a dozen batches, some empty, some without an RDD.
fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let batch = proptest::collection::vec((0..5_u8, -3..4_i64), 0..5);
    proptest::collection::vec(proptest::option::weighted(0.85, batch), 1..14)
}

/// The states after each batch that has an RDD.
fn updated(batches: &[Batch], without_rdd: WithoutRdd) -> Vec<(u64, Vec<(u8, i64)>)> {
    let (mut states, mut seen) = (BTreeMap::<u8, i64>::new(), Vec::new());
    for (number, batch) in (1..).zip(batches) {
        if batch.is_none() && seen.is_empty() {
            continue;
        }
        if batch.is_some() || without_rdd == WithoutRdd::Update {
            let mut values: BTreeMap<u8, Vec<i64>> = states.keys().map(|key| (*key, Vec::new())).collect();
            batch.iter().flatten().for_each(|(key, value)| values.entry(*key).or_default().push(*value));
            let update = |(key, values)| Some((key, decayed(values, states.get(&key).copied())?));
            states = values.into_iter().filter_map(update).collect();
        }
        seen.push((number, states.clone().into_iter().collect()));
    }
    seen
}

/// A state that also changes without values.
fn decayed(values: Vec<i64>, state: Option<i64>) -> Option<i64> {
    if values.is_empty() { state.map(|state| state / 2).filter(|state| *state != 0) } else { sum(values, state) }
}

/// One call: negative values update nothing, 0 removes.
fn call(state: &mut Option<i64>, value: Option<i64>) -> Option<i64> {
    match value {
        Some(0) => *state = None,
        Some(value) if value > 0 => *state = Some(state.unwrap_or(0) + value),
        _ => {}
    }
    *state
}

/// The calls of each batch, those for time-outs last and sorted, and the states after it.
fn mapped(batches: &[Batch], idle_max: Option<u64>) -> Vec<(Vec<Call>, Vec<(u8, i64)>)> {
    let (mut states, mut last) = (BTreeMap::<u8, i64>::new(), BTreeMap::<u8, u64>::new());
    let mut seen = Vec::new();
    for (number, batch) in (1_u64..).zip(batches) {
        let mut calls: Vec<Call> = Vec::new();
        for (key, value) in batch.iter().flatten() {
            let mut state = states.remove(key);
            calls.push((*key, Some(*value), call(&mut state, Some(*value))));
            states.extend(state.map(|state| (*key, state)));
            last.insert(*key, number);
        }
        let is_due = |key: &u8| idle_max.is_some_and(|idle_max| last[key] + idle_max < number);
        let due: Vec<u8> = states.keys().copied().filter(is_due).collect();
        calls.extend(due.iter().map(|key| (*key, None, states.remove(key))));
        seen.push((calls, states.clone().into_iter().collect()));
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn updated_states_are_those_of_a_map(batches in batches(), keeps in any::<bool>(), partitions in 1..4_usize) {
        // behaviour 1.56, 2.19
        let without_rdd = if keeps { WithoutRdd::Keep } else { WithoutRdd::Update };
        let seen = run(batches.clone(), |pairs| {
            let options = UpdateOptions::new().without_rdd(without_rdd).partitions(partitions);
            pairs.update_state_by_key_with(options, |_, _, values, state| decayed(values, state))
        });
        prop_assert_eq!(seen, updated(&batches, without_rdd));
    }

    #[test]
    fn mapped_records_and_time_outs_are_those_of_a_map(
        batches in batches(),
        idle_max in proptest::option::of(1..5_u64),
    ) {
        // behaviour 2.20, 2.21, 2.22
        let test = TestContext::new();
        let (feed, pairs) = test.input();
        let spec = StateSpec::function(|key: &u8, value: Option<i64>, state: &mut State<i64>| {
            match value {
                Some(0) => state.remove(),
                Some(value) if value > 0 => state.update(state.get().unwrap_or(&0) + value),
                _ => {}
            }
            (*key, value, state.get().copied())
        });
        let spec = idle_max.into_iter().fold(spec.partitions(1), |spec, idle| spec.timeout(seconds(idle)));
        let stream = pairs.map_with_state(spec);
        let (calls, states) = (test.collect(&stream), test.collect(&stream.state_snapshots()));
        for batch in batches.clone() {
            batch.map_or_else(|| feed.push_none(), |batch| feed.push(batch));
            test.tick().unwrap();
        }
        let sorted = |(mut calls, mut states): (Vec<Call>, Vec<_>)| {
            let records = calls.iter().take_while(|(_, value, _)| value.is_some()).count();
            calls[records..].sort();
            states.sort();
            (calls, states)
        };
        let seen: Vec<_> = calls.values().into_iter().zip(states.values()).map(sorted).collect();
        prop_assert_eq!(seen, mapped(&batches, idle_max));
    }
}

//! Windows of random batches, held against plain lists.

use std::collections::BTreeMap;

use proptest::prelude::*;

use tidemill_streaming::dstream::WindowOptions;

use crate::{run, seconds};

type Batch = Option<Vec<(u8, i64)>>;

/// Up to a dozen batches, some empty, some without an RDD.
fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let batch = proptest::collection::vec((0..4_u8, -9..10_i64), 0..6);
    proptest::collection::vec(proptest::option::weighted(0.85, batch), 1..12)
}

/// The records in each window, with the number of its batch.
fn windows(batches: &[Batch], window: u64, slide: u64) -> Vec<(u64, Vec<(u8, i64)>)> {
    let due = (1..=batches.len() as u64).filter(|number| number.is_multiple_of(slide));
    let records = |number: u64| {
        let window = &batches[number.saturating_sub(window) as usize..number as usize];
        window.iter().flatten().flatten().copied().collect()
    };
    due.map(|number| (number, records(number))).collect()
}

fn grouped(records: Vec<(u8, i64)>) -> Vec<(u8, Vec<i64>)> {
    let mut groups: BTreeMap<u8, Vec<i64>> = BTreeMap::new();
    records.into_iter().for_each(|(key, value)| groups.entry(key).or_default().push(value));
    groups.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn windows_are_those_of_plain_lists(batches in batches(), window in 1..6_u64, slide in 1..5_u64) {
        // behaviour 1.50, 1.51, 1.54, 2.17, 2.18
        let expected = windows(&batches, window, slide);
        let (long, step) = (seconds(window), seconds(slide));

        let seen = run(batches.clone(), |stream| stream.window_every(long, step));
        let sorted = |(number, mut records): (u64, Vec<_>)| { records.sort(); (number, records) };
        prop_assert_eq!(seen, expected.clone().into_iter().map(sorted).collect::<Vec<_>>());

        let seen = run(batches.clone(), |stream| stream.group_by_key_and_window(long, step));
        let groups: Vec<_> = expected.into_iter().map(|(number, records)| (number, grouped(records))).collect();
        prop_assert_eq!(seen, groups.clone());

        let seen = run(batches.clone(), |stream| stream.reduce_by_key_and_window(i64::max, long, step));
        let largest = |(key, values): &(u8, Vec<i64>)| (*key, *values.iter().max().unwrap());
        let reduced: Vec<_> =
            groups.iter().map(|(number, groups)| (*number, groups.iter().map(largest).collect::<Vec<_>>())).collect();
        prop_assert_eq!(seen, reduced.clone());

        let seen = run(batches, |stream| stream.map(|(_, value)| value).reduce_by_window(i64::max, long, step));
        let reduced = reduced.into_iter().map(|(number, groups)| (number, groups.into_iter().map(|(_, value)| value).max()));
        prop_assert_eq!(seen, reduced.map(|(number, largest)| (number, largest.into_iter().collect())).collect::<Vec<_>>());
    }

    #[test]
    fn windows_by_the_inverse_are_those_computed_anew(batches in batches(), window in 1..8_u64, slide in 1..5_u64) {
        // behaviour 1.54, 1.55, 2.17, 2.18
        let expected = windows(&batches, window, slide);
        let (long, step) = (seconds(window), seconds(slide));
        let groups: Vec<_> = expected.iter().cloned().map(|(number, records)| (number, grouped(records))).collect();

        let seen = run(batches.clone(), |stream| {
            let options = WindowOptions::new().filter(|_, values: &Vec<i64>| !values.is_empty());
            stream.group_by_key_and_window_with(long, step, options)
        });
        prop_assert_eq!(seen, groups.clone());

        let seen = run(batches.clone(), |stream| {
            stream.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, long, step)
        });
        let known = |number: u64| batches[..number as usize].iter().flatten().flatten().map(|(key, _)| *key).collect();
        let sums = |(number, groups): &(u64, Vec<(u8, Vec<i64>)>)| {
            let known: std::collections::BTreeSet<u8> = known(*number);
            let sum = |key: u8| groups.iter().filter(|(of, _)| *of == key).flat_map(|(_, values)| values).sum::<i64>();
            (*number, known.into_iter().map(|key| (key, sum(key))).collect::<Vec<_>>())
        };
        prop_assert_eq!(seen, groups.iter().map(sums).collect::<Vec<_>>());

        let seen = run(batches.clone(), |stream| stream.map(|(key, _)| key).count_by_value_and_window(long, step));
        let count = |(key, values): &(u8, Vec<i64>)| (*key, values.len() as u64);
        let counts = groups.iter().map(|(number, groups)| (*number, groups.iter().map(count).collect::<Vec<_>>()));
        prop_assert_eq!(seen, counts.collect::<Vec<_>>());
    }
}

//! Windows of random batches, held against plain lists.

use std::collections::BTreeMap;

use proptest::prelude::*;

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
}

//! `Groups` against a list of pairs that is searched from its start.

use proptest::prelude::*;

use super::*;

/// The groups in first-seen order, by the slowest way there is.
fn oracle(records: &[(u16, i64)]) -> Vec<(u16, Vec<i64>)> {
    let mut groups: Vec<(u16, Vec<i64>)> = vec![];
    for &(key, value) in records {
        match groups.iter_mut().find(|(held, _)| *held == key) {
            Some((_, values)) => values.push(value),
            None => groups.push((key, vec![value])),
        }
    }
    groups
}

/// Hashes from a good one to one that says nothing.
const HASHES: [fn(&u16) -> u64; 4] = [
    |key| u64::from(*key).wrapping_mul(0x9e37_79b9_7f4a_7c15),
    |key| u64::from(*key) % 7,
    |key| u64::from(*key) << 48, // no bits for the slots
    |_| u64::MAX,                // the bits of an empty slot
];

fn push(mut values: Vec<i64>, value: i64) -> Vec<i64> {
    values.push(value);
    values
}

fn join(mut left: Vec<i64>, right: Vec<i64>) -> Vec<i64> {
    left.extend(right);
    left
}

fn records() -> impl Strategy<Value = Vec<(u16, i64)>> {
    prop_oneof![1u16..8, 8u16..400].prop_flat_map(|keys| prop::collection::vec((0..keys, any::<i64>()), 0..1500))
}

proptest! {
    #[test]
    fn groups_are_those_of_a_plain_list(records in records(), run in 1usize..700, hash in 0usize..4) {
        let mut table = Groups::new();
        for run in records.chunks(run) {
            let mut run = run.to_vec();
            table.merge_run(&mut run, HASHES[hash], |value| vec![value], push);
            prop_assert!(run.is_empty());
        }
        let expected = oracle(&records);
        prop_assert_eq!(table.len(), expected.len());
        let mut by_hash = vec![];
        let entries: Vec<_> = table.iter().map(|(h, key, values)| (h, *key, values.clone())).collect();
        table.drain_by_hash(|index, h, key, values| -> Result<(), ()> {
            by_hash.push((h, index, *key, values.clone()));
            Ok(())
        }).unwrap();
        prop_assert!(table.is_empty() && by_hash.is_sorted_by_key(|group| (group.0, group.1)));
        by_hash.sort_by_key(|group| group.1);
        prop_assert_eq!(&by_hash.into_iter().map(|(h, _, key, values)| (h, key, values)).collect::<Vec<_>>(), &entries);
        prop_assert!(entries.iter().all(|(h, key, _)| *h == HASHES[hash](key)));
        prop_assert_eq!(entries.into_iter().map(|(_, key, values)| (key, values)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn blocks_merge_as_their_records_would(blocks in prop::collection::vec(records(), 1..5), hash in 0usize..4) {
        let (mut owned, mut shared) = (Groups::with_capacity(9), Groups::default());
        for records in &blocks {
            let mut table = Groups::new();
            table.merge_run(&mut records.clone(), HASHES[hash], |value| vec![value], push);
            let bytes = table.bytes();
            let block: Vec<_> = table.drain().collect();
            prop_assert!(table.is_empty() && table.bytes() == bytes);
            shared.merge_shared(&block, join);
            owned.merge_hashed(block, join);
        }
        let expected = oracle(&blocks.concat());
        for table in [owned, shared] {
            prop_assert_eq!(table.into_entries().map(|(_, key, values)| (key, values)).collect::<Vec<_>>(), expected.clone());
        }
    }
}

#[test]
fn merging_stops_where_there_is_no_room_and_goes_on() {
    let mut table = Groups::with_capacity(64);
    let mut records: Vec<(u16, i64)> = (0..100).map(|key| (key % 65, 1)).collect();
    let mut run = Run::new(&mut records, HASHES[0]);
    assert!(!table.merge(&mut run, |value| value, |old, value| old + value));
    assert_eq!((table.len(), run.key()), (64, Some(&64)));
    assert!(table.bytes_grown() == 2 * table.bytes());
    table.grow();
    assert!(table.merge(&mut run, |value| value, |old, value| old + value));
    assert_eq!(table.iter().map(|(_, _, count)| count).sum::<i64>(), 100);
}

#[test]
fn a_panic_in_the_users_function_loses_one_group_and_breaks_nothing() {
    let mut table = Groups::new();
    let mut run = vec![("a", vec![1]), ("b", vec![2]), ("a", vec![3]), ("c", vec![4])];
    let hash = |key: &&str| u64::from(key.as_bytes()[0]);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        table.merge_run(&mut run, hash, |value| value, |_, _| panic!("no"));
    }));
    assert!(panicked.is_err() && run.is_empty());
    assert_eq!(table.iter().map(|(_, key, _)| *key).collect::<Vec<_>>(), ["b"]);
    table.merge_run(&mut vec![("a", vec![5]), ("c", vec![6])], hash, |value| value, |old, _| old);
    assert_eq!(table.into_entries().map(|(_, key, _)| key).collect::<Vec<_>>(), ["a", "b", "c"]);
}

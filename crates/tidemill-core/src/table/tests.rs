//! Tables that spill against a table that does not, and against plain lists.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::Local;
use crate::memory::{Memory, MemoryLimits, Pool};

/// What the account may show beyond the limit: 16 KiB of groups, 16 KiB in the sorter, eight frames of 4 KiB.
const MARGIN: u64 = 64 << 10;

struct Rig {
    memory: Memory,
    dir: SpillDir,
    _local: tempfile::TempDir,
}

fn rig(limit: u64) -> Rig {
    let local = tempfile::tempdir().unwrap();
    let memory = Memory::new(MemoryLimits { shuffle: limit, ..MemoryLimits::default() });
    Rig { memory, dir: SpillDir::new(local.path()), _local: local }
}

impl Rig {
    fn table<K: Key, C: Element>(&self) -> SpillTable<K, C> {
        SpillTable::new(self.memory.grant(Pool::Shuffle), &self.dir)
    }
}

fn draw<T>(mut runs: BoxRuns<T>) -> Vec<T> {
    let (mut all, mut run) = (vec![], vec![]);
    while runs.next(&mut run).unwrap() {
        assert!(!run.is_empty());
        all.append(&mut run);
    }
    all
}

#[expect(clippy::ptr_arg, reason = "the hash of a key of type String")]
fn hash(key: &String) -> u64 {
    key.bytes().fold(17, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
}

fn push(mut values: Vec<u32>, value: u32) -> Vec<u32> {
    values.push(value);
    values
}

fn join(mut left: Vec<u32>, right: Vec<u32>) -> Vec<u32> {
    left.extend(right);
    left
}

/// Groups in first-seen order, values in the order in which they came.
fn oracle(records: &[(String, u32)]) -> Vec<(String, Vec<u32>)> {
    let mut places = HashMap::new();
    let mut groups: Vec<(String, Vec<u32>)> = vec![];
    for (key, value) in records {
        let place = *places.entry(key).or_insert_with(|| {
            groups.push((key.clone(), vec![]));
            groups.len() - 1
        });
        groups[place].1.push(*value);
    }
    groups
}

/// `records` over `keys` keys, some of them long.
fn records(count: u32, keys: u32) -> Vec<(String, u32)> {
    (0..count)
        .map(|n| {
            let key = n.wrapping_mul(2_654_435_761) % keys;
            (format!("{key}{}", "-".repeat((key % 5 * 10) as usize)), n)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn groups_are_the_same_whatever_the_limit(
        count in 0u32..6000, keys in 1u32..3000, run in 1usize..700, limit in 0u64..300_000, hashing in 0usize..3,
    ) {
        let hash = [hash, |key: &String| hash(key) % 50, |_: &String| 3][hashing];
        let records = records(count, if hashing == 2 { keys % 60 + 1 } else { keys });
        let expected = oracle(&records);
        let rig = rig(limit);
        let (mut lists, mut sums) = (rig.table(), rig.table());
        for run in records.chunks(run) {
            lists.merge_run(&mut run.to_vec(), hash, |value| vec![value], push).unwrap();
            sums.merge_run(&mut run.to_vec(), hash, u64::from, |sum, value| sum + u64::from(value)).unwrap();
        }
        let mut sums = sums.finish(|a, b| a + b).unwrap();
        prop_assert_eq!(&draw(lists.finish(join).unwrap()), &expected);
        let mut drawn = vec![];
        while sums.next(&mut drawn).unwrap() {}
        drop(sums);
        let expected: Vec<_> =
            expected.into_iter().map(|(key, values)| (key, values.into_iter().map(u64::from).sum::<u64>())).collect();
        prop_assert_eq!(drawn, expected);
        prop_assert_eq!(rig.memory.used_in_total(), 0);
    }

    #[test]
    fn blocks_are_the_same_whatever_the_limit(
        counts in prop::collection::vec(0u32..2000, 1..6), keys in 1u32..1500, limit in 0u64..100_000, shared: bool,
    ) {
        let rig = rig(limit);
        let (mut table, mut all) = (rig.table(), vec![]);
        for count in counts {
            let records = records(count, keys);
            let block: Vec<_> = oracle(&records).into_iter().map(|(key, values)| (hash(&key), key, values)).collect();
            all.extend(records);
            match shared {
                true => table.merge_shared(&block, join).unwrap(),
                false => table.merge_block(block, join).unwrap(),
            }
        }
        let hashed = draw(table.finish_hashed(join).unwrap());
        prop_assert!(hashed.iter().all(|(h, key, _)| *h == hash(key)));
        prop_assert_eq!(hashed.into_iter().map(|(_, key, values)| (key, values)).collect::<Vec<_>>(), oracle(&all));
    }
}

/// Merges `records` run by run, and checks the result and the account.
fn check(records: &[(String, u32)], limit: u64) -> usize {
    let rig = rig(limit);
    let mut table = rig.table();
    for run in records.chunks(100) {
        table.merge_run(&mut run.to_vec(), hash, |value| vec![value], push).unwrap();
    }
    let spills = table.spills();
    assert!(draw(table.finish(join).unwrap()) == oracle(records));
    let peak = rig.memory.peak(Pool::Shuffle);
    assert!(peak <= limit + MARGIN, "{peak} of {limit}");
    assert_eq!(rig.memory.used_in_total(), 0);
    spills
}

#[test]
fn ten_times_the_limit_goes_through() {
    // 12,000 groups of about 150 bytes.
    let records = records(24_000, 12_000);
    assert!(check(&records, 160 << 10) >= 10);
    assert!(check(&records, 4 << 10) > 64, "so many files need more than one pass");
    assert_eq!(check(&records, 1 << 30), 0);
}

#[test]
fn a_group_larger_than_the_limit_goes_through() {
    let records: Vec<_> = (0..100_000).map(|n| (if n % 10 == 0 { n.to_string() } else { "large".into() }, n)).collect();
    let rig = rig(64 << 10);
    let mut table = rig.table();
    for run in records.chunks(1000) {
        table.merge_run(&mut run.to_vec(), hash, |value| vec![value], push).unwrap();
    }
    assert!(table.spills() > 3);
    assert!(draw(table.finish(join).unwrap()) == oracle(&records));
}

#[test]
fn combiners_that_stay_small_are_weighed_and_not_written() {
    let rig = rig(128 << 10);
    let mut table = rig.table();
    for n in 0..2_000u32 {
        let mut run: Vec<_> = (0..100).map(|key| (format!("key {key}"), format!("value {n:09}"))).collect();
        table.merge_run(&mut run, hash, |value| value, |old, new| old.max(new)).unwrap();
    }
    assert_eq!(table.spills(), 0, "200,000 values of 15 bytes came in, of which 100 are kept");
    assert_eq!(draw(table.finish(|a, b| a.max(b)).unwrap()).len(), 100);
    assert!(rig.memory.peak(Pool::Shuffle) <= 128 << 10);
}

#[test]
fn a_full_table_of_known_keys_is_not_written() {
    let rig = rig(1 << 20);
    let mut table = rig.table::<u64, u64>();
    for _ in 0..50 {
        table.merge_run(&mut (0..64).map(|key| (key, 1)).collect(), |key| *key, |n: u64| n, |a, b| a + b).unwrap();
    }
    assert_eq!(table.groups.bytes(), Groups::<u64, u64>::with_capacity(64).bytes(), "64 groups fit into room for 64");
}

#[test]
fn what_cannot_be_written_is_an_error_that_says_what_to_do() {
    let rig = rig(20 << 10);
    let mut table = rig.table::<u64, Local<u64>>();
    let mut merge = |from: u64| {
        let mut run = (from..from + 50).map(|key| (key, 1u64)).collect();
        table.merge_run(&mut run, |key| key.wrapping_mul(0x9e37_79b9_7f4a_7c15), Local, |old, _| old)
    };
    let error = (0..1000).find_map(|n| merge(n * 50).err()).unwrap().to_string();
    assert!(error.contains("Local<u64>") && error.contains("tidemill.memory.shuffle.limit"), "{error}");
}

#[test]
fn tables_that_share_an_account_take_no_more_than_its_limit() {
    let rig = rig(200 << 10);
    let mut tables: Vec<SpillTable<String, u64>> = (0..4).map(|_| rig.table()).collect();
    let records = records(20_000, 10_000);
    for run in records.chunks(100) {
        for table in &mut tables {
            table.merge_run(&mut run.to_vec(), hash, u64::from, |sum, value| sum + u64::from(value)).unwrap();
        }
    }
    assert!(rig.memory.peak(Pool::Shuffle) <= (200 << 10) + 4 * (16 << 10));
    let results: Vec<_> = tables.into_iter().map(|table| draw(table.finish(|a, b| a + b).unwrap())).collect();
    assert!(results.iter().all(|result| *result == results[0]) && results[0].len() == 10_000);
}

//! What the process really takes while tables and sorters work with far more than their limit.
//!
//! The account can only say what it was told. Here the system says it: `VmHWM`, the most memory that the process ever
//! had. A binary of its own, and one test, because that figure is of the whole process.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::fs;

use tidemill_core::BoxRuns;
use tidemill_core::memory::{Memory, MemoryLimits, Pool};
use tidemill_core::sorter::SpillSorter;
use tidemill_core::spill::SpillDir;
use tidemill_core::table::SpillTable;

const MIB: u64 = 1 << 20;

/// The limit of the account.
const LIMIT: u64 = 4 * MIB;

/// What may come on top: the allocator's rounding and what it keeps, frames, runs, and where vectors grow.
const MARGIN: u64 = 3 * MIB;

/// The most bytes that the process ever had.
fn most_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn hash(key: &u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23).wrapping_mul(0xe703_7ed1_a0b4_28db)
}

/// Draws all and keeps nothing: how many there were, and the sum of what `weight` says of each.
fn count<T>(mut runs: BoxRuns<T>, weight: impl Fn(&T) -> u64) -> (u64, u64) {
    let (mut run, mut groups, mut sum) = (vec![], 0, 0);
    while runs.next(&mut run).unwrap() {
        groups += run.len() as u64;
        sum += run.drain(..).map(|record| weight(&record)).sum::<u64>();
    }
    (groups, sum)
}

/// 250,000 groups of numbers: 14 MiB at least.
fn group_numbers(memory: &Memory, dir: &SpillDir) {
    let mut table: SpillTable<u64, u64> = SpillTable::new(memory.grant(Pool::Shuffle), dir);
    for n in (0..500_000u64).step_by(1000) {
        let mut run = (n..n + 1000).map(|n| (n % 250_000, n)).collect();
        table.merge_run(&mut run, hash, |n| n, u64::max).unwrap();
    }
    assert!(table.spills() > 2);
    let groups = count(table.finish(u64::max).unwrap(), |(_, n)| *n);
    assert_eq!(groups, (250_000, (250_000..500_000).sum()));
}

/// 100,000 groups of two texts each: more than 20 MiB.
fn group_texts(memory: &Memory, dir: &SpillDir) {
    let push = |mut list: Vec<String>, text| {
        list.push(text);
        list
    };
    let mut table: SpillTable<u64, Vec<String>> = SpillTable::new(memory.grant(Pool::Shuffle), dir);
    for n in (0..200_000u64).step_by(200) {
        let mut run = (n..n + 200).map(|n| (n % 100_000, format!("{n:050}"))).collect();
        table.merge_run(&mut run, hash, |text| vec![text], push).unwrap();
    }
    assert!(table.spills() > 6);
    let join = |left: Vec<String>, right: Vec<String>| [left, right].concat();
    assert_eq!(count(table.finish(join).unwrap(), |(_, list)| list.len() as u64), (100_000, 200_000));
}

/// 250,000 texts of 60 bytes: 20 MiB.
fn sort_texts(memory: &Memory, dir: &SpillDir) {
    let mut sorter = SpillSorter::new(memory.grant(Pool::Shuffle), dir, |a: &String, b: &String| a.cmp(b));
    (0..250_000u64).for_each(|n| sorter.push(format!("{:060}", hash(&n))).unwrap());
    assert!(sorter.spills() > 4);
    assert_eq!(count(sorter.finish().unwrap(), |_| 0).0, 250_000);
}

#[test]
fn the_process_stays_near_its_limit() {
    let local = tempfile::tempdir().unwrap();
    let dir = SpillDir::new(local.path());
    let memory = Memory::new(MemoryLimits { shuffle: LIMIT, ..MemoryLimits::default() });
    let before = most_memory();
    for work in [group_numbers, group_texts, sort_texts] {
        work(&memory, &dir);
        let (account, process) = (memory.peak(Pool::Shuffle), most_memory() - before);
        assert!(account <= LIMIT + MIB, "the account: {} KiB", account / 1024);
        assert!(
            process <= LIMIT + MARGIN,
            "the process grew by {} KiB, the limit is {} KiB",
            process / 1024,
            LIMIT / 1024
        );
    }
}

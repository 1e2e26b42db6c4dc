//! The sorter against the standard library's stable sort, with little memory.

use proptest::prelude::*;

use super::*;
use crate::memory::{Memory, MemoryLimits, Pool};
use crate::{Local, Runs, Stop};

/// What the account may show beyond the limit: 16 KiB held, four frames of 4 KiB, and a run of the test's records.
const MARGIN: u64 = 48 << 10;

fn memory(limit: u64) -> Memory {
    Memory::new(MemoryLimits { shuffle: limit, ..MemoryLimits::default() })
}

fn draw<T>(mut runs: BoxRuns<T>) -> Vec<T> {
    let (mut all, mut run) = (vec![], vec![]);
    while runs.next(&mut run).unwrap() {
        assert!(!run.is_empty());
        all.append(&mut run);
    }
    all
}

/// Sorts by the first field only, by runs and one by one; gives what came out and how many files that took.
fn sort<T: Element>(records: &[(u8, T)], run: usize, limit: u64) -> (Vec<(u8, T)>, usize) {
    let (memory, local) = (memory(limit), tempfile::tempdir().unwrap());
    let compare = |a: &(u8, T), b: &(u8, T)| a.0.cmp(&b.0);
    let mut sorter = SpillSorter::new(memory.grant(Pool::Shuffle), &SpillDir::new(local.path()), compare);
    for (number, run) in records.chunks(run).enumerate() {
        match number % 2 {
            0 => sorter.push_run(&mut run.to_vec()).unwrap(),
            _ => run.iter().for_each(|record| sorter.push(record.clone()).unwrap()),
        }
    }
    let files = sorter.spills();
    let sorted = draw(sorter.finish().unwrap());
    assert_eq!(memory.used_in_total(), 0);
    assert!(memory.peak(Pool::Shuffle) <= limit + MARGIN, "{} of {limit}", memory.peak(Pool::Shuffle));
    (sorted, files)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn sorting_is_stable_whatever_the_limit(
        records in prop::collection::vec((0u8..20, ".{0,30}"), 0..4000), run in 1usize..500, limit in 0u64..200_000,
    ) {
        let mut expected = records.clone();
        expected.sort_by_key(|record| record.0);
        prop_assert_eq!(sort(&records, run, limit).0, expected);
    }
}

#[test]
fn many_files_are_merged_in_passes() {
    let records: Vec<(u8, u64)> = (0..120_000u64).map(|n| ((n * 7 % 251) as u8, n)).collect();
    let (sorted, files) = sort(&records, 300, 0);
    assert!(files > 100, "{files} files do not need passes");
    assert!(sorted.is_sorted() && sorted.len() == records.len());
}

#[test]
fn without_a_limit_nothing_is_written() {
    let records: Vec<(u8, u64)> = (0..120_000u64).map(|n| ((n * 7 % 251) as u8, n)).collect();
    let (sorted, files) = sort(&records, 300, 1 << 30);
    assert!(files == 0 && sorted.is_sorted());
}

#[test]
fn records_larger_than_the_limit_pass_one_by_one() {
    let (memory, local) = (memory(4096), tempfile::tempdir().unwrap());
    let mut sorter =
        SpillSorter::new(memory.grant(Pool::Shuffle), &SpillDir::new(local.path()), |a: &String, b: &String| a.cmp(b));
    (0..20).rev().for_each(|n| sorter.push(format!("{n:02}").repeat(50_000)).unwrap());
    assert!(sorter.spills() >= 19);
    let sorted = draw(sorter.finish().unwrap());
    assert_eq!(
        sorted.iter().map(|text| &text[..2]).collect::<String>(),
        (0..20).map(|n| format!("{n:02}")).collect::<String>()
    );
    assert!(memory.peak(Pool::Shuffle) < 20 * 100_000);
}

#[test]
fn what_cannot_be_written_is_an_error_that_says_what_to_do() {
    let (memory, local) = (memory(4096), tempfile::tempdir().unwrap());
    let compare = |_: &Local<u64>, _: &Local<u64>| Ordering::Equal;
    let mut sorter = SpillSorter::new(memory.grant(Pool::Shuffle), &SpillDir::new(local.path()), compare);
    let error = (0..).find_map(|n| sorter.push(Local(n)).err()).unwrap().to_string();
    assert!(error.contains("Local<u64>") && error.contains("tidemill.memory.shuffle.limit"), "{error}");
}

#[test]
fn a_file_that_is_damaged_while_it_is_read_is_an_error() {
    let (memory, local) = (memory(4096), tempfile::tempdir().unwrap());
    let compare = |a: &u64, b: &u64| a.cmp(b);
    let mut sorter = SpillSorter::new(memory.grant(Pool::Shuffle), &SpillDir::new(local.path()), compare);
    sorter.push_run(&mut (0..100_000).collect()).unwrap();
    let path = sorter.files[0].path().to_path_buf();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 30]).unwrap();
    let mut runs = match sorter.finish() {
        Ok(runs) => runs,
        Err(cause) => return assert!(matches!(cause, Cause::Damaged { .. })),
    };
    let mut run = vec![];
    let error = std::iter::from_fn(|| {
        run.clear();
        runs.next(&mut run).map(|more| more.then_some(())).transpose()
    });
    assert!(matches!(error.filter_map(Result::err).next(), Some(Stop::Failed(Cause::Damaged { .. }))));
}

//! States that are killed and loaded.

use std::collections::BTreeMap;
use std::time::Duration;

use tidemill_core::lineage::Operator;
use tidemill_core::{Context, Shards};

use super::*;
use crate::checkpoint::storage::LocalStorage;
use crate::checkpoint::testing::MemoryStorage;
use crate::state::{EachKey, MapWithState, State, Update};

mod bits;
mod migrations;
mod pieces;
mod random;
mod storage;

use storage::Memory;

/// What the keys of a state have.
pub(super) type Sums = BTreeMap<u8, i64>;
type Adds = fn(tidemill_core::Timestamp, &u8, Vec<i64>, Option<i64>) -> Option<i64>;
pub(super) type SumShards = Shards<Update<u8, i64, i64, EachKey<Adds>>>;

/// Sums by key; a sum of 0 removes the key.
pub(super) fn sums(context: &Context, partitions: usize) -> SumShards {
    let add: Adds = |_, _, values, sum| Some(sum.unwrap_or(0) + values.iter().sum::<i64>()).filter(|sum| *sum != 0);
    let layout = context.parallelize([(0u8, 0i64)], 1).partition_by_hash(partitions).layout().cloned();
    context.shards(Operator::here("sums"), partitions, layout, |_| Update::new(context.environment(), EachKey(add)))
}

pub(super) fn step(context: &Context, shards: &SumShards, to: u64, records: &[(u8, i64)]) {
    let input = context.parallelize(records.to_vec(), 1).partition_by_hash(shards.partitions());
    shards.step(&input, shards.version(), Version(to)).unwrap();
}

pub(super) fn read_sums(shards: &SumShards) -> Sums {
    shards.read(shards.version()).collect().unwrap().into_iter().collect()
}

pub(super) fn options(snapshot_bytes: u64) -> StateOptions {
    StateOptions { snapshot_bytes, ..StateOptions::new() }
}

pub(super) fn open(writer: &Arc<StateWriter>, storage: &Arc<dyn Storage>, shards: &SumShards, least: u64) -> StateLog {
    StateLog::open(writer, storage.clone(), "sums", Arc::new(shards.clone()), options(least)).unwrap()
}

#[test]
fn a_state_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    lives_on(|| Arc::new(LocalStorage::open(folder.path()).unwrap()));
    let objects = MemoryStorage::objects();
    lives_on(|| Arc::new(objects.clone()));
}

fn lives_on(storage: impl Fn() -> Arc<dyn Storage>) {
    let context = Context::local(2).unwrap();
    let mut expected = Sums::new();
    for start in 0..4u64 {
        let (storage, writer, shards) = (storage(), StateWriter::start().unwrap(), sums(&context, 2));
        let log = open(&writer, &storage, &shards, 200);
        let loaded = log.load(Version(u64::MAX)).unwrap();
        assert_eq!(loaded, (start > 0).then_some(Version(start * 100)));
        assert_eq!(read_sums(&shards), expected);
        for batch in 1..=10u64 {
            let key = (start * 10 + batch) as u8;
            step(&context, &shards, start * 100 + batch * 10, &[(key, 5), (1, 1)]);
            *expected.entry(key).or_default() += 5;
            *expected.entry(1).or_default() += 1;
            log.await_durable(shards.version()).unwrap();
            log.forget(shards.version());
        }
        assert_eq!(read_sums(&shards), expected);
    }
}

#[test]
fn a_first_state_is_kept_before_anything_else() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::default());
    let context = Context::local(2).unwrap();
    let (writer, shards) = (StateWriter::start().unwrap(), sums(&context, 2));
    let log = open(&writer, &storage, &shards, 1 << 20);
    assert_eq!(log.load(Version(u64::MAX)).unwrap(), None);
    shards.seed(&context.parallelize(vec![(7u8, 70i64)], 1).partition_by_hash(2), Version(5)).unwrap();
    step(&context, &shards, 10, &[(7, 1)]);
    step(&context, &shards, 20, &[(8, 1)]);
    log.await_durable(Version(20)).unwrap();
    for (at_most, expected) in [(20, vec![(7, 71), (8, 1)]), (19, vec![(7, 71)]), (9, vec![(7, 70)]), (4, vec![])] {
        let loaded = sums(&context, 2);
        let copy: Arc<dyn Storage> = Arc::new(Memory::copy(&storage));
        let found = open(&writer, &copy, &loaded, 1 << 20).load(Version(at_most)).unwrap();
        assert_eq!(found.is_some(), at_most >= 5);
        assert_eq!(read_sums(&loaded), expected.into_iter().collect());
    }
}

#[test]
fn steps_on_a_snapshot_that_never_was_finished_are_no_versions() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::default());
    let context = Context::local(2).unwrap();
    let (writer, shards) = (StateWriter::start().unwrap(), sums(&context, 2));
    let log = open(&writer, &storage, &shards, 1 << 20);
    log.load(Version(u64::MAX)).unwrap();
    step(&context, &shards, 5, &[(7, 1)]);
    shards.undo(Version::START).unwrap();
    shards.seed(&context.parallelize(vec![(7u8, 70i64)], 1).partition_by_hash(2), Version(10)).unwrap();
    step(&context, &shards, 20, &[(7, 1)]);
    log.await_durable(Version(20)).unwrap();
    let crashed: Arc<dyn Storage> = Arc::new(Memory::copy(&storage));
    for file in crashed.list("state/sums/snapshots").unwrap() {
        crashed.remove(&file.name).unwrap();
    }
    assert_eq!(survey(&*storage, "sums", true).unwrap().newest, Some(time_of(Version(20))));
    assert_eq!(survey(&*crashed, "sums", true).unwrap().newest, Some(time_of(Version(5))));
    let again = open(&writer, &crashed, &sums(&context, 2), 1 << 20);
    let error = again.load(Version(u64::MAX)).unwrap_err().to_string();
    assert!(error.contains("a snapshot or a step on the way to it is not there"), "{error}");
}

#[test]
fn snapshots_of_versions_that_were_undone_are_none_that_stay_in_case() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::default());
    let context = Context::local(2).unwrap();
    let (writer, shards) = (StateWriter::start().unwrap(), sums(&context, 2));
    let log = open(&writer, &storage, &shards, 0);
    log.load(Version(u64::MAX)).unwrap();
    let (mut undone, mut to) = (0, 0);
    while undone < 3 {
        let before = shards.version();
        to += 10;
        step(&context, &shards, to, &[(1, 1), (2, to as i64), (3, -(to as i64)), (4, 1000)]);
        log.await_durable(Version(to)).unwrap();
        log.book.await_snapshot();
        let newest = log.book.snapshots().last().map(|manifest| manifest.version);
        // The first one stays, and of those after it no version is left.
        if log.book.snapshots().len() > 1 && newest == Some(Version(to)) {
            shards.undo(before).unwrap();
            undone += 1;
        }
    }
    step(&context, &shards, to + 1, &[(5, 5)]);
    log.await_durable(Version(to + 1)).unwrap();
    log.forget(Version(to + 1));
    drop((log, writer)); // it is done with what it was told
    let (writer, loaded) = (StateWriter::start().unwrap(), sums(&context, 2));
    assert_eq!(open(&writer, &storage, &loaded, 0).load(Version(to + 1)).unwrap(), Some(Version(to + 1)));
    assert_eq!(read_sums(&loaded), read_sums(&shards));
    let folders =
        storage.list("state/sums/snapshots").unwrap().into_iter().filter(|file| file.name.ends_with("manifest"));
    assert_eq!(folders.count(), 1, "those that were undone are gone");
}

#[test]
fn what_is_not_touched_is_not_written() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::default());
    let context = Context::local(2).unwrap();
    let layout = context.parallelize([(0u32, 0i64)], 1).partition_by_hash(2).layout().cloned();
    let shards = context.shards(Operator::here("sums"), 2, layout, |_| {
        let add = |_: tidemill_core::Timestamp, _: &u32, value: Option<i64>, state: &mut State<i64>| {
            state.update(state.get().unwrap_or(&0) + value.unwrap_or(0));
            None::<()>
        };
        MapWithState::new(context.environment(), None, add)
    });
    let writer = StateWriter::start().unwrap();
    let log = StateLog::open(&writer, storage, "sums", Arc::new(shards.clone()), StateOptions::new()).unwrap();
    let step = |to: u64, keys: std::ops::Range<u32>| {
        let input = context.parallelize(keys.map(|key| (key, i64::from(key))).collect::<Vec<_>>(), 2);
        shards.step(&input.partition_by_hash(2), shards.version(), Version(to)).unwrap();
        log.await_durable(Version(to)).unwrap();
        log.forget(Version(to));
        shards.forget(Version(to));
    };
    step(1, 0..100_000);
    let full = log.written().deltas;
    for batch in 2..202u32 {
        let before = log.written().deltas;
        let first = batch * 997 % 99_000;
        step(u64::from(batch), first..first + 1_000);
        assert!((log.written().deltas - before) * 100 <= full * 3);
    }
    log.book.await_snapshot();
    let Written { deltas, snapshots } = log.written();
    assert!(
        snapshots > 0 && (deltas - full + snapshots) * 100 <= 200 * full * 15,
        "{deltas} and {snapshots} of {full}"
    );
}

#[test]
fn keys_that_a_function_sees_and_leaves_are_not_written() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::default());
    let (context, writer) = (Context::local(2).unwrap(), StateWriter::start().unwrap());
    let shards = sums(&context, 2);
    let log = open(&writer, &storage, &shards, 1 << 20);
    let all: Vec<(u8, i64)> = (0..200).map(|key| (key, 1_000_000)).collect();
    step(&context, &shards, 10, &all);
    log.await_durable(Version(10)).unwrap();
    let full = log.written().deltas;
    step(&context, &shards, 20, &[(7, 1)]);
    log.await_durable(Version(20)).unwrap();
    assert!((log.written().deltas - full) * 5 < full);
    let loaded = sums(&context, 2);
    open(&writer, &(Arc::new(Memory::copy(&storage)) as _), &loaded, 0).load(Version(20)).unwrap();
    assert_eq!(read_sums(&loaded), read_sums(&shards));
}

#[test]
fn operators_with_strange_ids_do_not_mix() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::default());
    let (context, writer) = (Context::local(1).unwrap(), StateWriter::start().unwrap());
    let ids = ["a", "a/b", "a=2fb", "../a", "", "ä ö\n", "A"];
    for (number, id) in ids.iter().enumerate() {
        let shards = sums(&context, 1);
        let log = StateLog::open(&writer, storage.clone(), id, Arc::new(shards.clone()), options(0)).unwrap();
        step(&context, &shards, 10, &[(number as u8, 1)]);
        log.await_durable(Version(10)).unwrap();
    }
    for (number, id) in ids.iter().enumerate() {
        let shards = sums(&context, 1);
        let log = StateLog::open(&writer, storage.clone(), id, Arc::new(shards.clone()), options(0)).unwrap();
        assert_eq!(log.load(Version(10)).unwrap(), Some(Version(10)), "{id}");
        assert_eq!(read_sums(&shards), Sums::from([(number as u8, 1)]));
    }
}

#[test]
fn a_full_disk_is_told_and_overcome() {
    let memory = Memory::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (context, writer) = (Context::local(2).unwrap(), StateWriter::start().unwrap());
    let shards = sums(&context, 2);
    let log = open(&writer, &storage, &shards, 1 << 20);
    step(&context, &shards, 10, &[(1, 1)]);
    log.await_durable(Version(10)).unwrap();
    memory.fill();
    step(&context, &shards, 20, &[(2, 2)]);
    let error = log.await_durable(Version(20)).unwrap_err();
    assert!(matches!(error, StorageError::Full { .. }), "{error}");
    log.await_durable(Version(10)).unwrap();
    step(&context, &shards, 30, &[(3, 3)]);
    assert!(log.await_durable(Version(30)).is_err());
    memory.empty();
    step(&context, &shards, 40, &[(4, 4)]);
    log.await_durable(Version(40)).unwrap();
    step(&context, &shards, 50, &[(5, 5)]);
    log.await_durable(Version(50)).unwrap();
    drop(log);
    for (at_most, keys) in [(50, 5), (49, 4), (39, 1), (10, 1)] {
        let loaded = sums(&context, 2);
        let copy: Arc<dyn Storage> = Arc::new(Memory::copy(&storage));
        open(&writer, &copy, &loaded, 0).load(Version(at_most)).unwrap();
        assert_eq!(read_sums(&loaded), (1..=keys).map(|key| (key, i64::from(key))).collect(), "{at_most}");
    }
}

#[test]
fn time_outs_and_windows_go_on_where_they_were() {
    let (context, writer) = (Context::local(2).unwrap(), StateWriter::start().unwrap());
    let seconds = |seconds: u64| crate::state::version_of(tidemill_core::Timestamp::from_micros(seconds * 1_000_000));
    let input =
        |records: &[(u8, i64)], partitions| context.parallelize(records.to_vec(), 1).partition_by_hash(partitions);
    let layout = |partitions| input(&[], partitions).layout().cloned();
    let storage: Arc<dyn Storage> = Arc::new(Memory::default());
    let timed = |partitions: usize| {
        context.shards(Operator::here("timed"), partitions, layout(partitions), |_| {
            let count = |_: tidemill_core::Timestamp, key: &u8, value: Option<i64>, state: &mut State<i64>| {
                value.is_none().then_some(*key).or_else(|| {
                    state.update(1);
                    None
                })
            };
            MapWithState::new(context.environment(), Some(Duration::from_secs(3)), count)
        })
    };
    let window = |partitions: usize| {
        context.shards(Operator::here("window"), partitions, layout(partitions), |_| {
            let (add, subtract) = (|a: i64, b: i64| a + b, |a: i64, b: i64| a - b);
            crate::state::InverseWindow::<u8, i64, _, _>::new(
                context.environment(),
                Duration::from_secs(3),
                add,
                subtract,
                None,
            )
        })
    };
    // Killed after every batch; each key comes once, so that it times out and leaves the window three batches later.
    let partitions: [fn(u64) -> usize; 2] = [|_| 2, |batch| 1 + batch as usize % 3];
    for (least, partitions) in
        [(0, partitions[0]), (1 << 20, partitions[0]), (0, partitions[1]), (1 << 20, partitions[1])]
    {
        let mut storage = Memory::copy(&storage);
        for batch in 1..12u64 {
            let copy: Arc<dyn Storage> = Arc::new(storage.clone());
            let partitions = partitions(batch);
            let (timed, window) = (timed(partitions), window(partitions));
            let logs = [
                StateLog::open(&writer, copy.clone(), "timed", Arc::new(timed.clone()), options(least)).unwrap(),
                StateLog::open(&writer, copy.clone(), "window", Arc::new(window.clone()), options(least)).unwrap(),
            ];
            logs.iter()
                .for_each(|log| assert_eq!(log.load(seconds(batch)).unwrap(), (batch > 1).then(|| seconds(batch - 1))));
            let records = input(&[(batch as u8, 1)], partitions);
            timed.step(&records, timed.version(), seconds(batch)).unwrap();
            window.step(&records, window.version(), seconds(batch)).unwrap();
            let out = timed.emitted(seconds(batch)).collect().unwrap();
            assert_eq!(
                out,
                batch.checked_sub(4).filter(|key| *key > 0).map(|key| key as u8).into_iter().collect::<Vec<_>>()
            );
            let mut sums = window.read(seconds(batch)).collect().unwrap();
            sums.retain(|(_, sum)| *sum != 0);
            sums.sort_unstable();
            let first = batch.saturating_sub(2).max(1);
            assert_eq!(sums, (first..=batch).map(|key| (key as u8, 1)).collect::<Vec<_>>());
            logs.iter().for_each(|log| log.await_durable(seconds(batch)).unwrap());
            storage = Memory::copy(&copy);
        }
    }
}

//! States of several pieces.

use std::fmt::Debug;
use std::time::Duration;

use tidemill_core::memory::Pool;
use tidemill_core::shard::PIECE_BYTES;
use tidemill_core::{Settings, Shard};
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata};

use super::*;
use crate::state::InverseWindow;

type Wide = Shards<Update<u32, String, String, EachKey<Put>>>;
type Put = fn(tidemill_core::Timestamp, &u32, Vec<String>, Option<String>) -> Option<String>;

const KEYS: u32 = 4_000;
/// What a state has beside its number.
const STATE_BYTES: usize = 2_000;

/// The last value of each key.
fn wide(context: &Context, partitions: usize) -> Wide {
    let put: Put = |_, _, mut values, state| values.pop().or(state);
    let layout = context.parallelize([(0u32, String::new())], 1).partition_by_hash(partitions).layout().cloned();
    context.shards(Operator::here("wide"), partitions, layout, |_| Update::new(context.environment(), EachKey(put)))
}

fn state(key: u32, at: u64) -> String {
    format!("{key} at {at} {}", "-".repeat(STATE_BYTES))
}

/// A step that gives these keys new states.
fn put(context: &Context, shards: &Wide, to: u64, keys: impl Iterator<Item = u32>) {
    let records: Vec<(u32, String)> = keys.map(|key| (key, state(key, to))).collect();
    let input = context.parallelize(records, 1).partition_by_hash(shards.partitions());
    shards.step(&input, shards.version(), Version(to)).unwrap();
}

fn read<S: Shard<Entry = (K, V)>, K: Ord, V>(shards: &Shards<S>) -> BTreeMap<K, V>
where
    (K, V): tidemill_core::Element,
{
    shards.read(shards.version()).collect().unwrap().into_iter().collect()
}

fn log_of<S: Shard>(writer: &Arc<StateWriter>, storage: &Arc<dyn Storage>, shards: &Shards<S>, least: u64) -> StateLog {
    StateLog::open(writer, storage.clone(), "wide", Arc::new(shards.clone()), options(least)).unwrap()
}

/// The names and the bytes of the files of snapshots.
fn files(storage: &Arc<dyn Storage>) -> Vec<(String, u64)> {
    let files = storage.list("state/wide/snapshots").unwrap().into_iter();
    files.map(|file| (file.name, file.bytes)).collect()
}

fn limited(state: u64) -> Context {
    let mut settings = Settings::new();
    settings.set("spark.master", "local[2]").set("tidemill.memory.state.limit", state.to_string());
    Context::new(&settings).unwrap()
}

/// A state of 8 MB: steps to 10, 20, 30 and 40, and snapshots, all or as they come, where `least` says so.
fn written(least: u64) -> (Memory, BTreeMap<u32, String>) {
    let (context, writer, memory) = (Context::local(2).unwrap(), StateWriter::start().unwrap(), Memory::default());
    let (storage, shards): (Arc<dyn Storage>, _) = (Arc::new(memory.clone()), wide(&context, 2));
    let log = log_of(&writer, &storage, &shards, least);
    put(&context, &shards, 10, 0..KEYS);
    for to in [20, 30, 40] {
        log.await_durable(shards.version()).unwrap();
        log.book.await_snapshot();
        put(&context, &shards, to, (0..KEYS).filter(|key| u64::from(*key) % 40 >= to - 10));
    }
    log.await_durable(Version(40)).unwrap();
    log.book.await_snapshot();
    let states = read(&shards);
    (memory, states)
}

/// Hears warnings.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Told {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = String::new();
        event.record(&mut |field: &Field, value: &dyn Debug| text += &format!("{field}={value:?} "));
        self.0.lock().unwrap().push(text);
    }
}

#[test]
fn a_piece_that_cannot_be_read_leads_to_the_snapshot_before() {
    let (memory, states) = written(0);
    let storage: Arc<dyn Storage> = Arc::new(memory);
    let pieces: Vec<(String, u64)> = files(&storage).into_iter().filter(|(name, _)| name.contains('.')).collect();
    assert!(pieces.len() >= 12, "{pieces:?}");
    let most = PIECE_BYTES + STATE_BYTES + 300;
    assert!(pieces.iter().all(|(_, bytes)| *bytes <= most as u64), "{pieces:?}");
    let newest = pieces.iter().map(|(name, _)| name).max().unwrap().rsplit_once('/').unwrap().0;
    let (context, writer) = (Context::local(2).unwrap(), StateWriter::start().unwrap());
    for (name, _) in pieces.iter().filter(|(name, _)| name.starts_with(newest)) {
        for (damage, partitions) in [(0, 2), (1, 2), (2, 3)] {
            let copy = Memory::copy(&storage);
            match damage {
                0 => copy.change(name, |bytes| bytes[PIECE_BYTES / 2] ^= 1),
                1 => copy.remove(name).unwrap(),
                _ => copy.change(name, |bytes| bytes.truncate(PIECE_BYTES / 2)),
            }
            let (copy, shards): (Arc<dyn Storage>, _) = (Arc::new(copy), wide(&context, partitions));
            let (log, told) = (log_of(&writer, &copy, &shards, 0), Told::default());
            let loaded = tracing::subscriber::with_default(told.clone(), || log.load(Version(40)).unwrap());
            assert_eq!(loaded, Some(Version(40)), "{name}");
            let told = told.0.lock().unwrap();
            assert!(told.len() == 1 && told[0].contains("is made from an older snapshot"), "{told:?}");
            assert!(told[0].contains(name), "{told:?}");
            assert_eq!(read(&shards), states, "{name}");
        }
    }
    // Without the log there is no other way.
    for log in storage.list("state/wide/deltas").unwrap() {
        storage.remove(&log.name).unwrap();
    }
    for (name, _) in &pieces {
        storage.remove(name).unwrap();
    }
    let error = log_of(&writer, &storage, &wide(&context, 2), 0).load(Version(40)).unwrap_err();
    assert!(matches!(error, StateError::Unreadable { .. }), "{error}");
}

#[test]
fn a_restart_takes_no_more_memory_than_state_may() {
    const LIMIT: u64 = 1_500_000;
    // All in the log, and all but the last steps in a snapshot.
    for least in [1 << 40, 0] {
        let (memory, states) = written(least);
        for partitions in [2, 3] {
            let (context, writer) = (limited(LIMIT), StateWriter::start().unwrap());
            let storage: Arc<dyn Storage> = Arc::new(Memory::copy(&(Arc::new(memory.clone()) as _)));
            let kept: u64 = storage.list("state/wide").unwrap().iter().map(|file| file.bytes).sum();
            assert!(kept > 8 * LIMIT);
            let shards = wide(&context, partitions);
            log_of(&writer, &storage, &shards, 1 << 40).load(Version(40)).unwrap();
            // What is there of each key that is on disk, in three tables while they are dealt anew; what one record of the
            // log holds of a partition, and the least that goes to disk.
            let index = if partitions == 2 { 1 } else { 3 } * u64::from(KEYS) * 150;
            let record = u64::from(KEYS) / 2 * (STATE_BYTES as u64 + 50);
            let peak = context.environment().memory.peak(Pool::State);
            assert!(peak < LIMIT + index + record + 300_000, "{peak} bytes with {least}, {partitions}");
            assert!(context.environment().memory.used(Pool::State) < LIMIT + index);
            assert_eq!(read(&shards), states);
        }
    }
}

#[test]
fn what_is_left_of_an_unfinished_snapshot_goes() {
    let (memory, states) = written(0);
    let storage: Arc<dyn Storage> = Arc::new(memory);
    let newest = files(&storage).into_iter().map(|(name, _)| name).max().unwrap();
    let newest = newest.rsplit_once('/').unwrap().0;
    storage.remove(&format!("{newest}/manifest")).unwrap();
    storage.put("state/wide/snapshots/00000000000000000099-7/1.3", b"a piece").unwrap();
    let (context, writer) = (Context::local(2).unwrap(), StateWriter::start().unwrap());
    let shards = wide(&context, 2);
    let log = log_of(&writer, &storage, &shards, 1 << 40);
    assert_eq!(log.load(Version(40)).unwrap(), Some(Version(40)));
    assert_eq!(read(&shards), states);
    let left: Vec<String> = files(&storage).into_iter().map(|(name, _)| name).collect();
    assert!(
        !left.is_empty() && left.iter().all(|name| !name.starts_with(newest) && !name.contains("99-7")),
        "{left:?}"
    );
}

type Sums = Shards<InverseWindow<String, i64, fn(i64, i64) -> i64, fn(i64, i64) -> i64>>;

/// Sums of the last three steps.
fn window(context: &Context, partitions: usize) -> Sums {
    let layout = context.parallelize([(String::new(), 0i64)], 1).partition_by_hash(partitions).layout().cloned();
    let (add, subtract): (fn(i64, i64) -> i64, fn(i64, i64) -> i64) = (|a, b| a + b, |a, b| a - b);
    context.shards(Operator::here("wide"), partitions, layout, |_| {
        InverseWindow::new(context.environment(), Duration::from_micros(3), add, subtract, None)
    })
}

#[test]
fn a_window_of_many_pieces_goes_on_where_it_was() {
    let key = |key: u32| format!("{key:-<1000}");
    let slide = |context: &Context, shards: &Sums, to: u64| {
        let keys = (0..2_500).filter(|key| to < 6 && u64::from(key % 6) != to);
        let records: Vec<(String, i64)> = keys.map(|number| (key(number), 1 << to)).collect();
        let input = context.parallelize(records, 1).partition_by_hash(shards.partitions());
        shards.step(&input, shards.version(), Version(to)).unwrap();
    };
    let (context, writer) = (Context::local(2).unwrap(), StateWriter::start().unwrap());
    let (storage, shards): (Arc<dyn Storage>, _) = (Arc::new(Memory::default()), window(&context, 1));
    let log = log_of(&writer, &storage, &shards, 0);
    for to in 1..=4 {
        slide(&context, &shards, to);
        log.await_durable(Version(to)).unwrap();
        log.book.await_snapshot();
    }
    let newest: Vec<(String, u64)> = files(&storage)
        .into_iter()
        .filter(|(name, _)| name.contains("00004-") && !name.ends_with("manifest"))
        .collect();
    assert!(newest.len() > 6, "2.5 MB of sums, and 2 MB of each step: {newest:?}");
    assert!(newest.iter().all(|(_, bytes)| *bytes < (PIECE_BYTES + 1_500) as u64), "{newest:?}");
    let steps: Vec<BTreeMap<String, i64>> = (5..9)
        .map(|to| {
            slide(&context, &shards, to);
            read(&shards)
        })
        .collect();
    for (partitions, limit) in [(1, 1 << 30), (3, 1 << 30), (1, 500_000), (3, 500_000)] {
        let context = limited(limit);
        let copy: Arc<dyn Storage> = Arc::new(Memory::copy(&storage));
        let loaded = window(&context, partitions);
        assert_eq!(log_of(&writer, &copy, &loaded, 0).load(Version(4)).unwrap(), Some(Version(4)));
        for (to, expected) in (5..9).zip(&steps) {
            slide(&context, &loaded, to);
            assert!(read(&loaded) == *expected, "{to} in {partitions} partitions");
        }
    }
}

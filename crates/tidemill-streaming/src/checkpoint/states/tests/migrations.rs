//! States of another shape than the program's.

use serde::{Deserialize, Serialize};
use tidemill_core::shard::Migrations;
use tidemill_core::{Element, Shard};

use super::*;
use crate::state::InverseWindow;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Stats {
    count: u64,
    sum: i64,
}

mod earlier {
    use super::*;

    /// As it was: without a sum.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub(super) struct Stats {
        pub(super) count: u64,
    }
}

fn shards<S, T>(context: &Context, partitions: usize, make: impl Fn() -> S) -> Shards<S>
where
    S: Shard<In = (u8, T)>,
    T: Element,
{
    let layout = context.parallelize(Vec::<(u8, T)>::new(), 1).partition_by_hash(partitions).layout().cloned();
    context.shards(Operator::here("stats"), partitions, layout, |_| make())
}

fn counting<S: Element>(
    context: &Context,
    partitions: usize,
    migrations: Migrations<u8, S>,
    add: fn(Option<S>) -> S,
) -> Shards<impl Shard<In = (u8, i64), Entry = (u8, S)> + use<S>> {
    shards::<_, i64>(context, partitions, || {
        let update = move |_, _: &u8, values: Vec<i64>, state| values.iter().fold(state, |state, _| Some(add(state)));
        let update = EachKey(update);
        Update::new(context.environment(), update).with_migrations(migrations.clone())
    })
}

/// Counts with the earlier type, in two partitions.
fn kept(context: &Context, writer: &Arc<StateWriter>) -> Arc<dyn Storage> {
    let storage: Arc<dyn Storage> = Arc::new(Memory::default());
    let add = |stats: Option<earlier::Stats>| earlier::Stats { count: stats.map_or(1, |stats| stats.count + 1) };
    let shards = counting(context, 2, Migrations::new(), add);
    let log = StateLog::open(writer, storage.clone(), "stats", Arc::new(shards.clone()), options(0)).unwrap();
    for to in 1..6u64 {
        let records: Vec<(u8, i64)> = (0..to as u8).map(|key| (key, 1)).collect();
        shards.step(&context.parallelize(records, 1).partition_by_hash(2), shards.version(), Version(to)).unwrap();
    }
    log.await_durable(Version(5)).unwrap();
    storage
}

fn add(stats: Option<Stats>) -> Stats {
    stats.map_or(Stats { count: 1, sum: 1 }, |stats| Stats { count: stats.count + 1, sum: stats.sum + 1 })
}

#[test]
fn another_shape_is_an_error_that_names_the_field() {
    let (context, writer) = (Context::local(2).unwrap(), StateWriter::start().unwrap());
    let storage = kept(&context, &writer);
    let shards = counting(&context, 2, Migrations::new(), add);
    let log = StateLog::open(&writer, storage, "stats", Arc::new(shards.clone()), options(0)).unwrap();
    let error = log.load(Version(9)).unwrap_err();
    assert!(matches!(error, StateError::Load { .. }));
    let text = error.to_string();
    for part in [
        "the state of \"stats\" cannot be loaded",
        "field `sum` of struct `Stats` is in the program and not in the checkpoint",
        "Kept is (u8, Stats { count: u64 }), declared is (u8, Stats { count: u64, sum: i64 })",
        "`migrate`",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn a_migration_converts_what_was_kept_once() {
    let (context, writer) = (Context::local(2).unwrap(), StateWriter::start().unwrap());
    let mut storage = kept(&context, &writer);
    let mut migrations = Migrations::new();
    migrations.add(|_: &u8, word: String| Some(Stats { count: word.len() as u64, sum: 0 }));
    migrations.add(|key: &u8, old: earlier::Stats| {
        (*key != 4).then_some(Stats { count: old.count, sum: 10 * i64::from(*key) })
    });
    // With more partitions, and then again without the migration.
    for (partitions, migrations, to) in [(3, migrations, 6), (3, Migrations::new(), 7), (1, Migrations::new(), 8)] {
        let shards = counting(&context, partitions, migrations, add);
        let log = StateLog::open(&writer, storage.clone(), "stats", Arc::new(shards.clone()), options(0)).unwrap();
        assert_eq!(log.load(Version(to - 1)).unwrap(), Some(Version(to - 1)));
        let records = context.parallelize(vec![(1u8, 1i64)], 1).partition_by_hash(partitions);
        shards.step(&records, shards.version(), Version(to)).unwrap();
        log.await_durable(Version(to)).unwrap();
        let mut states = shards.read(Version(to)).collect().unwrap();
        states.sort();
        let (more, stats) = (to - 5, |count, sum| Stats { count, sum });
        let one = (1, stats(4 + more, 10 + more as i64));
        assert_eq!(states, [(0, stats(5, 0)), one, (2, stats(3, 20)), (3, stats(2, 30))]);
        drop(log);
        storage = Arc::new(Memory::copy(&storage));
    }
}

#[test]
fn a_migration_that_panics_is_an_error() {
    let (context, writer) = (Context::local(2).unwrap(), StateWriter::start().unwrap());
    let mut migrations = Migrations::new();
    migrations.add(|_: &u8, _: earlier::Stats| -> Option<Stats> { panic!("no way back") });
    let shards = counting(&context, 2, migrations, add);
    let log = StateLog::open(&writer, kept(&context, &writer), "stats", Arc::new(shards.clone()), options(0)).unwrap();
    let text = log.load(Version(9)).unwrap_err().to_string();
    assert!(text.contains("no way back"), "{text}");
}

#[test]
fn windows_convert_what_leaves_later_too() {
    let (context, writer) = (Context::local(2).unwrap(), StateWriter::start().unwrap());
    let window = Duration::from_micros(3);
    let small = |partitions| {
        shards::<_, i32>(&context, partitions, || {
            InverseWindow::<u8, i32, _, _>::new(context.environment(), window, |a, b| a + b, |a, b| a - b, None)
        })
    };
    let large = |partitions| {
        shards::<_, i64>(&context, partitions, || {
            let mut migrations = Migrations::new();
            migrations.add(|_: &u8, old: i32| Some(i64::from(old)));
            InverseWindow::<u8, i64, _, _>::new(context.environment(), window, |a, b| a + b, |a, b| a - b, None)
                .with_migrations(migrations)
        })
    };
    for least in [0, 1 << 20] {
        let storage: Arc<dyn Storage> = Arc::new(Memory::default());
        let before = small(2);
        let log = StateLog::open(&writer, storage.clone(), "w", Arc::new(before.clone()), options(least)).unwrap();
        for to in 1..5u64 {
            let input = context.parallelize(vec![(to as u8 % 3, 1 << to)], 1).partition_by_hash(2);
            before.step(&input, before.version(), Version(to)).unwrap();
        }
        log.await_durable(Version(4)).unwrap();
        drop(log);
        let after = large(3);
        let log = StateLog::open(&writer, storage, "w", Arc::new(after.clone()), options(least)).unwrap();
        assert_eq!(log.load(Version(4)).unwrap(), Some(Version(4)));
        for (to, expected) in [(4, [8, 16, 4]), (5, [8, 16, 0]), (6, [0, 16, 0]), (7, [0, 0, 0])] {
            if to > 4 {
                let input = context.parallelize(Vec::<(u8, i64)>::new(), 1).partition_by_hash(3);
                after.step(&input, after.version(), Version(to)).unwrap();
            }
            let mut sums = after.read(Version(to)).collect().unwrap();
            sums.sort_unstable();
            assert_eq!(sums, [0u8, 1, 2].into_iter().zip(expected).collect::<Vec<(u8, i64)>>(), "{to}");
        }
    }
}

//! Steps, what they emit, and old versions.

use std::sync::Arc;

use tidemill_core::memory::Pool;
use tidemill_core::shard::{Keeper, KeptShards};
use tidemill_core::{Context, Settings, Version};

use super::sums::{Told, at, input, load, pairs, snapshot, sums};

#[test]
fn steps_make_versions_that_can_be_read_until_they_are_forgotten() {
    let context = Context::local(2).unwrap();
    let shards = sums(&context, |_| ());
    assert_eq!(shards.version(), Version::START);
    let deltas = shards.step(&input(&context, &[("a", 1), ("b", 2), ("a", 3)]), Version(0), Version(10)).unwrap();
    assert_eq!(deltas.iter().map(|delta| delta.changed).sum::<u64>(), 2);
    shards.step(&input(&context, &[("b", -2), ("c", 5)]), Version(10), Version(20)).unwrap();
    assert_eq!((shards.version(), at(&shards, 0)), (Version(20), vec![]));
    assert_eq!(at(&shards, 10), pairs(&[("a", 4), ("b", 2)]));
    assert_eq!(at(&shards, 20), pairs(&[("a", 4), ("c", 5)]));
    let mut emitted = shards.emitted(Version(10)).collect().unwrap();
    emitted.sort();
    assert_eq!(emitted, pairs(&[("a", 1), ("a", 4), ("b", 2)]));
    let old = (shards.read(Version(10)), shards.emitted(Version(10)));
    shards.forget(Version(20));
    let error = old.0.collect().unwrap_err().to_string();
    assert!(error.contains("sum_up at ") && error.contains("version 10 of the state is not there"), "{error}");
    let error = old.1.collect().unwrap_err().to_string();
    assert!(error.contains("sum_up at ") && error.contains("emitted for version 10 is not there"), "{error}");
    assert_eq!(at(&shards, 20), pairs(&[("a", 4), ("c", 5)]));
}

#[test]
fn an_entry_lies_where_its_input_does() {
    let context = Context::local(2).unwrap();
    let shards = sums(&context, |_| ());
    let records = input(&context, &[("a", 1), ("b", 2)]);
    shards.step(&records, Version(0), Version(10)).unwrap();
    let entries = shards.read(Version(10));
    assert!(entries.layout().is_some() && entries.layout() == records.layout());
    let mut joined = entries.join(&records).collect().unwrap();
    joined.sort();
    assert_eq!(joined, [("a".into(), (1, 1)), ("b".into(), (2, 2))]);
    // A job that reads a version stays right while steps are made.
    let reading = shards.read(Version(10)).map(move |pair| pair);
    shards.step(&records, Version(10), Version(20)).unwrap();
    assert_eq!(reading.count().unwrap(), 2);
    assert_eq!(at(&shards, 20), pairs(&[("a", 2), ("b", 4)]));
}

#[test]
fn a_first_state_is_there_before_the_first_step() {
    let context = Context::local(2).unwrap();
    let shards = sums(&context, |_| ());
    shards.seed(&input(&context, &[("a", 1), ("b", 2), ("b", 3)]), Version(5)).unwrap();
    shards.step(&input(&context, &[("a", 10)]), Version(5), Version(10)).unwrap();
    assert_eq!(at(&shards, 5), pairs(&[("a", 1), ("b", 3)]));
    assert_eq!(at(&shards, 10), pairs(&[("a", 11), ("b", 3)]));
}

#[test]
fn a_snapshot_and_the_changes_since_make_an_equal_state() {
    let context = Context::local(2).unwrap();
    let shards = sums(&context, |_| ());
    shards.keep(Some(Arc::new(Told::default())));
    let batches: [&[(&str, i64)]; 4] = [&[("a", 1), ("b", 2)], &[("a", -1), ("c", 3)], &[], &[("a", 7), ("d", 1)]];
    let mut kept = vec![(Vec::new(), Vec::new()); 2];
    for (batch, version) in batches.iter().zip((0..).step_by(10)) {
        if version == 10 {
            for (partition, (pieces, _)) in kept.iter_mut().enumerate() {
                *pieces = snapshot(&shards, partition, Version(version));
            }
        }
        let deltas = shards.step(&input(&context, batch), Version(version), Version(version + 10)).unwrap();
        if version >= 10 {
            kept.iter_mut().zip(deltas).for_each(|((_, changes), delta)| changes.push(delta));
        }
    }
    let loaded = sums(&context, |_| ());
    load(&loaded, &kept).unwrap();
    assert_eq!((loaded.version(), at(&loaded, 40)), (Version(40), at(&shards, 40)));
    let partitions = |shards: &tidemill_core::Shards<_>| shards.read(Version(40)).glom().collect().unwrap();
    assert_eq!(partitions(&loaded), partitions(&shards), "in the same order");
    let step = |shards: &tidemill_core::Shards<_>| {
        shards.step(&input(&context, &[("a", 1), ("e", 1)]), Version(40), Version(50)).unwrap()
    };
    loaded.keep(Some(Arc::new(Told::default())));
    assert_eq!(step(&loaded), step(&shards));
    // A change that is missing is no small thing.
    kept[1].1.remove(1);
    let error = load(&loaded, &kept).unwrap_err().to_string();
    assert!(error.contains("the change from version 30 to 40 does not follow version 20"), "{error}");
}

#[test]
fn a_keeper_is_told_what_was_made_and_can_read_what_it_needs() {
    let context = Context::local(2).unwrap();
    let shards = sums(&context, |record| assert!(record.1 != 99, "poison"));
    let keeper = Arc::new(Told::default());
    shards.keep(Some(Arc::clone(&keeper) as Arc<dyn Keeper>));
    shards.seed(&input(&context, &[("a", 1)]), Version(5)).unwrap();
    let step = |from, to, value| shards.step(&input(&context, &[("a", value)]), Version(from), Version(to));
    step(5, 10, 1).unwrap();
    step(5, 10, 1).unwrap(); // made already
    step(10, 20, 99).unwrap_err();
    *keeper.needs.lock().unwrap() = Some(Version(10));
    step(10, 30, 1).unwrap();
    shards.forget(Version(30));
    assert_eq!(at(&shards, 10), pairs(&[("a", 2)]));
    *keeper.needs.lock().unwrap() = None;
    shards.forget(Version(30));
    assert!(shards.read(Version(10)).collect().is_err());
    shards.keep(None);
    step(30, 40, 1).unwrap();
    let told = ["seeded 5", "5 to 10, 2 deltas, whole: true", "10 to 30, 2 deltas, whole: true"];
    assert_eq!(*keeper.words.lock().unwrap(), told);
}

#[test]
fn what_finds_no_room_in_memory_is_emitted_to_disk() {
    let mut settings = Settings::new();
    settings.set("spark.master", "local[2]").set("tidemill.memory.stored.limit", "20k");
    let context = Context::new(&settings).unwrap();
    let shards = sums(&context, |_| ());
    let keys: Vec<String> = (0..3_000).map(|number| format!("key {number}")).collect();
    let records: Vec<(&str, i64)> = keys.iter().map(|key| (key.as_str(), 1)).collect();
    for version in [10, 20] {
        shards.step(&input(&context, &records), Version(version - 10), Version(version)).unwrap();
    }
    for version in [10, 20] {
        let emitted = shards.emitted(Version(version)).collect().unwrap();
        assert!(emitted.len() == 3_000 && emitted.iter().all(|(_, sum)| *sum == version as i64 / 10));
    }
    let (environment, bytes) = (Arc::clone(context.environment()), |pool| context.environment().memory.used(pool));
    assert!(bytes(Pool::Stored) <= 20 << 10 && bytes(Pool::State) > 3_000 * 32);
    drop(shards);
    assert_eq!((environment.memory.used(Pool::Stored), environment.memory.used(Pool::State)), (0, 0));
}

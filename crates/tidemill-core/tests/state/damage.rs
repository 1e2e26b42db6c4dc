//! Steps that fail: all shards make one or none, and nobody who comes late changes anything.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::thread;

use tidemill_core::shard::KeptShards;
use tidemill_core::{Context, Error, Rdd, Settings, Version};

use super::sums::{Pair, at, input, load, pairs, snapshot, sums};

fn context(master: &str, more: &[(&str, &str)]) -> Context {
    let mut settings = Settings::new();
    settings.set("spark.master", master);
    for (name, value) in more {
        settings.set(*name, *value);
    }
    Context::new(&settings).unwrap()
}

/// A key that lies in the given partition.
fn key_in(context: &Context, partition: usize) -> String {
    let keys: Vec<String> = (0..100).map(|number| format!("key {number}")).collect();
    let records: Vec<(&str, i64)> = keys.iter().map(|key| (key.as_str(), 1)).collect();
    let partitions = input(context, &records).glom().collect().unwrap();
    partitions[partition][0].0.to_string()
}

#[test]
fn a_step_that_fails_in_one_partition_is_made_by_none() {
    let context = context("local[2]", &[]);
    let fails = Arc::new(AtomicBool::new(true));
    let failing = Arc::clone(&fails);
    let bad = key_in(&context, 1);
    let bad_key = bad.clone();
    let shards = sums(&context, move |(key, _)| {
        assert!(!(failing.load(Ordering::SeqCst) && *key == *bad_key), "no {key} here");
    });
    let good = key_in(&context, 0);
    let first = [(good.as_str(), 1)];
    shards.step(&input(&context, &first), Version(0), Version(10)).unwrap();
    let both = [(good.as_str(), 2), (bad.as_str(), 3)];
    let error = shards.step(&input(&context, &both), Version(10), Version(20)).unwrap_err();
    let text = error.to_string();
    for part in ["sum_up at ", "partition 1", &format!("the function panicked: no {bad} here")] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert_eq!((shards.version(), at(&shards, 10)), (Version(10), pairs(&first)));
    shards.emitted(Version(20)).collect().unwrap_err();
    assert_eq!(shards.emitted(Version(10)).collect().unwrap(), pairs(&first));
    fails.store(false, Ordering::SeqCst);
    shards.step(&input(&context, &both), Version(10), Version(20)).unwrap();
    let mut expected = pairs(&[(&good, 3), (&bad, 3)]);
    expected.sort();
    assert_eq!(at(&shards, 20), expected);
}

#[test]
fn a_task_that_is_tried_again_counts_once() {
    let context = context("local[2,3]", &[]);
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let shards = sums(&context, move |_| {
        assert_ne!(counted.fetch_add(1, Ordering::SeqCst), 1, "the second record fails at first");
    });
    shards.step(&input(&context, &[("a", 1), ("a", 2)]), Version(0), Version(10)).unwrap();
    assert_eq!((tries.load(Ordering::SeqCst), at(&shards, 10)), (4, pairs(&[("a", 3)])));
    assert_eq!(shards.emitted(Version(10)).collect().unwrap(), pairs(&[("a", 1), ("a", 3)]));
}

/// The step is cancelled while a function hangs; then, with or without another step in between, the function returns.
#[test]
fn a_task_that_comes_late_changes_nothing() {
    for steps_on in [false, true] {
        let context = context("local[2]", &[]);
        let (coming, came) = sync_channel(1);
        let (open, gate) = sync_channel::<()>(0);
        let gate = Mutex::new(Some(gate));
        let shards = sums(&context, move |(key, _)| {
            assert_eq!(**key, *"slow");
            let first = gate.lock().unwrap().take();
            if let Some(gate) = first {
                coming.send(()).unwrap();
                let _ = gate.recv(); // ends with an error once the other end is dropped
            }
        });
        let slow = input(&context, &[("slow", 1)]);
        thread::scope(|scope| {
            let step = scope.spawn(|| shards.step(&slow, Version(0), Version(10)));
            came.recv().unwrap();
            context.cancel_all_jobs();
            assert!(matches!(step.join().unwrap(), Err(Error::Cancelled { .. })));
        });
        if steps_on {
            shards.step(&input(&context, &[("slow", 5)]), Version(0), Version(10)).unwrap();
        }
        drop(open);
        context.stop(); // waits for the function
        let version = shards.version();
        let kept: Vec<_> = (0..2).map(|partition| (snapshot(&shards, partition, version), vec![])).collect();
        (0..2).for_each(|partition| assert_eq!(shards.snapshot(partition, Version(10)).is_ok(), steps_on));
        let again = Context::local(1).unwrap();
        let loaded = sums(&again, |_| ());
        load(&loaded, &kept).unwrap();
        let expected = if steps_on { pairs(&[("slow", 5)]) } else { vec![] };
        assert_eq!(at(&loaded, version.0), expected);
    }
}

#[test]
fn a_step_that_is_made_is_not_made_again() {
    let context = context("local[2]", &[]);
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    let shards = sums(&context, move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let records = input(&context, &[("a", 1), ("b", 2)]);
    let deltas = shards.step(&records, Version(0), Version(10)).unwrap();
    assert_eq!(shards.step(&records, Version(0), Version(10)).unwrap(), deltas);
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    // Once it is undone, it is.
    shards.undo(Version(0)).unwrap();
    assert_eq!((shards.version(), at(&shards, 0)), (Version(0), vec![]));
    shards.step(&records, Version(0), Version(10)).unwrap();
    assert_eq!((seen.load(Ordering::SeqCst), at(&shards, 10)), (4, pairs(&[("a", 1), ("b", 2)])));
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let context = context("local[2]", &[]);
    let shards = sums(&context, |_| ());
    let pieces = |pieces: &[&[u8]]| (pieces.iter().map(|piece| piece.to_vec()).collect(), Vec::new());
    let records = input(&context, &[("a", 1)]);
    let astray: Rdd<Pair> = context.parallelize(pairs(&[("a", 1)]), 2);
    let cases = [
        (shards.step(&astray, Version(0), Version(10)).err(), "bring the input to that layout first"),
        (shards.step(&records, Version(5), Version(10)).err(), "it is at version 0, so it cannot step from 5 to 10"),
        (shards.step(&records, Version(0), Version(0)).err(), "it cannot step from 0 to 0"),
        (shards.undo(Version(5)).err(), "version 5 of the state is not there; kept are versions 0 to 0"),
        (shards.snapshot(2, Version(0)).err(), "there is no shard of state for partition 2"),
        (shards.snapshot(0, Version(1)).err(), "version 1 of the state is not there"),
        (load(&shards, &[]).err(), "state of 0 partitions cannot be loaded into 2"),
        (load(&shards, &[pieces(&[&[9]]), pieces(&[&[8]])]).err(), "end at different versions"),
        (load(&shards, &[pieces(&[&[0, 200]]), pieces(&[&[0]])]).err(), "cannot decode a"),
        (load(&shards, &[pieces(&[&[9], &[8]]), pieces(&[&[9]])]).err(), "one piece of the state is of version 9"),
    ];
    for (error, part) in cases {
        let text = error.unwrap().to_string();
        assert!(text.contains("sum_up at ") && text.contains(part), "{part} is not in: {text}");
    }
}

#[test]
fn state_past_its_limit_goes_to_disk() {
    let folder = tempfile::tempdir().unwrap();
    let keys: Vec<String> = (0..3_000).map(|number| format!("the key with the number {number}")).collect();
    let records: Vec<(&str, i64)> = keys.iter().map(|key| (key.as_str(), 1)).collect();
    let settings = |local: &std::path::Path| {
        let local = local.to_str().unwrap().to_owned();
        context("local[2]", &[("tidemill.memory.state.limit", "40k"), ("spark.local.dir", &local)])
    };
    let disk = settings(folder.path());
    let shards = sums(&disk, |_| ());
    shards.step(&input(&disk, &records), Version(0), Version(10)).unwrap();
    shards.step(&input(&disk, &records[..10]), Version(10), Version(20)).unwrap();
    let expected = |version: i64| {
        let sum = |number| if number < 10 { version / 10 } else { 1 };
        let mut sums: Vec<Pair> =
            keys.iter().zip(0..).map(|(key, number)| (key.as_str().into(), sum(number))).collect();
        sums.sort();
        sums
    };
    [10, 20].into_iter().for_each(|version| assert_eq!(at(&shards, version as u64), expected(version)));
    // Where there is no disk it stays in memory, and the next step fails.
    let occupied = folder.path().join("a file");
    std::fs::write(&occupied, "").unwrap();
    let none = settings(&occupied);
    let shards = sums(&none, |_| ());
    shards.step(&input(&none, &records), Version(0), Version(10)).unwrap();
    let error = shards.step(&input(&none, &records), Version(10), Version(20)).unwrap_err().to_string();
    let parts = ["at most 40960 may be", "cannot spill to", "a file", "raise tidemill.memory.state.limit"];
    parts.iter().for_each(|part| assert!(error.contains(part), "{error}"));
    assert_eq!(at(&shards, 10), expected(10));
}

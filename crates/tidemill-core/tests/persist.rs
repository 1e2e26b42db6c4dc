//! Persisted and checkpointed RDDs (behaviour 3.2): what is computed how often, and what becomes of it where room is short.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tidemill_core::memory::Pool;
use tidemill_core::{BlockId, Context, Local, Rdd, Settings, StorageLevel};

const LEVELS: [StorageLevel; 4] =
    [StorageLevel::MEMORY_ONLY, StorageLevel::MEMORY_AND_DISK, StorageLevel::DISK_ONLY, StorageLevel::OFF_HEAP];

/// A context whose stored partitions may take so many bytes, with the folder of its files.
fn context(stored: &str) -> (Context, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::new();
    settings.set("spark.master", "local[2,2]").set("tidemill.memory.stored.limit", stored);
    settings.set("spark.local.dir", folder.path().display().to_string());
    (Context::new(&settings).unwrap(), folder)
}

/// Texts of about 100 bytes, and how many were computed.
fn texts(context: &Context, partitions: usize, each: usize) -> (Rdd<String>, Arc<AtomicUsize>) {
    let computed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&computed);
    let numbers = context.parallelize(0..partitions * each, partitions);
    let texts = numbers.map(move |i| {
        counter.fetch_add(1, Ordering::SeqCst);
        format!("{i:0100}")
    });
    (texts, computed)
}

fn stored_blocks(context: &Context, rdd: &Rdd<String>) -> usize {
    let id = |partition| BlockId::Stored { rdd: rdd.id(), partition };
    (0..rdd.num_partitions() as u32).filter(|p| context.environment().store.contains(id(*p))).count()
}

fn spill_files(folder: &tempfile::TempDir) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for own in fs::read_dir(folder.path()).unwrap() {
        files.extend(fs::read_dir(own.unwrap().path()).unwrap().map(|entry| entry.unwrap().path()));
    }
    files
}

#[test]
fn every_level_keeps_what_was_computed_and_lets_it_go() {
    for level in LEVELS {
        let (context, folder) = context("64m");
        let (texts, computed) = texts(&context, 4, 50);
        let expected = texts.collect().unwrap();
        computed.store(0, Ordering::SeqCst);
        let kept = texts.persist(level);
        assert_eq!(kept.storage_level(), level);
        assert_eq!(kept.first().unwrap(), expected[0]);
        assert_eq!(computed.load(Ordering::SeqCst), 50, "a partition is stored as a whole at {level}");
        assert_eq!(kept.collect().unwrap(), expected);
        assert_eq!(kept.map(|text| text).collect().unwrap(), expected);
        assert_eq!(computed.load(Ordering::SeqCst), 200, "{level}");
        assert_eq!(spill_files(&folder).is_empty(), level != StorageLevel::DISK_ONLY, "{level}");
        assert_eq!(stored_blocks(&context, &kept), 4);
        assert_eq!(kept.unpersist().storage_level(), StorageLevel::NONE);
        assert_eq!((stored_blocks(&context, &kept), context.environment().memory.used(Pool::Stored)), (0, 0));
        assert_eq!(kept.collect().unwrap(), expected);
        assert_eq!((computed.load(Ordering::SeqCst), stored_blocks(&context, &kept)), (400, 0));
        assert_eq!(spill_files(&folder).len(), 0);
    }
}

#[test]
fn the_last_handle_takes_its_blocks_along() {
    let (context, _folder) = context("64m");
    let (texts, _) = texts(&context, 4, 50);
    let kept = texts.cache();
    let other = kept.clone();
    let child = kept.map(|text| text.len());
    child.count().unwrap();
    drop((kept, other));
    assert!(context.environment().memory.used(Pool::Stored) > 20_000, "a child still reads them");
    drop(child);
    assert_eq!(context.environment().memory.used(Pool::Stored), 0);
}

#[test]
fn persisting_again_at_the_same_level_changes_nothing() {
    let (context, _folder) = context("64m");
    let kept = context.parallelize(0..9, 3).cache();
    assert_eq!(kept.cache().id(), kept.id());
    assert_ne!(kept.persist(StorageLevel::DISK_ONLY).id(), kept.id());
    assert_eq!(kept.map(|x| x).storage_level(), StorageLevel::NONE);
    let none = context.parallelize(0..9, 3);
    assert_eq!(none.persist(StorageLevel::NONE).id(), none.id());
}

#[test]
fn what_does_not_fit_is_computed_again_or_read_from_disk() {
    // 8 partitions of about 60 KiB each, and room for some of them
    for (level, recomputed) in [(StorageLevel::MEMORY_ONLY, true), (StorageLevel::MEMORY_AND_DISK, false)] {
        let (context, folder) = context("200k");
        let (texts, computed) = texts(&context, 8, 500);
        let expected = texts.collect().unwrap();
        computed.store(0, Ordering::SeqCst);
        let kept = texts.persist(level);
        assert_eq!(kept.collect().unwrap(), expected);
        assert_eq!(kept.collect().unwrap(), expected);
        let computed = computed.load(Ordering::SeqCst);
        assert!((4000..8000).contains(&computed), "{level}: {computed}");
        assert_eq!(computed > 4000, recomputed, "{level}");
        assert!(context.environment().memory.peak(Pool::Stored) <= 200 << 10);
        assert_eq!(spill_files(&folder).is_empty(), recomputed, "{level}");
    }
}

#[test]
fn one_partition_too_big_for_memory_comes_through_whole() {
    for level in LEVELS {
        let (context, _folder) = context("20k");
        let (texts, _) = texts(&context, 1, 3000);
        let expected = texts.collect().unwrap();
        let kept = texts.persist(level);
        for _ in 0..2 {
            assert_eq!(kept.collect().unwrap(), expected, "{level}");
            assert_eq!(kept.count().unwrap(), 3000);
        }
        drop(kept);
        assert_eq!(context.environment().memory.used(Pool::Stored), 0, "{level}");
    }
}

#[test]
fn the_rdd_used_least_recently_makes_room() {
    for (level, again) in [(StorageLevel::MEMORY_ONLY, 1000), (StorageLevel::MEMORY_AND_DISK, 0)] {
        let (context, _folder) = context("260k");
        let (first, first_computed) = texts(&context, 2, 500);
        let (second, second_computed) = texts(&context, 2, 500);
        let (third, _) = texts(&context, 2, 500);
        let [first, second, third] = [first, second, third].map(|texts| texts.persist(level));
        first.count().unwrap();
        second.count().unwrap();
        first.count().unwrap(); // so that the second is the one to go
        third.count().unwrap();
        first_computed.store(0, Ordering::SeqCst);
        second_computed.store(0, Ordering::SeqCst);
        assert_eq!(first.collect().unwrap().len(), 1000);
        assert_eq!(first_computed.load(Ordering::SeqCst), 0, "{level}");
        let texts = second.collect().unwrap();
        assert_eq!((texts.len(), second_computed.load(Ordering::SeqCst)), (1000, again), "{level}");
        assert!(texts.is_sorted());
    }
}

#[test]
fn lost_and_damaged_blocks_are_computed_again() {
    let (context, folder) = context("64m");
    let (texts, computed) = texts(&context, 2, 5000);
    let expected = texts.collect().unwrap();
    let kept = texts.persist(StorageLevel::DISK_ONLY);
    assert_eq!(kept.collect().unwrap(), expected);
    context.environment().store.remove(BlockId::Stored { rdd: kept.id(), partition: 0 });
    let damages: [fn(&PathBuf); 3] = [
        |_| {}, // the block removed above
        |file| fs::remove_file(file).unwrap(),
        |file| {
            let mut bytes = fs::read(file).unwrap();
            let late = bytes.len() - 100; // so that some frames are read before it is noticed
            bytes[late] ^= 1;
            fs::write(file, bytes).unwrap();
        },
    ];
    for damage in damages {
        spill_files(&folder).iter().take(1).for_each(damage);
        computed.store(0, Ordering::SeqCst);
        assert_eq!(kept.collect().unwrap(), expected);
        assert_eq!(computed.load(Ordering::SeqCst), 5000);
        kept.count().unwrap(); // stores it again
    }
}

#[test]
fn values_that_cannot_be_written_say_what_to_do() {
    let (context, _folder) = context("20k");
    let kept = context.parallelize(0..10_000, 1).map(Local).persist(StorageLevel::MEMORY_AND_DISK);
    let error = kept.count().unwrap_err().to_string();
    assert!(error.contains("tidemill.memory.stored.limit") && error.contains("Local<i32>"), "{error}");
}

#[test]
fn a_checkpoint_is_read_without_its_lineage() {
    let (context, _folder) = context("64m");
    let (texts, computed) = texts(&context, 3, 500);
    let error = texts.checkpoint().err().unwrap().to_string();
    assert!(error.contains("Checkpoint directory has not been set in the SparkContext"), "{error}");
    let expected = texts.collect().unwrap();
    let dir = tempfile::tempdir().unwrap();
    context.set_checkpoint_dir(dir.path()).unwrap();
    computed.store(0, Ordering::SeqCst);
    let read = texts.checkpoint().unwrap();
    assert!(read.is_checkpointed() && read.node().dependencies().is_empty());
    for _ in 0..2 {
        assert_eq!(read.collect().unwrap(), expected);
    }
    assert_eq!(computed.load(Ordering::SeqCst), 1500);
    let folder = read.checkpoint_file().unwrap();
    assert!(folder.starts_with(context.checkpoint_dir().unwrap()));
    assert_eq!(texts.checkpoint().unwrap().collect().unwrap(), expected, "a second one stands beside it");
    let mut left = fs::read_dir(context.checkpoint_dir().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.all(|name| name.to_string_lossy().starts_with("rdd-")), "nothing unfinished is left");

    let again = Context::local(2).unwrap();
    assert_eq!(again.read_checkpoint::<String>(&folder).unwrap().collect().unwrap(), expected);
    let error = again.read_checkpoint::<i32>(&folder).unwrap().count().unwrap_err().to_string();
    assert!(error.contains("another type"), "{error}");
    let part = folder.join("part-00001");
    let mut bytes = fs::read(&part).unwrap();
    bytes[200] ^= 1;
    fs::write(&part, bytes).unwrap();
    let error = read.collect().unwrap_err().to_string();
    assert!(error.contains("part-00001 is damaged"), "{error}");
    fs::remove_file(&part).unwrap();
    let error = read.collect().unwrap_err().to_string();
    assert!(error.contains("cannot read") && error.contains("part-00001"), "{error}");
}

/// The fossil: a checkpoint of version 1, made byte by byte after the description of the format, which every later
/// version reads.
#[test]
fn a_checkpoint_of_version_1_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/checkpoint-v1");
    let context = Context::local(2).unwrap();
    assert_eq!(context.read_checkpoint::<i32>(folder).unwrap().collect().unwrap(), [1, 2, 300]);
}

#[test]
fn a_checkpoint_that_fails_leaves_nothing() {
    let (context, _folder) = context("64m");
    let dir = tempfile::tempdir().unwrap();
    context.set_checkpoint_dir(dir.path()).unwrap();
    let failing = context.parallelize(0..9, 3).map(|x| if x == 8 { panic!("eight") } else { x });
    assert!(failing.checkpoint().err().unwrap().to_string().contains("eight"));
    assert_eq!(fs::read_dir(context.checkpoint_dir().unwrap()).unwrap().count(), 0);
}

#[test]
fn a_local_checkpoint_computes_once_and_goes_with_its_handle() {
    let (context, _folder) = context("200k");
    let (texts, computed) = texts(&context, 8, 500);
    let kept = texts.local_checkpoint().unwrap();
    assert_eq!(computed.load(Ordering::SeqCst), 4000);
    assert!(kept.node().dependencies().is_empty());
    let expected: Vec<String> = (0..4000).map(|i| format!("{i:0100}")).collect();
    assert_eq!(kept.collect().unwrap(), expected, "what does not fit is on disk");
    assert_eq!(computed.load(Ordering::SeqCst), 4000);
    context.environment().store.remove(BlockId::Stored { rdd: kept.id(), partition: 2 });
    let error = kept.collect().unwrap_err().to_string();
    assert!(error.contains(&format!("rdd_{}_2", kept.id().0)), "{error}");
    drop(kept);
    assert_eq!(context.environment().memory.used(Pool::Stored), 0);
}

//! Object storage in memory always, and on a real server where `TIDEMILL_TEST_S3` names one.

use object_store::memory::InMemory;

use super::*;
use crate::checkpoint::log::{Log, LogKind, LogOptions, scan};

/// The URL of a bucket that may be written, for instance `s3://test-bucket`. Where it is and who may stand in `AWS_*`.
const SERVER: &str = "TIDEMILL_TEST_S3";

fn in_memory(prefix: &str) -> ObjectStorage {
    ObjectStorage::on(Arc::new(InMemory::new()), Path::parse(prefix).unwrap(), "memory:///").unwrap()
}

/// Runs a test in memory, with and without a prefix, and on the server if there is one.
fn on_each(name: &str, test: fn(Arc<dyn Storage>)) {
    test(Arc::new(in_memory("")));
    test(Arc::new(in_memory("checkpoints/a b")));
    if let Ok(server) = std::env::var(SERVER) {
        let location = format!("{}/{name}-{}", server.trim_end_matches('/'), std::process::id());
        test(super::super::open(&location, &Settings::new()).unwrap());
    }
}

#[test]
fn what_is_written_is_read() {
    on_each("objects", |storage| {
        storage.put("state/1", b"one").unwrap();
        storage.put("state/1", b"another").unwrap();
        storage.create("state/deep/a b", b"two").unwrap();
        assert!(matches!(storage.create("state/1", b"no"), Err(StorageError::Exists { .. })));
        assert_eq!(storage.read("state/1").unwrap(), b"another");
        let ranges = [(0, 3, &b"ano"[..]), (3, 100, b"ther"), (7, 1, b""), (1 << 40, 1, b""), (2, 0, b"")];
        for (offset, length, bytes) in ranges {
            assert_eq!(storage.read_range("state/1", offset, length).unwrap(), bytes, "{offset} {length}");
        }
        assert!(storage.append("log/1").unwrap().is_none());
        for (folder, names) in [
            ("", &["state/1", "state/deep/a b"][..]),
            ("state", &["state/1", "state/deep/a b"]),
            ("state/deep", &["state/deep/a b"]),
            ("sta", &[]),
        ] {
            let listed: Vec<String> = storage.list(folder).unwrap().into_iter().map(|it| it.name).collect();
            assert_eq!(listed, names, "{folder}");
        }
        storage.remove("state/1").unwrap();
        storage.remove("state/1").unwrap();
        for missing in [storage.read("state/1"), storage.read_range("state/1", 0, 1)] {
            assert!(matches!(missing, Err(StorageError::Missing { .. })), "{missing:?}");
        }
        storage.remove("state/deep/a b").unwrap();
    });
}

#[test]
fn of_two_drivers_the_older_stops() {
    on_each("drivers", |storage| {
        let open = || Log::open(storage.clone(), "log", LogOptions::new(LogKind::Batches)).unwrap();
        let old = open();
        old.append(b"a").unwrap();
        let new = open();
        let error = old.append(b"lost").unwrap_err();
        assert!(matches!(error, StorageError::Fenced { .. }), "{error}");
        new.append(b"b").unwrap();
        assert!(matches!(old.append(b"lost"), Err(StorageError::Fenced { .. })));
        let mut found = Vec::new();
        let visit = &mut |_, record: &[u8]| {
            found.push(record.to_vec());
            Ok(())
        };
        assert_eq!(scan(&*storage, "log", visit).unwrap().damage, []);
        assert_eq!(found, [b"a", b"b"]);
        storage.list("log").unwrap().iter().for_each(|it| storage.remove(&it.name).unwrap());
    });
}

#[test]
fn requests_come_from_any_thread_and_from_other_runtimes() {
    let storage = in_memory("");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { storage.put("a", b"1").unwrap() });
    std::thread::scope(|scope| {
        (0..8).for_each(|_| drop(scope.spawn(|| assert_eq!(storage.read("a").unwrap(), b"1"))));
    });
}

#[test]
fn locations_that_cannot_be_used_say_why() {
    let table = [
        ("s3://key:secret@bucket/path", "holds no credentials"),
        ("s3://bucket/path?token=secret", "holds no credentials"),
        ("memory:///", "no object store;"),
        ("http://host/path", "no object store;"),
        ("hdfs://host/path", "give a URL such as s3://bucket/path"),
    ];
    for (location, text) in table {
        let error = ObjectStorage::open(location, &Settings::new()).unwrap_err().to_string();
        assert!(error.contains(text) && !error.contains("secret"), "{error}");
    }
}

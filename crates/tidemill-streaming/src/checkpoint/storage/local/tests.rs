//! Local storage on the machine's own disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn opened() -> (tempfile::TempDir, LocalStorage) {
    let folder = tempfile::tempdir().unwrap();
    let storage = LocalStorage::open(folder.path().join("a/b")).unwrap();
    (folder, storage)
}

fn names(storage: &dyn Storage, folder: &str) -> Vec<(String, u64)> {
    storage.list(folder).unwrap().into_iter().map(|it| (it.name, it.bytes)).collect()
}

#[test]
fn what_is_written_is_read() {
    let (_folder, storage) = opened();
    storage.put("state/1", b"one").unwrap();
    storage.put("state/1", b"another").unwrap();
    storage.create("state/deep/2", b"two").unwrap();
    assert!(matches!(storage.create("state/1", b"no"), Err(StorageError::Exists { .. })));
    assert_eq!(storage.read("state/1").unwrap(), b"another");
    let ranges = [(0, 3, &b"ano"[..]), (3, 100, b"ther"), (7, 1, b""), (1 << 40, 1, b"")];
    for (offset, length, bytes) in ranges {
        assert_eq!(storage.read_range("state/1", offset, length).unwrap(), bytes, "{offset} {length}");
    }
    let mut growing = storage.append("log/1").unwrap().unwrap();
    growing.write(b"ab").unwrap();
    growing.write(b"c").unwrap();
    growing.sync().unwrap();
    assert_eq!(storage.read("log/1").unwrap(), b"abc");
    assert!(matches!(storage.append("log/1").map(|_| ()), Err(StorageError::Exists { .. })));

    let all = [("log/1".to_owned(), 3), ("state/1".to_owned(), 7), ("state/deep/2".to_owned(), 3)];
    assert_eq!(names(&storage, ""), all);
    assert_eq!(names(&storage, "state"), all[1..]);
    assert_eq!(names(&storage, "nothing"), []);
    storage.remove("state/1").unwrap();
    storage.remove("state/1").unwrap();
    storage.remove("nothing/at/all").unwrap();
    assert!(matches!(storage.read("state/1"), Err(StorageError::Missing { .. })));
    assert!(matches!(storage.put("lock", b""), Err(StorageError::Unusable { .. })));
    assert!(matches!(storage.put("../x", b""), Err(StorageError::Unusable { .. })));
    assert_eq!(names(&storage, "").len(), 2, "no hidden file is left");
}

#[test]
fn a_folder_has_one_driver() {
    let (_folder, storage) = opened();
    let locked = LocalStorage::open(storage.folder()).unwrap_err();
    assert!(matches!(locked, StorageError::Locked { pid: Some(pid), .. } if pid == std::process::id()), "{locked}");
    storage.put("a", b"1").unwrap();

    let reader = LocalStorage::read_only(storage.folder()).unwrap();
    assert_eq!(reader.read("a").unwrap(), b"1");
    assert!(matches!(reader.put("a", b"2"), Err(StorageError::ReadOnly { .. })));
    assert!(matches!(reader.append("b").map(|_| ()), Err(StorageError::ReadOnly { .. })));
    assert!(matches!(reader.remove("a"), Err(StorageError::ReadOnly { .. })));
    assert!(matches!(LocalStorage::read_only("/no/such/folder"), Err(StorageError::Missing { .. })));

    let folder = storage.folder().to_owned();
    drop(storage);
    assert_eq!(LocalStorage::open(folder).unwrap().read("a").unwrap(), b"1");
}

#[test]
fn a_folder_that_others_may_write_is_refused() {
    let (_folder, storage) = opened();
    let folder = storage.folder().to_owned();
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    drop(storage);
    for (mode, fine) in [(0o755, true), (0o775, false), (0o702, false), (0o700, true)] {
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        match LocalStorage::open(&folder) {
            Ok(_) => assert!(fine, "{mode:o}"),
            Err(error) => {
                assert!(!fine && matches!(error, StorageError::Foreign { .. }), "{mode:o}: {error}");
                assert!(error.to_string().contains("`chmod go-w`"), "{error}");
            }
        }
    }
    fs::write(folder.join("file"), "").unwrap();
    let error = LocalStorage::open(folder.join("file")).unwrap_err();
    assert!(error.to_string().contains("give the path of a directory"), "{error}");
}

#[test]
fn what_a_killed_process_left_is_removed() {
    let (_folder, storage) = opened();
    let folder = storage.folder().to_owned();
    storage.put("state/1", b"1").unwrap();
    drop(storage);
    fs::write(folder.join("state/.new-0"), "half").unwrap();
    fs::write(folder.join(".new-7"), "half").unwrap();
    let storage = LocalStorage::open(&folder).unwrap();
    assert_eq!(names(&storage, ""), [("state/1".to_owned(), 1)]);
    assert!(!folder.join("state/.new-0").exists() && !folder.join(".new-7").exists());
}

#[test]
fn a_folder_that_is_removed_under_us_is_noticed() {
    type Step = fn(&LocalStorage, &mut dyn Append) -> Result<(), StorageError>;
    let steps: [(&str, Step); 6] = [
        ("put", |storage, _| storage.put("a", b"1")),
        ("create", |storage, _| storage.create("b", b"1")),
        ("append", |storage, _| storage.append("c").map(drop)),
        ("sync", |_, growing| growing.write(b"2").and_then(|()| growing.sync())),
        ("list", |storage, _| storage.list("").map(drop)),
        ("read", |storage, _| storage.read("a").map(drop)),
    ];
    for replaced in [false, true] {
        for (name, step) in steps {
            let (_folder, storage) = opened();
            storage.put("a", b"1").unwrap();
            let mut growing = storage.append("log").unwrap().unwrap();
            growing.write(b"1").unwrap();
            growing.sync().unwrap();
            fs::remove_dir_all(storage.folder()).unwrap();
            if replaced {
                fs::create_dir(storage.folder()).unwrap();
            }
            let error = step(&storage, &mut *growing).expect_err(name);
            assert!(matches!(error, StorageError::Gone { .. }), "{name}, replaced: {replaced}: {error}");
        }
    }
}

#[test]
fn a_growing_file_that_is_removed_is_noticed() {
    let (_folder, storage) = opened();
    let mut growing = storage.append("log/1").unwrap().unwrap();
    growing.write(b"1").unwrap();
    growing.sync().unwrap();
    fs::remove_file(storage.folder().join("log/1")).unwrap();
    growing.write(b"2").unwrap();
    assert!(matches!(growing.sync(), Err(StorageError::Missing { .. })));
}

#[test]
fn of_many_that_create_a_name_one_succeeds() {
    let (_folder, storage) = opened();
    let created = std::thread::scope(|scope| {
        let storage = &storage;
        let threads: Vec<_> = (0..8u8).map(|it| scope.spawn(move || storage.create("a/b", &[it]))).collect();
        threads.into_iter().filter_map(|it| it.join().unwrap().ok()).count()
    });
    assert_eq!(created, 1);
}

//! Tests of remote paths and of who opens them.

use super::memory::MemoryFiles;
use super::*;
use crate::files::paths::{Place, place};

fn remote(path: &str) -> RemotePath {
    match place(path).unwrap() {
        Place::Remote(path) => path,
        Place::Local(path) => panic!("{} is local", path.display()),
    }
}

#[test]
fn a_url_has_a_root_and_a_path() {
    for (url, root, path) in [
        ("s3://bucket/a/b", "s3://bucket", "a/b"),
        ("S3A://bucket//a/./b c%20d/", "s3a://bucket", "a/b c%20d"),
        ("s3://bucket", "s3://bucket", ""),
        ("hdfs://host:8020/a", "hdfs://host:8020", "a"),
        ("hdfs:///a", "hdfs://", "a"),
        ("hdfs:/a/b", "hdfs://", "a/b"),
        ("abfss://container@account.dfs.core.windows.net/a", "abfss://container@account.dfs.core.windows.net", "a"),
    ] {
        let found = remote(url);
        assert_eq!((found.root.as_str(), found.path.as_str()), (root, path), "{url}");
    }
    for local in ["a:b", "file:/a", "FILE:///a", "/a", "s3:a"] {
        assert!(matches!(place(local).unwrap(), Place::Local(_)), "{local}");
    }
}

#[test]
fn credentials_and_detours_are_refused_and_not_repeated() {
    for (url, words) in [
        ("s3://key:secret@bucket/a", "holds no credentials"),
        ("s3://secret@bucket/a", "holds no credentials"),
        ("abfs://key:secret@host/a", "holds no credentials"),
        ("s3://bucket/a/../b", "without `..`"),
        ("", "empty string"),
    ] {
        let error = place(url).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("secret"), "{url}: {error}");
    }
}

#[test]
fn files_are_opened_once_by_whoever_registered_their_scheme() {
    let systems = RemoteFileSystems::default();
    let path = remote("s3://bucket/a");
    let error = systems.open(&path).unwrap_err().to_string();
    assert!(error.starts_with("s3://bucket/a cannot be written to: nothing here knows s3: paths"), "{error}");
    assert!(error.contains("remote::register(&context)"), "{error}");

    let roots = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&roots);
    systems.register(
        "S3",
        Arc::new(move |root| {
            seen.lock().unwrap().push(root.to_owned());
            Ok(MemoryFiles::new(false))
        }),
    );
    for url in ["s3://bucket/a", "s3://bucket/b", "s3://other/a"] {
        systems.open(&remote(url)).unwrap();
    }
    assert_eq!(*roots.lock().unwrap(), ["s3://bucket", "s3://other"]);
    let error = systems.open(&remote("gs://bucket/a")).unwrap_err().to_string();
    assert!(error.ends_with("write to a disk, or to one of s3"), "{error}");
}

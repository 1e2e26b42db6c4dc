//! Outputs in an object store: in memory always, and on a real server where `TIDEMILL_TEST_S3` names one.

use std::io::{Seek, Write};

use futures::TryStreamExt;
use object_store::memory::InMemory;
use tidemill_core::Context;

use super::*;

/// The URL of a bucket that may be written, for instance `s3://test-bucket`. Where it is and who may stand in `AWS_*`.
const SERVER: &str = "TIDEMILL_TEST_S3";

/// A bucket, and the URL of a folder in it for this process alone.
struct Bucket {
    files: Arc<ObjectFiles>,
    url: String,
    folder: String,
}

/// Runs a test in memory, and on the server if there is one.
fn on_each(name: &str, test: fn(&Context, &Bucket)) {
    let folder = format!("{name}-{}", std::process::id());
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let files = Arc::new(ObjectFiles::on(memory, "s3://memory".into()).unwrap());
    let context = Context::local(2).unwrap();
    let opened = Arc::clone(&files);
    context.environment().remote.register("s3", Arc::new(move |_| Ok(Arc::clone(&opened) as Arc<dyn RemoteFiles>)));
    test(&context, &Bucket { files, url: format!("s3://memory/{folder}"), folder: folder.clone() });

    if let Ok(server) = std::env::var(SERVER) {
        let opened = open(&server, &Settings::new()).unwrap();
        let files = Arc::new(ObjectFiles::on(opened.store, opened.location).unwrap());
        let context = Context::local(2).unwrap();
        super::super::register(&context);
        let url = format!("{}/{folder}", server.trim_end_matches('/'));
        test(&context, &Bucket { files, url, folder });
    }
}

impl Bucket {
    /// The names and texts of all objects below the folder, sorted.
    fn texts(&self) -> Vec<(String, String)> {
        let below = parsed(&self.folder).unwrap();
        let texts = self.files.ask(|store| async move {
            let mut texts = Vec::new();
            for found in store.list(Some(&below)).try_collect::<Vec<_>>().await? {
                let bytes = store.get(&found.location).await?.bytes().await?;
                let name = found.location.as_ref().strip_prefix(below.as_ref()).unwrap_or_default().to_owned();
                texts.push((name, String::from_utf8_lossy(&bytes).into_owned()));
            }
            Ok(texts)
        });
        let mut texts = texts.unwrap();
        texts.sort();
        texts
    }
}

fn lines(context: &Context, words: &[&str]) -> tidemill_core::Rdd<String> {
    context.parallelize(words.iter().map(|word| word.to_string()), words.len())
}

// 1.42, 2.15, 4.64
#[test]
fn rdds_are_saved_refused_and_written_over() {
    on_each("saved", |context, bucket| {
        let place = format!("{}/a b/words", bucket.url);
        let named = |texts: &[(&str, &str)]| -> Vec<(String, String)> {
            texts.iter().map(|(name, text)| (format!("/a b/words/{name}"), text.to_string())).collect()
        };
        lines(context, &["tide", "and", "mill"]).save_as_text_file(&place).unwrap();
        let three =
            named(&[("_SUCCESS", ""), ("part-00000", "tide\n"), ("part-00001", "and\n"), ("part-00002", "mill\n")]);
        assert_eq!(bucket.texts(), three);

        let error = lines(context, &["no"]).save_as_text_file(&place).unwrap_err().to_string();
        assert!(error.contains(&format!("Output directory {place} already exists")), "{error}");
        assert_eq!(bucket.texts(), three);

        for _ in 0..2 {
            lines(context, &["again", "and"]).overwrite_text_file(&place).unwrap();
            assert_eq!(bucket.texts(), named(&[("_SUCCESS", ""), ("part-00000", "again\n"), ("part-00001", "and\n")]));
        }
    });
}

#[test]
fn a_job_that_fails_leaves_nothing() {
    on_each("failed", |context, bucket| {
        let broken = lines(context, &["tide", "mill"]).map(|word| match word.as_str() {
            "mill" => panic!("no mill"),
            _ => word,
        });
        broken.save_as_text_file(&format!("{}/words", bucket.url)).unwrap_err();
        assert_eq!(bucket.texts(), []);
    });
}

#[test]
fn large_files_are_uploaded_in_pieces() {
    on_each("pieces", |_, bucket| {
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..PIECE_BYTES * 2 + 12_345).map(|at| (at % 251) as u8).collect();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        let path = format!("{}/large", bucket.folder);
        bucket.files.put(&path, &mut file).unwrap();
        let path = parsed(&path).unwrap();
        let read = bucket.files.ask(|store| async move { store.get(&path).await?.bytes().await }).unwrap();
        assert!(read == bytes, "{} bytes of {}", read.len(), bytes.len());
    });
}

#[test]
fn folders_are_what_names_begin_with() {
    on_each("folders", |_, bucket| {
        let (files, folder) = (&bucket.files, &bucket.folder);
        let mut empty = tempfile::tempfile().unwrap();
        assert_eq!(files.list(&format!("{folder}/a")).unwrap(), None);
        files.put(&format!("{folder}/a"), &mut empty).unwrap();
        assert_eq!(files.list(&format!("{folder}/a")).unwrap(), None, "an empty object may stand for a folder");
        for name in ["a/1", "a/b/2", "ab"] {
            let mut one = tempfile::tempfile().unwrap();
            one.write_all(b"1").unwrap();
            one.rewind().unwrap();
            files.put(&format!("{folder}/{name}"), &mut one).unwrap();
        }
        let mut names = files.list(&format!("{folder}/a")).unwrap().unwrap();
        names.sort();
        assert_eq!(names, ["1", "b"]);
        let error = files.list(&format!("{folder}/ab")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory, "{error}");
        for name in ["a/1", "a/1", "a/b/2", "ab", "a"] {
            files.remove(&format!("{folder}/{name}")).unwrap();
        }
        assert_eq!(bucket.texts(), []);
    });
}

#[test]
fn urls_that_cannot_be_used_say_why() {
    let table = [
        ("s3://key:secret@bucket/path", "holds no credentials"),
        ("s3://bucket/path?token=secret", "holds no credentials"),
        ("abfss://box:secret@account.dfs.core.windows.net/path", "holds no credentials"),
        ("memory:///", "no object store;"),
        ("http://host/path", "no object store;"),
        ("hdfs://host/path", "no object store;"),
        ("s3://key:secret@[bucket/path", "give a URL such as s3://bucket/path"),
        ("s3:", "give a URL such as s3://bucket/path"),
    ];
    for (location, text) in table {
        let error = open(location, &Settings::new()).err().unwrap().to_string();
        assert!(error.contains(text) && !error.contains("secret"), "{error}");
    }
}

#[test]
fn who_has_no_credentials_is_told() {
    let error = |text: &str| object_store::Error::Generic { store: "S3", source: text.into() };
    let told = text_of(&error("Error performing PUT http://169.254.169.254/latest/api/token"));
    assert!(told.starts_with("no credentials are set") && told.contains("169.254.169.254"), "{told}");
    assert_eq!(text_of(&error("busy")), "Generic S3 error: busy");
}

#[test]
fn the_container_of_an_azure_url_is_no_credential() {
    let settings = Settings::new();
    let opened = open("abfss://box@account.dfs.core.windows.net/a/b", &settings);
    let opened = opened.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(opened.prefix.as_ref(), "a/b");
    assert_eq!(opened.location, "abfss://box@account.dfs.core.windows.net/a/b");
}

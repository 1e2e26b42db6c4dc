//! `save_as_object_files`: a folder of files for each batch, with the records as they are in memory.

use tidemill_streaming::dstream::FolderNames;
use tidemill_streaming::testing::TestContext;

type Reading = (String, Option<f64>);

fn reading(name: &str, value: Option<f64>) -> Reading {
    (name.to_string(), value)
}

#[test]
fn records_are_read_back_partition_by_partition() {
    // behaviour 2.15
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let test = TestContext::new();
    let (feed, readings) = test.input();
    readings.save_as_object_files(&path("out"), "bin");
    readings.save_as_object_files_named(FolderNames::as_pyspark(&path("named"), None));
    feed.push([reading("a", Some(1.5)), reading("b", None), reading("c", Some(-0.0))]);
    test.tick().unwrap();
    test.tick().unwrap();
    for (name, expected) in [
        ("out-1000.bin", vec![vec![reading("a", Some(1.5))], vec![reading("b", None), reading("c", Some(-0.0))]]),
        ("named-2000", vec![vec![], vec![]]),
    ] {
        assert!(folder.path().join(name).join("_SUCCESS").exists());
        let read = test.context().object_file::<Reading>(&path(name)).unwrap();
        assert_eq!(read.glom().collect().unwrap(), expected, "{name}");
    }
}

#[test]
fn a_batch_that_is_run_again_replaces_what_it_wrote() {
    // behaviour 2.15
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("out").to_string_lossy().into_owned();
    for (partitions, numbers) in [(4, vec![1, 2, 3, 4]), (1, vec![5, 6])] {
        let test = TestContext::new();
        let (feed, stream) = test.input_in(partitions);
        stream.save_as_object_files(&prefix, "");
        feed.push(numbers);
        test.tick().unwrap();
    }
    let test = TestContext::new();
    let read = test.context().object_file::<i32>(&format!("{prefix}-1000")).unwrap();
    assert_eq!(read.glom().collect().unwrap(), [[5, 6]]);
}

#[test]
fn another_type_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("out").to_string_lossy().into_owned();
    let test = TestContext::new();
    let (feed, stream) = test.input();
    stream.save_as_object_files(&prefix, "");
    feed.push([1_i32, 2]);
    test.tick().unwrap();
    let read = test.context().object_file::<i64>(&format!("{prefix}-1000")).unwrap();
    assert!(read.collect().is_err());
}

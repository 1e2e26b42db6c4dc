//! Streams of text files: lines, files that cannot be read, and what listeners are told.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use tidemill_core::Context;
use tidemill_streaming::StreamingContext;
use tidemill_streaming::event::InputInfo;
use tidemill_streaming::testing::{Collected, TestContext};

use super::folder::Folder;
use super::watch::watch;
use super::{failure, partitions};

/// A test with a stream of a folder's lines.
fn stream() -> (TestContext, Arc<Folder>, Collected<Vec<String>>) {
    let (test, folder) = (TestContext::new(), Arc::new(Folder::new()));
    let lines = test.streaming().text_file_stream(&folder.name()).map(|line| line.to_string());
    let seen = partitions(&test, &lines);
    (test, folder, seen)
}

#[test]
fn lines_are_those_of_sockets() {
    // behaviour 1.13
    let (test, folder, seen) = stream();
    folder.write("a", b"unix\nwindows\r\nmac\r\n\nbad \xff\nlast", 900);
    test.tick().unwrap();
    assert_eq!(seen.values(), [[vec!["unix", "windows", "mac", "", "bad \u{fffd}", "last"]]]);
}

#[test]
fn blocks_have_the_lines_of_the_files() {
    let (test, folder) = (TestContext::new(), Folder::new());
    let blocks = test.streaming().text_file_blocks(&folder.name());
    let seen = test.collect(&blocks.map(|block| block.as_str().to_owned()));
    folder.write("a", b"unix\nwindows\r\nlast", 900);
    test.tick().unwrap();
    assert_eq!(seen.values().concat().concat(), "unix\nwindows\nlast\n");
}

#[test]
fn each_file_has_partitions_of_its_own_and_the_oldest_come_first() {
    // behaviour 1.14, behaviour 10.9
    let (test, folder, seen) = stream();
    folder.write("z", "1\n2\n", 300);
    folder.write("b", "3\n", 500);
    folder.write("a,b*.txt", "4\n", 500);
    folder.write("none", "", 600);
    test.tick().unwrap();
    test.tick().unwrap();
    assert_eq!(seen.values(), [vec![vec!["1", "2"], vec!["4"], vec!["3"]], vec![]]);
}

#[test]
fn a_hidden_file_fails_its_batch_only() {
    // behaviour 1.14
    let (test, folder, seen) = stream();
    folder.write("_x", "1\n", 500);
    folder.write("a", "2\n", 600);
    let error = failure(&test);
    for part in ["batch 1000 ms is lost: text_file_stream at ", "text_files.rs", "Input path does not exist: ", "/_x"] {
        assert!(error.contains(part), "{error}");
    }
    folder.write("b", "3\n", 1500);
    test.tick().unwrap();
    assert_eq!(seen.values(), [[["3"]]]);
}

#[test]
fn a_file_that_vanishes_before_the_batch_is_run_fails_it_only() {
    let (test, folder, seen) = stream();
    let gone = Arc::clone(&folder);
    let _watch = watch(test.streaming(), move || drop(std::fs::remove_file(gone.path("gone"))));
    folder.write("gone", "1\n", 500);
    folder.write("a", "2\n", 600);
    let error = failure(&test);
    for part in ["batch 1000 ms is lost: text_file_stream at ", "/gone", "is gone: let files stay where they are"] {
        assert!(error.contains(part), "{error}");
    }
    folder.write("b", "3\n", 1500);
    test.tick().unwrap();
    assert_eq!(seen.values(), [[["3"]]]);
}

#[test]
fn a_file_that_vanishes_while_the_batch_runs_fails_the_outputs_that_read_it() {
    let (test, folder) = (TestContext::new(), Arc::new(Folder::new()));
    let lines = test.streaming().text_file_stream(&folder.name());
    let gone = Arc::clone(&folder);
    lines.foreach_rdd(move |_, time| {
        if time.millis() == 1000 {
            gone.remove("gone");
        }
        Ok(())
    });
    let seen = test.collect(&lines);
    folder.write("gone", "1\n", 500);
    let error = failure(&test);
    for part in ["batch 1000 ms", "text_file_stream at ", "/gone", "keep input files until the job is over"] {
        assert!(error.contains(part), "{error}");
    }
    folder.write("b", "3\n", 1500);
    test.tick().unwrap();
    assert_eq!(seen.values(), [["3"]]);
}

#[test]
fn a_folder_is_read_as_one_file_one_level_deep() {
    // behaviour 1.14, behaviour 10.10
    let (test, folder, seen) = stream();
    folder.write("sub/b", "2\n", 1);
    folder.write("sub/a", "1\n", 1);
    folder.write("sub/_SUCCESS", "no\n", 1);
    folder.touch("sub", 700);
    test.tick().unwrap();
    folder.write("deep/er/a", "no\n", 1);
    folder.touch("deep", 1700);
    let error = failure(&test);
    assert!(error.contains("Not a file: file:") && error.contains("/deep/er"), "{error}");
    test.tick().unwrap();
    assert_eq!(seen.values(), [vec![vec!["1"], vec!["2"]], vec![]]);
}

#[test]
fn a_folder_that_is_missing_gives_empty_batches_until_it_is_there() {
    // behaviour 1.13
    let (test, folder) = (TestContext::new(), Folder::new());
    let lines = test.streaming().text_file_stream(&format!("{}/later", folder.name()));
    let seen = partitions(&test, &lines);
    test.tick().unwrap();
    test.tick().unwrap();
    folder.write("later/a", "1\n", 2500);
    test.tick().unwrap();
    assert_eq!(seen.values(), [vec![], vec![], vec![vec!["1"]]]);
}

#[test]
fn a_pattern_stands_for_folders() {
    // behaviour 1.13
    let (test, folder) = (TestContext::new(), Folder::new());
    let lines = test.streaming().text_file_stream(&format!("file:{}/{{x*,y}}", folder.name()));
    let seen = test.collect(&lines);
    folder.write("x1/a", "1\n", 500);
    folder.write("x", "no folder\n", 500);
    folder.write("z/a", "no\n", 500);
    test.tick().unwrap();
    folder.write("y/a", "2\n", 1500);
    folder.write("x2/a", "3\n", 1600);
    test.tick().unwrap();
    assert_eq!(seen.values(), [vec!["1"], vec!["2", "3"]]);
}

#[test]
fn a_folder_that_can_never_be_read_is_told_at_the_start() {
    for (directory, word) in
        [("/data/[a", "malformed"), ("hdfs://host/data", "are for what is saved"), ("", "empty string")]
    {
        let test = TestContext::new();
        test.streaming().text_file_stream(directory).print(1);
        let error = test.streaming().start().unwrap_err().to_string();
        assert!(error.starts_with("text_file_stream at ") && error.contains(word), "{error}");
    }
}

#[test]
fn listeners_are_told_the_files_and_no_number_of_records() {
    // behaviour 1.63
    let (test, folder, _seen) = stream();
    let watch = watch(test.streaming(), || {});
    folder.write("b", "1\n", 500);
    folder.write("a", "2\n", 600);
    test.tick().unwrap();
    test.tick().unwrap();
    let told = watch.take();
    let files = format!("file:{0}/b\nfile:{0}/a", folder.name());
    let info = |files: &str| InputInfo {
        records: 0,
        metadata: [("files".to_string(), files.to_string())].into(),
        description: Some(files.to_string()),
    };
    assert_eq!((&told[0][&0], &told[1][&0]), (&info(&files), &info("")));
}

#[test]
fn files_that_are_moved_in_at_any_moment_are_read_once() {
    // behaviour 1.14, on the clock of the machine
    const FILES: usize = 200;
    let context = Context::local(2).unwrap();
    let streaming = StreamingContext::new(&context, Duration::from_millis(20)).unwrap();
    let (folder, elsewhere) = (Folder::new(), Folder::new());
    let (batch, batches) = sync_channel(10_000);
    streaming.text_file_stream(&folder.name()).map(|line| line.to_string()).foreach_rdd(move |rdd, _| {
        batch.send(rdd.collect()?)?;
        Ok(())
    });
    streaming.start().unwrap();
    let next = || batches.recv_timeout(Duration::from_secs(60)).unwrap();
    // The times of files lag up to 10 ms behind the clock: from the second batch on none is as old as the stream.
    (0..2).for_each(|_| assert_eq!(next(), Vec::<String>::new()));
    for number in 0..FILES {
        std::fs::write(elsewhere.path("file"), format!("{number:03}\n")).unwrap();
        std::fs::rename(elsewhere.path("file"), folder.path(&number.to_string())).unwrap();
    }
    let mut seen = Vec::new();
    for _ in 0..3000 {
        seen.extend(next());
        if seen.len() >= FILES {
            break;
        }
    }
    streaming.stop(true);
    seen.extend(batches.try_iter().flatten());
    seen.sort();
    assert_eq!(seen, (0..FILES).map(|number| format!("{number:03}")).collect::<Vec<_>>());
}

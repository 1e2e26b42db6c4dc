//! What inputs give again after a restart.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use tidemill_core::Timestamp;
use tidemill_streaming::{DirectSource, OffsetRange, RddQueue, Start};

use super::{Seen, run};

#[test]
fn files_are_read_once_and_in_the_batch_of_their_time() {
    // behaviour 6.2
    let (folder, incoming) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let write = |name: &str, millis: u64| {
        let path = incoming.path().join(name);
        fs::write(&path, format!("{name}\n")).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_millis(millis)).unwrap();
    };
    let lines = |test: &tidemill_streaming::testing::TestContext| {
        let stream = test.streaming().text_file_stream(&incoming.path().to_string_lossy());
        Seen::of(&stream.map(|line| line.to_string()))
    };
    let first = run(folder.path(), 0);
    let seen = lines(&first);
    write("a", 500);
    first.tick().unwrap();
    seen.fail(true);
    write("b", 1500);
    first.tick().unwrap_err();
    assert_eq!(seen.take(), [(1, vec!["a".to_string()])]);
    drop(first);

    write("c", 3500); // while the program is down
    let second = run(folder.path(), 5);
    let seen = lines(&second);
    second.tick().unwrap();
    let text = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(seen.take(), [(2, text(&["b"])), (3, text(&[])), (4, text(&["c"])), (5, text(&[])), (6, text(&[]))]);
}

#[test]
fn files_that_were_there_before_the_stream_stay_unread_over_restarts() {
    let (folder, incoming) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = incoming.path().join("old");
    fs::write(&path, "old\n").unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_millis(9_995)).unwrap();
    for now in [10, 11, 12] {
        let test = run(folder.path(), now);
        let seen = Seen::of(
            &test.streaming().text_file_stream(&incoming.path().to_string_lossy()).map(|line| line.to_string()),
        );
        test.tick().unwrap();
        assert_eq!(seen.take(), [(now + 1, vec![])]);
    }
}

/// One partition whose records are their offsets; it grows as the test says, and cannot be asked at [`AWAY`].
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Counter(#[serde(skip)] Arc<AtomicU64>);

const AWAY: u64 = u64::MAX;

#[derive(Debug, thiserror::Error)]
#[error("no route to counter")]
struct Away;

impl DirectSource for Counter {
    type Partition = String;
    type Item = u64;
    type Error = Away;

    fn latest(&self) -> Result<tidemill_streaming::input::Offsets<String>, Away> {
        let until = self.0.load(Ordering::SeqCst);
        if until == AWAY { Err(Away) } else { Ok([("counter".to_string(), until)].into()) }
    }

    fn read(&self, range: OffsetRange<String>) -> Result<impl Iterator<Item = Result<u64, Away>> + 'static, Away> {
        Ok((range.from..range.until).map(Ok))
    }
}

#[test]
fn ranges_are_read_again_as_they_were_and_go_on_where_they_ended() {
    // behaviour 6.6
    let folder = tempfile::tempdir().unwrap();
    let end = Arc::new(AtomicU64::new(2));
    let first = run(folder.path(), 0);
    let seen = Seen::of(&first.streaming().direct_stream(Counter(Arc::clone(&end)), Start::Latest));
    end.store(3, Ordering::SeqCst);
    first.tick().unwrap();
    end.store(5, Ordering::SeqCst);
    seen.fail(true);
    first.tick().unwrap_err();
    drop(first);

    end.store(8, Ordering::SeqCst);
    let second = run(folder.path(), 2);
    let seen = Seen::of(&second.streaming().direct_stream(Counter(end), Start::Latest));
    second.tick().unwrap();
    assert_eq!(seen.take(), [(2, vec![3, 4]), (3, vec![5, 6, 7])]);
}

/// Runs of a program that reads a [`Counter`]: each begins at its second, is told how far the counter is at each of its batches,
/// and whether the outputs of its batches fail. Returns what its outputs saw.
fn counted(folder: &tempfile::TempDir, now: u64, ends: &[u64], fails: bool) -> Vec<(u64, Vec<u64>)> {
    let end = Arc::new(AtomicU64::new(ends[0]));
    let test = run(folder.path(), now);
    let seen = Seen::of(&test.streaming().direct_stream(Counter(Arc::clone(&end)), Start::Earliest));
    seen.fail(fails);
    for until in ends {
        end.store(*until, Ordering::SeqCst);
        let ended = test.tick();
        assert_eq!(ended.is_err(), fails || *until == AWAY, "{ended:?}");
    }
    seen.take()
}

#[test]
fn a_batch_that_could_not_be_asked_for_is_asked_for_again() {
    // behaviour 6.6
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(counted(&folder, 0, &[3, AWAY, AWAY], false), [(1, vec![0, 1, 2])]);
    assert_eq!(counted(&folder, 3, &[AWAY], false), [], "nor can it be asked now");
    assert_eq!(counted(&folder, 4, &[5], true), [], "what it holds is known from here on");
    let after = [(2, vec![3, 4]), (3, vec![]), (4, vec![]), (5, vec![]), (6, vec![5, 6, 7])];
    assert_eq!(counted(&folder, 5, &[8], false), after);
    assert_eq!(counted(&folder, 6, &[8], false), [(7, vec![])]);
}

#[test]
fn what_a_later_batch_has_is_not_asked_for_again() {
    // behaviour 6.6
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(counted(&folder, 0, &[3, AWAY, 5, AWAY], false), [(1, vec![0, 1, 2]), (3, vec![3, 4])]);
    assert_eq!(counted(&folder, 4, &[6], false), [(2, vec![]), (4, vec![5]), (5, vec![])]);
}

#[test]
fn what_comes_after_the_start_is_read_though_the_program_dies_before_its_first_batch() {
    let (folder, incoming) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let end = Arc::new(AtomicU64::new(2));
    let program = |now| {
        let test = run(folder.path(), now);
        let streaming = test.streaming();
        let numbers = Seen::of(&streaming.direct_stream(Counter(Arc::clone(&end)), Start::Latest));
        let lines = streaming.text_file_stream(&incoming.path().to_string_lossy());
        let lines = Seen::of(&lines.map(|line| line.to_string()));
        streaming.start().unwrap();
        (test, numbers, lines)
    };
    drop(program(100));
    end.store(5, Ordering::SeqCst);
    let path = incoming.path().join("new");
    fs::write(&path, "new\n").unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_millis(101_500)).unwrap();
    drop(program(102));
    let (test, numbers, lines) = program(102);
    test.tick().unwrap();
    assert_eq!(numbers.take().into_iter().flat_map(|batch| batch.1).collect::<Vec<_>>(), [2, 3, 4]);
    let lines: Vec<_> = lines.take().into_iter().filter(|batch| !batch.1.is_empty()).collect();
    assert_eq!(lines, [(102, vec!["new".to_owned()])]);
}

#[test]
fn queues_cannot_be_had_again() {
    // behaviour 1.16, 6.15
    let folder = tempfile::tempdir().unwrap();
    let queue = RddQueue::<u64>::new();
    let first = run(folder.path(), 0);
    let _seen = Seen::of(&first.streaming().queue_stream(&queue));
    first.tick().unwrap();
    drop(first);
    let second = run(folder.path(), 1);
    let _seen = Seen::of(&second.streaming().queue_stream(&queue));
    let error = second.streaming().start().unwrap_err().to_string();
    assert!(
        error.contains(
            "queueStream doesn't support checkpointing. Please don't use queueStream when checkpointing is enabled."
        ),
        "{error}"
    );
    assert_eq!(second.streaming().checkpoint_directory().as_deref(), Some(folder.path()));
    let _ = Timestamp::default();
}

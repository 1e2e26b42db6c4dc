//! What receivers brought in, after a restart.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tidemill_core::memory::Pool;
use tidemill_core::{Context, Settings};
use tidemill_streaming::checkpoint::log::scan;
use tidemill_streaming::checkpoint::storage::LocalStorage;
use tidemill_streaming::receiver::{self, ReceiverError, StoreError, Supervisor};
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{Error, StreamingContext};

use super::{SECOND, Seen, with};

const PATIENCE: Duration = Duration::from_secs(60);
pub(super) const LOGGED: (&str, &str) = ("spark.streaming.receiver.writeAheadLog.enable", "true");

/// A source that sends again what is not acknowledged, as its end in the test sees it.
pub(super) struct Source {
    messages: SyncSender<Vec<u64>>,
    acknowledged: Receiver<Result<u64, StoreError>>,
}

/// A reliable receiver: it acknowledges what is stored for good (behaviour 6.5).
pub(super) struct Acknowledging {
    messages: Mutex<Receiver<Vec<u64>>>,
    acknowledged: SyncSender<Result<u64, StoreError>>,
}

pub(super) fn source() -> (Source, Acknowledging) {
    let (messages, to_store) = sync_channel(1000);
    let (stored, acknowledged) = sync_channel(1000);
    let receiver = Acknowledging { messages: Mutex::new(to_store), acknowledged: stored };
    (Source { messages, acknowledged }, receiver)
}

impl receiver::Receiver for Acknowledging {
    type Item = u64;

    fn run(&self, to: &Supervisor<u64>) -> Result<(), ReceiverError> {
        // The test's end hangs up before the context stops.
        while let Ok(message) = self.messages.lock().unwrap().recv() {
            let last = message.last().copied().unwrap_or_default();
            self.acknowledged.send(to.store_block(message).map(|()| last))?;
        }
        to.stop("the source is gone");
        Ok(())
    }
}

impl Source {
    /// Sends, and waits until it is acknowledged.
    pub(super) fn send(&self, message: impl IntoIterator<Item = u64>) -> Result<u64, StoreError> {
        self.messages.send(message.into_iter().collect()).unwrap();
        self.acknowledged.recv_timeout(PATIENCE).expect("no answer")
    }
}

fn logged(directory: &Path, now: u64) -> TestContext {
    with(directory, now, &[LOGGED]).unwrap()
}

/// The program: what the source sent, as it came.
fn program(test: &TestContext) -> (Source, Seen<Vec<u64>>) {
    let (source, receiver) = source();
    let stream = test.streaming().receiver_stream(receiver);
    let seen = Seen::of(&stream.transform(|rdd, _| rdd.glom()));
    test.streaming().start().unwrap();
    (source, seen)
}

#[test]
fn what_was_acknowledged_comes_out_after_a_restart() {
    // behaviour 2.26, 2.32, 4.13, 6.5, 6.20
    let folder = tempfile::tempdir().unwrap();
    let first = logged(folder.path(), 0);
    let (source, seen) = program(&first);
    source.send([1, 2]).unwrap();
    first.tick().unwrap();
    seen.fail(true);
    source.send([3]).unwrap();
    source.send([4, 5]).unwrap();
    first.tick().unwrap_err();
    source.send([6]).unwrap(); // in no batch
    source.send([7, 8]).unwrap();
    assert_eq!(seen.take(), [(1, vec![vec![1, 2]])]);
    drop(source);
    drop(first);

    let second = logged(folder.path(), 4);
    let (source, seen) = program(&second);
    source.send([9]).unwrap();
    second.tick().unwrap();
    let batches = seen.take();
    // Batch 2 has exactly its old blocks; what was in no batch is in the first new one. What came after the start is in
    // that of its time, or, where the receiver was faster than the batches that were missed, in an earlier new one.
    assert_eq!(batches.iter().map(|(time, _)| *time).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!(batches[0].1, [vec![3], vec![4, 5]]);
    assert_eq!(batches[1].1[..2], [vec![6], vec![7, 8]]);
    let all: Vec<u64> = batches.into_iter().flat_map(|(_, batch)| batch.concat()).collect();
    assert_eq!(all, [3, 4, 5, 6, 7, 8, 9]);
    drop(source);
    drop(second);

    let third = logged(folder.path(), 5);
    let (source, seen) = program(&third);
    third.tick().unwrap();
    assert_eq!(seen.take(), [(6, vec![])], "nothing comes twice");
    drop(source);
}

/// A program whose records became texts.
struct Texts;

impl receiver::Receiver for Texts {
    type Item = String;

    fn run(&self, to: &Supervisor<String>) -> Result<(), ReceiverError> {
        to.stop("there are none");
        Ok(())
    }

    fn name(&self) -> String {
        "Acknowledging".to_owned()
    }
}

#[test]
fn records_of_another_type_are_an_error_until_they_are_processed() {
    let folder = tempfile::tempdir().unwrap();
    let first = logged(folder.path(), 0);
    let (source, seen) = program(&first);
    seen.fail(true);
    source.send([1, 2]).unwrap();
    first.tick().unwrap_err();
    drop(source);
    drop(first);
    let texts = |now| {
        let test = logged(folder.path(), now);
        let _seen = Seen::of(&test.streaming().receiver_stream(Texts));
        test.streaming().start()
    };
    let error = texts(1).unwrap_err().to_string();
    assert!(
        error.starts_with("Acknowledging-0: what it has received and not processed does not fit the program"),
        "{error}"
    );
    assert!(error.contains("a record is u64 in the checkpoint and text in the program"), "{error}");

    let again = logged(folder.path(), 1);
    let (source, seen) = program(&again);
    again.tick().unwrap();
    assert_eq!(seen.take(), [(1, vec![vec![1, 2]]), (2, vec![])]);
    drop(source);
    drop(again);
    texts(2).unwrap();
}

#[test]
fn a_backlog_larger_than_memory_replays_under_its_limit() {
    // behaviour 6.20
    const LIMIT: u64 = 256 << 10;
    const MESSAGES: u64 = 400;
    const VALUES: u64 = 4096;
    let settings = [LOGGED, ("tidemill.memory.received.limit", "256k"), ("tidemill.receiver.block.size", "64k")];
    let message = |number: u64| number * VALUES..(number + 1) * VALUES;
    let folder = tempfile::tempdir().unwrap();
    let program = |test: &TestContext| {
        let (source, receiver) = source();
        let stream = test.streaming().receiver_stream(receiver);
        (source, Seen::of(&stream.reduce(|a, b| a + b)), Seen::of(&stream.count()))
    };
    let first = with(folder.path(), 0, &settings).unwrap();
    let (source, sums, counts) = program(&first);
    sums.fail(true);
    counts.fail(true);
    first.streaming().start().unwrap();
    for number in 0..MESSAGES / 2 {
        source.send(message(number)).unwrap();
    }
    first.tick().unwrap_err();
    for number in MESSAGES / 2..MESSAGES {
        source.send(message(number)).unwrap();
    }
    let peak = |test: &TestContext| test.context().environment().memory.peak(Pool::Received);
    assert!(peak(&first) <= LIMIT, "nobody waits for batches, and memory keeps to its limit: {}", peak(&first));
    drop(source);
    drop(first);

    let second = with(folder.path(), 2, &settings).unwrap();
    let (source, sums, counts) = program(&second);
    second.tick().unwrap();
    let half = MESSAGES / 2 * VALUES;
    assert_eq!(counts.take(), [(1, vec![half]), (2, vec![half]), (3, vec![0])]);
    let sum = |range: std::ops::Range<u64>| range.sum::<u64>();
    assert_eq!(sums.take(), [(1, vec![sum(0..half)]), (2, vec![sum(half..2 * half)]), (3, vec![])]);
    assert!(peak(&second) <= LIMIT, "{}", peak(&second));
    drop(source);
}

#[test]
fn without_a_log_a_restart_has_what_is_left() {
    // behaviour 6.3, 6.4, 6.21: what was acknowledged is lost with the process
    let folder = tempfile::tempdir().unwrap();
    let first = with(folder.path(), 0, &[]).unwrap();
    let (source, seen) = program(&first);
    seen.fail(true);
    source.send([1]).unwrap();
    first.tick().unwrap_err();
    source.send([2]).unwrap();
    drop(source);
    drop(first);
    let second = with(folder.path(), 1, &[]).unwrap();
    let (source, seen) = program(&second);
    source.send([3]).unwrap();
    second.tick().unwrap();
    assert_eq!(seen.take(), [(1, vec![]), (2, vec![vec![3]])]);
    drop(source);
}

#[test]
fn a_log_needs_a_checkpoint_directory() {
    // behaviour 2.32
    let context = Context::new(&Settings::from_pairs([LOGGED, ("spark.master", "local[1]")])).unwrap();
    let streaming = StreamingContext::new(&context, SECOND).unwrap();
    let (_source, receiver) = source();
    streaming.receiver_stream(receiver).print(1);
    let error = streaming.start().unwrap_err();
    assert!(matches!(error, Error::LogWithoutCheckpoint { .. }));
    let text = "Acknowledging-0: Cannot enable receiver write-ahead log without checkpoint directory set. Please use \
                streamingContext.checkpoint() to set the checkpoint directory";
    assert!(error.to_string().starts_with(text), "{error}");
}

#[test]
fn lines_of_a_socket_are_in_the_log_and_come_again() {
    // behaviour 2.25, 2.32: what is in the log when the process ends comes out
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let lines = |test: &TestContext| {
        let stream = test.streaming().socket_text_stream("127.0.0.1", port);
        let seen = Seen::of(&stream.map(|line| line.to_string()));
        test.streaming().start().unwrap();
        seen
    };
    let first = logged(folder.path(), 0);
    let seen = lines(&first);
    let (mut sender, _) = listener.accept().unwrap();
    let text: String = (0..1000).map(|number| format!("line {number}\r\n")).collect();
    sender.write_all(text.as_bytes()).unwrap();
    let memory = &first.context().environment().memory;
    while memory.used(Pool::Received) != text.len() as u64 {
        std::thread::yield_now(); // what was sent is on its way
    }
    seen.fail(true);
    first.tick().unwrap_err();
    drop(first);

    let storage = LocalStorage::read_only(folder.path()).unwrap();
    let mut in_log = Vec::new();
    let found = scan(&storage, &log_of(folder.path()), &mut |_, block| {
        in_log.extend_from_slice(block);
        Ok(())
    });
    assert!(found.unwrap().damage.is_empty());
    assert!(memchr::memmem::find(&in_log, text.as_bytes()).is_some(), "as it came, byte by byte");

    let second = logged(folder.path(), 1);
    let seen = lines(&second);
    second.tick().unwrap();
    let expected: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    assert_eq!(seen.take(), [(1, expected), (2, vec![])]);
}

/// The folder of the only log of received blocks.
fn log_of(directory: &Path) -> String {
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        let is_log = |path: &&std::path::PathBuf| path.extension().is_some_and(|extension| extension == "log");
        if entries.iter().any(|path| is_log(&path)) && folder.components().any(|part| part.as_os_str() == "received") {
            return folder.strip_prefix(directory).unwrap().to_string_lossy().into_owned();
        }
        folders.extend(entries.into_iter().filter(|path| path.is_dir()));
    }
    panic!("there is no log")
}

//! What receivers store: blocks, batches, restarts, letters.

use std::fs;
use std::time::Duration;

use tidemill_core::Text;
use tidemill_streaming::dead_letter::{letters_path, read_letters};
use tidemill_streaming::receiver::{Receiver, ReceiverError, ReceiverOptions, Supervisor};
use tidemill_streaming::{DeadLetter, OnError};

use crate::scripted::{Script, Step, scripted};
use crate::{PATIENCE, context, next_info, received_bytes, watch};

const SECOND: Duration = Duration::from_secs(1);

fn store<T: tidemill_core::Element>(script: &Script<T>, items: impl IntoIterator<Item = T>) {
    items.into_iter().for_each(|item| script.step(Step::Store(item)));
}

#[test]
fn a_batch_holds_exactly_what_was_stored_in_its_interval() {
    // behaviour 1.63, 2.25, 2.26, 2.28, 2.31, 4.8: partitions are what was stored in one block interval, or as one block
    let test = context(&[], SECOND);
    let (script, receiver) = scripted();
    let stream = test.streaming().receiver_stream(receiver);
    let (seen, infos) = (test.collect(&stream.transform(|rdd, _| rdd.glom())), watch(test.streaming()));
    test.streaming().start().unwrap();
    script.begun();
    let pass = |millis| {
        assert!(test.clock().wait_for_waiters(2), "the clocks of batches and of blocks");
        test.clock().advance(Duration::from_millis(millis));
        assert!(test.clock().wait_for_waiters(2));
    };
    store(&script, [1, 2]);
    pass(200);
    store(&script, [3]);
    script.step(Step::Block(vec![4, 5]));
    script.step(Step::Block(vec![]));
    store(&script, [6]);
    pass(800);
    store(&script, [7]);
    pass(1000);
    test.tick().unwrap();
    let (batches, mut records) = (Vec::from([6, 1, 0]), Vec::new());
    for _ in 0..3 {
        records.push(next_info(&infos));
    }
    assert_eq!(records, batches.into_iter().map(|count| (count, vec![])).collect::<Vec<_>>());
    let expected = [vec![vec![1, 2], vec![3], vec![4, 5], vec![6]], vec![vec![7]], vec![]];
    assert_eq!(seen.values(), expected);
    assert_eq!(received_bytes(&test), 0);
}

#[test]
fn a_block_ends_at_every_tick() {
    // behaviour 2.28, 2.31: where batches are shorter than the block interval nothing else ends it
    let test = context(&[("spark.streaming.blockInterval", "10s")], SECOND);
    let (script, receiver) = scripted();
    let seen = test.collect(&test.streaming().receiver_stream(receiver).transform(|rdd, _| rdd.glom()));
    test.streaming().start().unwrap();
    script.begun();
    for batch in [vec![1], vec![2, 3], vec![], vec![4]] {
        store(&script, batch);
        test.tick().unwrap();
    }
    assert_eq!(seen.values(), [vec![vec![1]], vec![vec![2, 3]], vec![], vec![vec![4]]]);
}

#[test]
fn values_with_much_behind_them_are_accounted_and_given_back() {
    let test = context(&[], SECOND);
    let (script, receiver) = scripted::<(String, Vec<Text>)>();
    let seen = test.collect(&test.streaming().receiver_stream(receiver).map(|(key, values)| (key, values.len())));
    test.streaming().start().unwrap();
    script.begun();
    let value = ("x".repeat(10_000), vec![Text::from("y".repeat(5000)); 2]);
    store(&script, vec![value; 200]);
    let bytes = received_bytes(&test);
    assert!((4_000_000..4_400_000).contains(&bytes), "{bytes} bytes are accounted");
    test.tick().unwrap();
    assert_eq!(seen.values(), [vec![("x".repeat(10_000), 2); 200]]);
    test.tick().unwrap();
    assert_eq!(received_bytes(&test), 0);
}

#[test]
fn a_receiver_that_fails_panics_or_restarts_goes_on_after_the_delay() {
    // behaviour 2.24, 2.27, 4.11
    let test = context(&[("spark.streaming.receiverRestartDelay", "300ms")], SECOND);
    let (script, receiver) = scripted();
    let seen = test.collect(&test.streaming().receiver_stream(receiver));
    test.streaming().start().unwrap();
    script.begun();
    let ends: [fn() -> Step<u64>; 3] =
        [|| Step::Fail("no route"), || Step::Panic("a bug"), || Step::Restart("a change")];
    for (number, end) in (1..).zip(ends) {
        store(&script, [number]);
        script.start_step(end());
        if matches!(end(), Step::Restart(_)) {
            script.done.recv_timeout(PATIENCE).unwrap(); // it ends by its own stop
        }
        assert!(test.clock().wait_for_waiters(3), "the receiver waits");
        test.tick().unwrap();
        script.begun();
    }
    store(&script, [4]);
    test.tick().unwrap();
    let all: Vec<u64> = seen.values().into_iter().flatten().collect();
    assert_eq!(all, [1, 2, 3, 4], "what was stored before a failure stays");
}

#[test]
fn a_graceful_stop_ends_a_receiver_that_waits_and_runs_what_it_stored() {
    // behaviour 2.33
    let test = context(&[], SECOND);
    let (script, receiver) = scripted();
    let seen = test.collect(&test.streaming().receiver_stream(receiver));
    test.streaming().start().unwrap();
    script.begun();
    store(&script, 0..10);
    test.streaming().stop(true);
    assert_eq!(seen.values(), [(0..10).collect::<Vec<i32>>()]);
    assert_eq!(received_bytes(&test), 0);
}

#[test]
fn a_receiver_that_never_returns_does_not_hold_up_a_stop() {
    struct Deaf(std::sync::mpsc::SyncSender<()>);
    impl Receiver for Deaf {
        type Item = u8;
        fn run(&self, to: &Supervisor<u8>) -> Result<(), ReceiverError> {
            to.store(0)?;
            self.0.send(())?;
            while to.store(0).is_ok() {} // heeds no stop until it is refused
            let (_sender, never) = std::sync::mpsc::sync_channel::<()>(0);
            never.recv_timeout(PATIENCE)?;
            Ok(())
        }
    }
    let settings = [
        ("tidemill.stop.timeout", "200ms"),
        ("tidemill.memory.received.limit", "64k"),
        ("tidemill.receiver.block.size", "8k"),
    ];
    let test = context(&settings, SECOND);
    let (sender, stored) = std::sync::mpsc::sync_channel(1);
    let seen = test.collect(&test.streaming().receiver_stream(Deaf(sender)));
    test.streaming().start().unwrap();
    stored.recv_timeout(PATIENCE).unwrap();
    test.tick().unwrap();
    test.streaming().stop(true);
    assert!(seen.values().into_iter().flatten().count() > 0);
    assert_eq!(received_bytes(&test), 0);
}

/// Two records, one that cannot be read, one more: in three batches.
fn with_letters(on_error: OnError, directory: &str) -> (Vec<Vec<u64>>, Vec<Vec<DeadLetter>>, Vec<String>, Vec<String>) {
    let test = context(&[("tidemill.dead.letters.directory", directory)], SECOND);
    let (script, receiver) = scripted();
    let options = ReceiverOptions { on_error, ..ReceiverOptions::default() };
    let stream = test.streaming().receiver_stream_with(receiver, options);
    let letters = test.collect(stream.dead_letters());
    let (seen, infos) = (test.collect(&stream), watch(test.streaming()));
    drop(stream);
    test.streaming().start().unwrap();
    script.begun();
    let (mut errors, mut counts) = (Vec::new(), Vec::new());
    for batch in 1..=3 {
        store(&script, [batch]);
        if batch == 2 {
            script.step(Step::Reject(DeadLetter::new("no number", *b"x\xff")));
        }
        errors.extend(test.tick().err().map(|error| error.to_string()));
        let (records, counted) = next_info(&infos);
        assert_eq!(records, 1);
        counts.extend(counted.into_iter().map(|(what, count)| format!("{what} {count}")));
    }
    assert!(test.tick().is_ok());
    assert_eq!(received_bytes(&test), 0);
    (seen.values(), letters.values(), errors, counts)
}

#[test]
fn what_becomes_of_records_that_cannot_be_read_is_a_choice() {
    // behaviour 1.15
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().to_str().unwrap();
    let letter = DeadLetter::new("no number", *b"x\xff").from_source("Scripted-0");
    let letters = vec![vec![], vec![letter.clone()], vec![], vec![]];

    let (seen, read, errors, counts) = with_letters(OnError::Fail, directory);
    assert_eq!((seen, read), (vec![vec![1], vec![3], vec![]], vec![vec![]; 4]));
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert!(error.contains(r#"could not be read (Scripted-0: no number: "x\xff")"#), "{error}");
    assert_eq!(counts, ["deadLetters 1"]);

    let (seen, read, errors, counts) = with_letters(OnError::Drop, directory);
    assert_eq!((seen, read, errors), (vec![vec![1], vec![2], vec![3], vec![]], vec![vec![]; 4], vec![]));
    assert_eq!(counts, ["droppedRecords 1"]);
    assert_eq!(fs::read_dir(directory).unwrap().count(), 0, "nothing is written so far");

    let (seen, read, errors, counts) = with_letters(OnError::DeadLetter, directory);
    assert_eq!((seen, read, errors), (vec![vec![1], vec![2], vec![3], vec![]], letters, vec![]));
    assert_eq!(counts, ["deadLetters 1"]);
    let batch = tidemill_core::Timestamp::from_millis(2000);
    assert_eq!(read_letters(&letters_path(folder.path(), "Scripted-0", batch)).unwrap(), [letter]);
    assert_eq!(
        fs::read_dir(folder.path().join("Scripted-0")).unwrap().count(),
        1,
        "a file only where there is a letter"
    );

    let file = folder.path().join("taken");
    fs::write(&file, "").unwrap();
    let (seen, _, errors, _) = with_letters(OnError::DeadLetter, file.to_str().unwrap());
    assert_eq!(seen, [vec![1], vec![3], vec![]], "letters that cannot be written fail their batch");
    assert!(matches!(errors.as_slice(), [error] if error.contains("cannot write ")), "{errors:?}");
}

#[test]
fn letters_that_nobody_reads_go_with_their_batch() {
    let folder = tempfile::tempdir().unwrap();
    let test = context(&[("tidemill.dead.letters.directory", folder.path().to_str().unwrap())], SECOND);
    let (script, receiver) = scripted::<u64>();
    let options = ReceiverOptions { on_error: OnError::DeadLetter, ..ReceiverOptions::default() };
    let stream = test.streaming().receiver_stream_with(receiver, options).records().clone();
    let seen = test.collect(&stream);
    test.streaming().start().unwrap();
    script.begun();
    for _ in 0..3 {
        script.step(Step::Reject(DeadLetter::new("odd", vec![b'x'; 1000])));
        test.tick().unwrap();
        assert_eq!(received_bytes(&test), 0);
    }
    assert_eq!(seen.values(), [[0; 0]; 3]);
}

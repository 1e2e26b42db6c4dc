//! Parsing: the records, the letters beside them, and that each record is parsed once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidemill_core::Settings;
use tidemill_streaming::dead_letter::{letters_path, read_letters};
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{DeadLetter, OnError};

use super::failure;
use super::folder::Folder;

const BATCHES: [&[&str]; 3] = [&["1", "x", "3", "\n"], &[], &["5"]];

/// What comes out, what the letters are, whether the first batch failed, and how often the parser was called.
fn parsed(on_error: OnError, folder: &Folder) -> (Vec<Vec<i64>>, Vec<Vec<String>>, Option<String>, u64) {
    let mut settings = Settings::new();
    settings.set("tidemill.dead.letters.directory", folder.name());
    let test = TestContext::with(&settings, Duration::from_secs(1));
    let (feed, lines) = test.input::<String>();
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let numbers = lines.parse(on_error, move |line| {
        counted.fetch_add(1, Ordering::SeqCst);
        line.parse::<i64>()
    });
    let letters = test.collect(&numbers.dead_letters().map(|letter| letter.to_string()));
    let (one, other) = (test.collect(&numbers), test.collect(&numbers.map(|number| -number)));
    let mut failed = None;
    for batch in BATCHES {
        feed.push(batch.iter().map(|line| line.to_string()));
        failed = failed.or(test.tick().err().map(|error| error.to_string()));
    }
    let out = one.values();
    let negative: Vec<Vec<i64>> = out.iter().map(|batch| batch.iter().map(|number| -number).collect()).collect();
    assert_eq!(other.values(), negative);
    (out, letters.values(), failed, calls.load(Ordering::SeqCst))
}

#[test]
fn letters_stand_beside_the_records_and_in_a_file() {
    let folder = Folder::new();
    let (records, letters, failed, calls) = parsed(OnError::DeadLetter, &folder);
    assert_eq!(records, [vec![1, 3], vec![], vec![5]]);
    let bad = |record: &str| format!("parse-1: invalid digit found in string: \"{record}\"");
    assert_eq!(letters, [vec![bad("x"), bad(r"\n")], vec![], vec![]]);
    assert_eq!((failed, calls), (None, 5));
    let file = letters_path(&folder.path(""), "parse-1", tidemill_core::Timestamp::from_millis(1000));
    let letter = |bytes: &[u8]| DeadLetter::new("invalid digit found in string", bytes).from_source("parse-1");
    assert_eq!(read_letters(&file).unwrap(), [letter(b"x"), letter(b"\n")]);
    assert_eq!(std::fs::read_dir(folder.path("parse-1")).unwrap().count(), 1);
}

#[test]
fn they_may_be_dropped() {
    let folder = Folder::new();
    let (records, letters, failed, _) = parsed(OnError::Drop, &folder);
    assert_eq!(records, [vec![1, 3], vec![], vec![5]]);
    assert!(letters.iter().all(Vec::is_empty) && failed.is_none());
    assert_eq!(std::fs::read_dir(folder.path("")).unwrap().count(), 0);
}

#[test]
fn they_fail_their_batch_where_nothing_else_is_said() {
    assert_eq!(OnError::default(), OnError::Fail);
    let (records, letters, failed, _) = parsed(OnError::Fail, &Folder::new());
    assert_eq!(records, [vec![], vec![5]]);
    assert!(letters.iter().all(Vec::is_empty));
    let failed = failed.unwrap();
    // Which of the two records it is depends on whose task is first.
    for part in ["batch 1000 ms", "parse.rs", "(parse-1: invalid digit found in string: ", "choose on_error"] {
        assert!(failed.contains(part), "{failed}");
    }
}

#[test]
fn a_parser_that_panics_fails_its_batch_only() {
    let test = TestContext::new();
    let (feed, numbers) = test.input::<u32>();
    let even = numbers.parse_by(OnError::Drop, |number| match number % 3 {
        0 => Ok(number),
        1 => Err(DeadLetter::new("no multiple of 3", number.to_be_bytes())),
        _ => unreachable!("a bug of the parser"),
    });
    let seen = test.collect(&even);
    feed.push([3, 4, 5]);
    assert!(failure(&test).contains("a bug of the parser"));
    feed.push([6, 7]);
    test.tick().unwrap();
    assert_eq!(seen.values(), [[6]]);
}

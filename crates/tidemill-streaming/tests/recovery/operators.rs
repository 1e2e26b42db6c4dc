//! Which operators of a changed program are those of its checkpoint.

use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{Error, RecoveryError};

use super::{SECOND, Seen, run, with};

/// Runs a program for one batch, which fails: its input is needed by the next run.
fn left(folder: &tempfile::TempDir, declare: impl Fn(&TestContext) -> Vec<Seen<u64>>) {
    let first = run(folder.path(), 0);
    let seen = declare(&first);
    seen.iter().for_each(|seen| seen.fail(true));
    first.tick().unwrap_err();
}

fn start(
    folder: &tempfile::TempDir,
    settings: &[(&str, &str)],
    declare: impl Fn(&TestContext) -> Vec<Seen<u64>>,
) -> Result<(), Error> {
    let test = with(folder.path(), 1, settings).unwrap();
    let _seen = declare(&test);
    test.streaming().start()
}

#[test]
fn stateless_operators_may_come_and_go() {
    // behaviour 6.23
    let folder = tempfile::tempdir().unwrap();
    left(&folder, |test| vec![Seen::of(&test.input::<u64>().1.map(|x| x + 1))]);
    start(&folder, &[], |test| {
        vec![Seen::of(&test.input::<u64>().1.map(|x| x + 1).filter(|x| x % 2 == 0).map(|x| x / 2))]
    })
    .unwrap();
}

#[test]
fn alike_operators_need_ids_where_their_number_changes() {
    let folder = tempfile::tempdir().unwrap();
    left(&folder, |test| vec![Seen::of(&test.input().1), Seen::of(&test.input().1)]);
    let three = |test: &TestContext| (0..3).map(|_| Seen::of(&test.input().1)).collect();
    let error = start(&folder, &[], three).unwrap_err();
    assert!(matches!(error, Error::Recovery(RecoveryError::Ambiguous { .. })), "{error}");
    assert!(
        error
            .to_string()
            .ends_with("give each of them an id by `uid` (those that were there: `test_input`, `test_input#2`)"),
        "{error}"
    );
    let named = |test: &TestContext| {
        let ids = ["test_input", "test_input#2", "new"];
        ids.iter().map(|id| Seen::of(&test.input().1.uid(id).unwrap())).collect()
    };
    start(&folder, &[], named).unwrap();
}

#[test]
fn input_that_nobody_takes_is_an_error_unless_it_may_be_lost() {
    let folder = tempfile::tempdir().unwrap();
    left(&folder, |test| vec![Seen::of(&test.input().1.uid("orders").unwrap())]);
    let renamed = |test: &TestContext| vec![Seen::of(&test.input().1.uid("requests").unwrap())];
    let error = start(&folder, &[], renamed).unwrap_err().to_string();
    assert!(error.contains("has unfinished input of `orders` (test_input at "), "{error}");
    assert!(error.contains("(new in it: `requests` (test_input at ") && error.contains(".uid(\"orders\")"), "{error}");
    start(&folder, &[("tidemill.checkpoint.drop", "other, orders")], renamed).unwrap();
}

#[test]
fn two_operators_with_one_id_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let test = run(folder.path(), 0);
    let _seen: Vec<Seen<u64>> = (0..2).map(|_| Seen::of(&test.input().1.uid("one").unwrap())).collect();
    let error = test.streaming().start().unwrap_err().to_string();
    assert!(error.contains("has the id `one`, which is that of test_input at "), "{error}");
}

#[test]
fn another_interval_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    left(&folder, |test| vec![Seen::of(&test.input().1)]);
    let other = TestContext::go_on(
        &tidemill_core::Settings::new(),
        SECOND * 2,
        folder.path(),
        tidemill_core::Timestamp::from_millis(9000),
    );
    let error = other.err().unwrap().to_string();
    assert!(error.contains("is of batches every 1s, and the program makes one every 2s"), "{error}");
}

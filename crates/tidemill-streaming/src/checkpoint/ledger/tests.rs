//! Ledgers, and the entries by which they change.

use super::*;

fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(second * 1000)
}

fn ledger() -> Ledger {
    let operator = |id: &str, role| OperatorEntry { id: id.into(), role, operator: format!("{id} at app.rs:1") };
    let program = Program {
        name: "words".into(),
        interval: Duration::from_secs(1),
        zero: at(0),
        operators: vec![operator("lines", Role::Source), operator("counts", Role::State)],
        twins: [("lines".to_owned(), 1)].into(),
        settings: vec![("spark.master".into(), "local[2]".into())],
        code: Some(Bytes(vec![1, 2])),
    };
    Ledger { program, ..Ledger::default() }
}

fn input(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    [("lines".to_owned(), bytes.to_vec())].into()
}

#[test]
fn a_log_gives_the_ledger_that_wrote_it() {
    let mut written = ledger();
    let mut entries = vec![written.whole()];
    entries.push(written.plan(at(1), input(b"a")));
    entries.push(written.plan(at(2), input(b"b")));
    entries.push(written.done(&[at(1)]));
    entries.push(written.code(vec![3]));
    let mut read = Ledger::default();
    for entry in entries {
        let bytes = postcard::to_stdvec(&entry).unwrap();
        read.apply(postcard::from_bytes(&bytes).unwrap()).unwrap();
        assert!(postcard::from_bytes::<Entry>(&bytes[..bytes.len() - 1]).is_err());
    }
    assert_eq!(read, written);
    assert_eq!((read.next_after(&[]), read.next_after(&[at(2)])), (at(2), at(3)));
    let mut whole = Ledger::default();
    whole.apply(written.whole()).unwrap();
    assert_eq!(whole, written);
}

#[test]
fn what_is_done_is_forgotten_but_for_the_last() {
    let mut ledger = ledger();
    for second in 1..=4 {
        let _ = ledger.plan(at(second), input(b""));
    }
    let _ = ledger.done(&[at(1), at(3), at(4)]);
    ledger.forget(at(9));
    assert_eq!(ledger.batches.keys().copied().collect::<Vec<_>>(), [at(2), at(4)]);
}

#[test]
fn an_entry_of_an_operator_that_is_not_there_is_a_contradiction() {
    let entry = Entry::Planned(Planned { time: 1, inputs: vec![(7, Bytes(vec![]))], more: vec![] });
    assert_eq!(ledger().apply(entry), Err(Contradiction::NoSuchOperator(7)));
}

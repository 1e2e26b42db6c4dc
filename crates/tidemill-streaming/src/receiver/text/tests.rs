//! Bytes in, lines out, wherever reads and cuts fall.

use proptest::prelude::*;
use tidemill_core::memory::{Memory, MemoryLimits};
use tidemill_core::spill::SpillDir;
use tidemill_core::{HashSeed, TextBlock};

use super::*;

fn environment() -> Arc<Environment> {
    let memory = Memory::new(MemoryLimits::of_total(1 << 30));
    Environment::new(memory, SpillDir::new(std::env::temp_dir()), HashSeed::new(0))
}

/// The lines of all blocks that are in no batch yet.
fn lines(environment: &Environment, received: &TextReceived) -> Vec<String> {
    let mut lines = Vec::new();
    for id in received.take_blocks() {
        let Some(Place::Memory(value, _)) = environment.store.get(id) else { panic!("{id} is not stored") };
        let block = value.downcast_ref::<TextBlock>().unwrap();
        lines.extend(block.lines().map(|line| line.as_str().to_string()));
    }
    lines
}

fn receive(pieces: &[&[u8]], limit: usize, end: bool) -> Vec<String> {
    let environment = environment();
    let received = TextReceived::new(0, &environment, 1 << 20, limit);
    let mut all = Vec::new();
    for piece in pieces {
        let mut piece = *piece;
        while !piece.is_empty() {
            assert!(received.make_room(&|| false));
            received.read_from(&mut piece).unwrap();
        }
        all.extend(lines(&environment, &received));
    }
    if end {
        received.end_of_stream();
        all.extend(lines(&environment, &received));
    }
    all
}

#[test]
fn lines_end_as_in_spark() {
    // behaviour 1.12
    let table: [(&[&[u8]], &[&str]); 6] = [
        (&[b"a\nb\r\nc\rd"], &["a", "b", "c", "d"]),
        (&[b"a\r", b"\nb\n"], &["a", "b"]),
        (&[b"a\r", b"b\n"], &["a", "b"]),
        (&[b"\n\n"], &["", ""]),
        (&[b"ti", b"de\nmi", b"ll"], &["tide", "mill"]),
        (&[b"\xffx\n"], &["\u{fffd}x"]),
    ];
    for (pieces, expected) in table {
        assert_eq!(receive(pieces, 1000, true), expected, "{pieces:?}");
    }
}

#[test]
fn a_line_past_the_limit_is_dropped_and_the_next_one_is_not() {
    let long = vec![b'x'; 300];
    assert_eq!(receive(&[b"a\n", &long, &long, b"x\nb\n"], 256, true), ["a", "b"]);
}

proptest! {
    #[test]
    fn cuts_anywhere_lose_and_double_nothing(
        text in "([a-c水]{0,3}(\n|\r\n|\r)?){0,12}",
        cuts in prop::collection::vec(0_usize..60, 0..8),
    ) {
        let bytes = text.as_bytes();
        let mut at: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect();
        let normal = text.replace("\r\n", "\n").replace('\r', "\n");
        let expected: Vec<String> = normal.lines().map(String::from).collect();
        prop_assert_eq!(receive(&pieces, 1000, true), expected);
    }
}

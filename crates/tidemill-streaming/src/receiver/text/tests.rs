//! Bytes in, lines out, wherever reads and cuts fall.

use proptest::prelude::*;
use tidemill_core::environment::Environment;
use tidemill_core::memory::{Memory, MemoryLimits};
use tidemill_core::settings::Settings;
use tidemill_core::spill::SpillDir;
use tidemill_core::store::Place;
use tidemill_core::{HashSeed, TextBlock, Timestamp};

use super::*;
use crate::dead_letter::OnError;
use crate::event::InputInfo;
use crate::input::InputId;
use crate::receiver::blocks::Kind;
use crate::receiver::blocks::Policy;
use crate::receiver::form::Form;

fn blocks(limits: MemoryLimits) -> Arc<Blocks> {
    let environment = Environment::new(Memory::new(limits), SpillDir::new(std::env::temp_dir()), HashSeed::new(0));
    let config = Config::resolve(&Settings::new()).unwrap();
    let id = InputId { stream: 0, blocks: 0 };
    Arc::new(Blocks::new(
        id,
        "SocketReceiver-0".into(),
        &environment,
        Policy::new(&config, OnError::Fail, Form::text()),
    ))
}

/// The lines of all blocks that are in no batch yet, and what is told of them.
fn lines(blocks: &Blocks, received: &TextReceived, batch: u64) -> (Vec<String>, InputInfo, Option<String>) {
    let time = Timestamp::from_millis(batch);
    received.cut();
    let info = blocks.allocate(time);
    assert_eq!(blocks.allocate(time), info, "behaviour 2.31: the second call changes nothing");
    let allocated = blocks.allocated(time);
    let mut lines = Vec::new();
    for id in allocated.blocks {
        let Some(Place::Memory(value, _)) = blocks.environment().store.get(id) else { panic!("{id} is not stored") };
        let block = value.downcast_ref::<TextBlock>().unwrap();
        lines.extend(block.lines().map(|line| line.as_str().to_string()));
    }
    blocks.forget(Kind::Records, time);
    blocks.forget(Kind::Letters, time);
    (lines, info, allocated.failure.map(|failure| failure.to_string()))
}

/// What is received of pieces, each of which makes a batch, and the end.
struct Received {
    lines: Vec<String>,
    counts: Vec<(String, String)>,
    failures: Vec<String>,
}

fn receive_with(pieces: &[&[u8]], limit: LineLimit) -> Received {
    let blocks = blocks(MemoryLimits::of_total(1 << 30));
    let received = TextReceived::with_limits(&blocks, 1 << 20, limit);
    let mut all = Received { lines: Vec::new(), counts: Vec::new(), failures: Vec::new() };
    let mut records = 0;
    for (batch, piece) in pieces.iter().copied().map(Some).chain([None]).enumerate() {
        let mut rest = piece.unwrap_or_default();
        while !rest.is_empty() {
            assert!(received.make_room(&|| false));
            received.read_from(&mut rest).unwrap();
        }
        if piece.is_none() {
            received.end_of_stream();
        }
        let (lines, info, failure) = lines(&blocks, &received, batch as u64);
        all.lines.extend(lines);
        all.counts.extend(info.metadata);
        all.failures.extend(failure);
        records += info.records;
    }
    assert_eq!(records, all.lines.len() as u64, "behaviour 1.63: records are counted");
    assert_eq!(blocks.environment().memory.used(Pool::Received), 0);
    all
}

fn receive(pieces: &[&[u8]], bytes_max: usize) -> Vec<String> {
    receive_with(pieces, LineLimit { bytes_max, exceeded: Exceeded::Drop }).lines
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
        assert_eq!(receive(pieces, 1000), expected, "{pieces:?}");
    }
}

#[test]
fn malformed_parts_are_counted() {
    // behaviour 1.12
    let received = receive_with(&[b"\xffx\n\xfe\n"], LineLimit { bytes_max: 10, exceeded: Exceeded::Drop });
    assert_eq!(received.counts, [("malformedParts".to_owned(), "2".to_owned())]);
}

#[test]
fn what_becomes_of_a_long_line_is_a_choice() {
    let long = vec![b'x'; 300];
    let cut = "x".repeat(256);
    let inputs: [&[&[u8]]; 4] = [
        &[b"a\n", &long, &long, b"x\nb\n"],                 // over several batches
        &[b"a\n", &long, b"\r\n", b"b\n"],                  // an end of its own
        &[&[b"a\n", long.as_slice(), b"\r\nb\n"].concat()], // all at once
        &[b"a\nb\n", &long],                                // no end at all
    ];
    for pieces in inputs {
        let with = |exceeded| receive_with(pieces, LineLimit { bytes_max: 256, exceeded });
        let dropped = with(Exceeded::Drop);
        assert_eq!((dropped.lines.as_slice(), dropped.failures.len()), (&["a", "b"].map(String::from)[..], 0));
        assert_eq!(dropped.counts, [("droppedLines".to_owned(), "1".to_owned())]);
        let shortened = with(Exceeded::Cut);
        let mut expected = ["a", &cut, "b"];
        if pieces.len() == 2 {
            expected.swap(1, 2);
        }
        assert_eq!((shortened.lines.as_slice(), shortened.failures.len()), (&expected.map(String::from)[..], 0));
        assert_eq!(shortened.counts, [("cutLines".to_owned(), "1".to_owned())]);
        let failed = with(Exceeded::Fail);
        assert_eq!(failed.lines, ["a", "b"]);
        let [failure] = failed.failures.as_slice() else { panic!("{} failures", failed.failures.len()) };
        assert!(failure.contains("SocketReceiver-0: a line is longer than 256 bytes: \"xxx"), "{failure}");
    }
}

#[test]
fn text_without_any_line_end_never_fills_the_memory() {
    let limit = 64 << 10;
    let blocks = blocks(MemoryLimits { received: limit, ..MemoryLimits::default() });
    let bytes_max = 128 << 20;
    let received = TextReceived::with_limits(&blocks, 8 << 10, LineLimit { bytes_max, exceeded: Exceeded::Drop });
    for batch in 0..100 {
        for _ in 0..10 {
            assert!(received.make_room(&|| panic!("it waits for what nobody gives back")));
            received.read_from(&mut [b'x'; 4 << 10].as_slice()).unwrap();
        }
        assert_eq!(lines(&blocks, &received, batch).0, [""; 0]);
    }
    received.read_from(&mut b"x\nand on\n".as_slice()).unwrap();
    assert_eq!(lines(&blocks, &received, 100).0, ["and on"]);
    let peak = blocks.environment().memory.peak(Pool::Received);
    assert!(peak <= limit, "{peak} bytes at once");
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
        prop_assert_eq!(receive(&pieces, 1000), expected);
    }

    /// Held against lines as a text has them: however it comes in pieces, the same lines are too long.
    #[test]
    fn the_limit_holds_for_whole_lines_wherever_they_are_cut(
        text in "([ab水]{0,9}(\n|\r\n|\r)){0,10}[ab水]{0,9}",
        cuts in prop::collection::vec(0_usize..160, 0..8),
        exceeded in prop::sample::select(vec![Exceeded::Drop, Exceeded::Cut, Exceeded::Fail]),
    ) {
        const LIMIT: usize = 8;
        let bytes = text.as_bytes();
        let mut at: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect();
        let normal = text.replace("\r\n", "\n").replace('\r', "\n");
        let long = normal.lines().filter(|line| line.len() > LIMIT).count();
        let kept = normal.lines().filter_map(|line| match exceeded {
            _ if line.len() <= LIMIT => Some(line.to_owned()),
            Exceeded::Cut => (0..=LIMIT).rev().find_map(|end| line.get(..end)).map(String::from),
            Exceeded::Drop | Exceeded::Fail => None,
        });
        let received = receive_with(&pieces, LineLimit { bytes_max: LIMIT, exceeded });
        prop_assert_eq!(received.lines, kept.collect::<Vec<_>>());
        let counted: usize = received.counts.iter().map(|(_, count)| count.parse::<usize>().unwrap()).sum();
        prop_assert_eq!(counted, long);
        prop_assert_eq!(!received.failures.is_empty(), exceeded == Exceeded::Fail && long > 0);
    }
}

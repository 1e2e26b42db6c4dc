//! Checkpoints that earlier releases wrote: this one reads them all.
//!
//! `UPDATE_FOSSILS=1 cargo test -p tidemill-streaming --test recovery fossils` writes that of this release, once, when it is
//! made; a fossil of a release never changes again.

use std::fs;
use std::path::{Path, PathBuf};

use tidemill_streaming::dstream::StateSpec;
use tidemill_streaming::state::State;
use tidemill_streaming::testing::{Feed, TestContext};

use super::received::{LOGGED, Source, source};
use super::{SECOND, Seen, with};

type Pair = (String, u64);

/// Received blocks are in a log, and every state has snapshots.
const SETTINGS: [(&str, &str); 2] = [LOGGED, ("tidemill.state.snapshot.size", "1b")];

/// Sums for ever, over a window with an inverse, and the sums of mapping with a time-out; and what a receiver brings in.
struct Program {
    source: Source,
    received: Seen<u64>,
    feed: Feed<Pair>,
    sums: Seen<Pair>,
    window: Seen<Pair>,
    mapped: Seen<Pair>,
}

fn program(test: &TestContext) -> Program {
    let (feed, pairs) = test.input::<Pair>();
    let sums = pairs.update_state_by_key(|new, sum: Option<u64>| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()));
    let window = pairs.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, SECOND * 3, SECOND).unwrap();
    let spec = StateSpec::function(|key: &String, value: Option<u64>, state: &mut State<u64>| {
        let sum = state.get().copied().unwrap_or(0) + value.unwrap_or(0);
        if !state.is_timing_out() {
            state.update(sum);
        }
        (key.clone(), sum)
    });
    let mapped = pairs.map_with_state(spec.timeout(SECOND * 10));
    let (source, receiver) = source();
    let received = Seen::of(&test.streaming().receiver_stream(receiver));
    let (sums, window, mapped) = (Seen::of(&sums), Seen::of(&window), Seen::of(&mapped));
    test.streaming().start().unwrap();
    Program { source, received, feed, sums, window, mapped }
}

fn fossils() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fossils")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Four batches, of which the third fails; and a block that comes after them.
fn write(directory: &Path) {
    let test = with(directory, 0, &SETTINGS).unwrap();
    let program = program(&test);
    for second in 1..=4 {
        program.sums.fail(second == 3);
        program.feed.push([("tide".to_owned(), second), (format!("key {second}"), 100 * second)]);
        program.source.send([10 * second, 10 * second + 1]).unwrap();
        assert_eq!(test.tick().is_err(), second == 3);
    }
    program.source.send([50]).unwrap();
}

fn value(batches: &[(u64, Vec<Pair>)], second: u64, key: &str) -> Option<u64> {
    let (_, pairs) = batches.iter().find(|(time, _)| *time == second)?;
    pairs.iter().find(|(it, _)| it == key).map(|(_, value)| *value)
}

#[test]
fn checkpoints_of_all_releases_are_read() {
    let release = fossils().join(env!("CARGO_PKG_VERSION"));
    if std::env::var_os("UPDATE_FOSSILS").is_some() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        let generation = folder.path().join("000001");
        let _ = fs::remove_dir_all(&release);
        copy(&generation, &release.join("000001"));
        fs::copy(folder.path().join("checkpoint"), release.join("checkpoint")).unwrap();
    }
    let releases: Vec<PathBuf> = fs::read_dir(fossils()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(releases.contains(&release), "this release has its fossil");
    for fossil in releases {
        let folder = tempfile::tempdir().unwrap();
        copy(&fossil, folder.path());
        let test = with(folder.path(), 4, &SETTINGS).unwrap();
        let program = program(&test);
        program.feed.push([("tide".to_owned(), 5)]);
        test.tick().unwrap();
        let (sums, window, mapped) = (program.sums.take(), program.window.take(), program.mapped.take());
        assert_eq!(sums.iter().map(|it| it.0).collect::<Vec<_>>(), [3, 5], "{}", fossil.display());
        assert_eq!((value(&sums, 3, "tide"), value(&sums, 5, "tide")), (Some(6), Some(15)));
        assert_eq!((value(&sums, 3, "key 4"), value(&sums, 5, "key 4")), (None, Some(400)));
        assert_eq!((value(&window, 3, "tide"), value(&window, 5, "tide")), (Some(6), Some(12)));
        assert_eq!(value(&mapped, 5, "tide"), Some(15));
        assert_eq!(program.received.take(), [(3, vec![30, 31]), (5, vec![50])]);
    }
}

//! A program that is killed while its log is far behind: what is started again holds no more memory than it may.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::time::Duration;

use tidemill::core::{Clock, SystemClock, Wake};
use tidemill::prelude::*;
use tidemill::streaming::Error;
use tidemill::streaming::checkpoint::storage::{LocalStorage, Storage};

use crate::driver;
use crate::feeds::Kind;
use crate::killer::{Driver, PATIENCE};
use crate::programs::{Place, Program};
use crate::received::logged_ids;
use crate::sinks::{keep, kept};

/// What the engine may take for data.
const MEMORY: &str = "24m";
/// What the process may take with it: its code, its threads, and what allocators hold on to.
const CEILING_KIB: u64 = 64 << 10;
/// Long lines: the log is what counts, and not what becomes of it.
const LINE_BYTES: usize = 10_000;
/// How often it is looked how far the log is.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Its outputs wait as long as there is a file `hold`.
pub(crate) const PROGRAM: Program = Program {
    name: "backlog",
    feed: Kind::Socket,
    settings: &[
        ("tidemill.memory.limit", MEMORY),
        ("tidemill.receiver.block.size", "1m"),
        ("spark.streaming.receiver.writeAheadLog.rollingIntervalSecs", "5s"),
    ],
    declare,
    check: |_| {},
};

fn declare(streaming: &StreamingContext, place: &Place) -> Result<(), Error> {
    let ids = streaming.socket_text_stream("127.0.0.1", place.port).map(|line| {
        let id = line.as_str().split(' ').next().unwrap_or_default();
        id.parse::<u64>().unwrap_or(u64::MAX)
    });
    let hold = place.folder.join("hold");
    ids.foreach_rdd(move |_, _| {
        while hold.exists() {
            pause();
        }
        Ok(())
    });
    keep(&ids, place, "raw");
    Ok(())
}

fn pause() {
    let clock = SystemClock::new();
    clock.wait_until(clock.now() + LOOK_EVERY, &Wake::new());
}

/// Kills it with so many bytes in its log, and lets the next one catch up. Returns what that one took at most, in KiB.
pub(crate) fn run(bytes: u64) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place { folder: folder.path().to_owned(), port: listener.local_addr().unwrap().port() };
    fs::write(place.folder.join("hold"), "").unwrap();
    let behind = Driver::start(&PROGRAM, &place);
    fall_behind(&listener, &place, bytes);
    drop(behind.kill());
    drop(listener);
    let owed: BTreeSet<u64> = logged_ids(&place.checkpoint()).into_iter().collect();
    fs::remove_file(place.folder.join("hold")).unwrap();
    let next = Driver::start(&PROGRAM, &place);
    let is_out = || -> Vec<u64> {
        let (batches, _) = kept(&place, "raw");
        batches.values().flat_map(|text| serde_json::from_str::<Vec<u64>>(text).unwrap()).collect()
    };
    let (clock, mut ids) = (SystemClock::new(), is_out());
    let limit = clock.now() + PATIENCE * 10;
    while ids.len() < owed.len() && clock.now() < limit && next.is_running() {
        pause();
        ids = is_out();
    }
    let peak = next.peak_memory_kib();
    next.stop();
    ids = is_out();
    ids.sort();
    let owed: Vec<u64> = owed.into_iter().collect();
    let errors = fs::read_to_string(place.folder.join("stderr")).unwrap();
    assert!(ids == owed, "{} ids of {} came out; it said: {errors}", ids.len(), owed.len());
    assert!(peak < CEILING_KIB, "the driver took {peak} KiB, more than {CEILING_KIB}; it may take {MEMORY} for data");
    peak
}

/// Sends until the log of the driver, whose outputs wait, has so many bytes.
fn fall_behind(listener: &TcpListener, place: &Place, bytes: u64) {
    let (mut connection, _) = listener.accept().unwrap();
    let padding = "x".repeat(LINE_BYTES);
    for id in 0..bytes / LINE_BYTES as u64 {
        writeln!(connection, "{id} {padding}").unwrap();
    }
    connection.shutdown(Shutdown::Write).unwrap();
    let logged = || -> u64 {
        let storage = LocalStorage::read_only(place.checkpoint()).unwrap();
        let listed = storage.list("").unwrap();
        listed.iter().filter(|it| it.name.contains("/received/")).map(|it| it.bytes).sum()
    };
    let (clock, interval) = (SystemClock::new(), driver::INTERVAL);
    let limit = clock.now() + PATIENCE * 10;
    while logged() < bytes - bytes / 50 && clock.now() < limit {
        clock.wait_until(clock.now() + interval, &Wake::new());
    }
    assert!(clock.now() < limit, "the log has {} bytes of {bytes} only", logged());
}

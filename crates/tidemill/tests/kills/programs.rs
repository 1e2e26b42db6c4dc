//! The programs that are killed: sources, operators and sinks of all kinds.

use std::path::PathBuf;

use tidemill::prelude::*;
use tidemill::streaming::Error;

use crate::driver::INTERVAL;
use crate::feeds::Kind;
use crate::oracle::{self, Seen};
use crate::sinks::{insert_batches, insert_parts, keep};
use crate::sources::{Acknowledging, Growing};

/// A program, and what it has to put out.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) feed: Kind,
    /// Settings of its own.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    pub(crate) declare: fn(&StreamingContext, &Place) -> Result<(), Error>,
    /// Compares what came out with what the sources gave: the records of all files with `raw` in their name.
    pub(crate) check: fn(&Seen),
}

/// Where a program works.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    /// What its sockets connect to.
    pub(crate) port: u16,
}

impl Place {
    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoint")
    }

    pub(crate) fn incoming(&self) -> PathBuf {
        self.folder.join("incoming")
    }

    pub(crate) fn saved(&self) -> PathBuf {
        self.folder.join("saved")
    }

    fn saves(&self) -> String {
        self.saved().join("ids").to_string_lossy().into_owned()
    }
}

/// How many batches windows hold, and after how many the next one is due.
pub(crate) const WINDOW: u32 = 5;
pub(crate) const SLIDE: u32 = 2;

/// The key of a record.
pub(crate) fn key(id: u64) -> u64 {
    id % 13
}

pub(crate) const ALL: [Program; 5] = [
    Program { name: "files", feed: Kind::Files, settings: &[], declare: files, check: of_files },
    Program { name: "socket", feed: Kind::Socket, settings: &[], declare: socket, check: of_socket },
    Program { name: "window", feed: Kind::Socket, settings: &[], declare: window, check: of_window },
    Program {
        name: "direct",
        feed: Kind::Growing(&["left", "right"]),
        settings: &[],
        declare: direct,
        check: of_direct,
    },
    Program {
        name: "acknowledged",
        feed: Kind::Acknowledged,
        settings: &[],
        declare: acknowledged,
        check: of_acknowledged,
    },
];

fn id(line: Text) -> u64 {
    line.as_str().parse().unwrap_or(oracle::UNREADABLE)
}

/// For each key how many records there were, and the sum of their ids.
fn sums(ids: &DStream<u64>) -> DStream<(u64, (u64, u64))> {
    let pairs = ids.map(|id| (key(id), id));
    pairs.update_state_by_key(|new, before: Option<(u64, u64)>| {
        let (count, sum) = before.unwrap_or_default();
        Some((count + new.len() as u64, sum + new.iter().sum::<u64>()))
    })
}

/// Files, a state that changes as a whole, folders of text.
fn files(streaming: &StreamingContext, place: &Place) -> Result<(), Error> {
    let ids = streaming.text_file_stream(&place.incoming().to_string_lossy()).map(id);
    keep(&ids, place, "raw");
    keep(&sums(&ids), place, "sums");
    ids.save_as_text_files(&place.saves(), "txt");
    Ok(())
}

fn of_files(seen: &Seen) {
    seen.sums("sums");
    seen.saved();
}

/// A socket, a state that is asked for by each record, a table written by tasks.
fn socket(streaming: &StreamingContext, place: &Place) -> Result<(), Error> {
    let ids = streaming.socket_text_stream("127.0.0.1", place.port).map(id);
    keep(&ids, place, "raw");
    let count = |key: &u64, id: Option<u64>, state: &mut tidemill::streaming::state::State<u64>| {
        let count = state.get().copied().unwrap_or(0) + u64::from(id.is_some());
        state.update(count);
        (*key, count)
    };
    let counts = ids.map(|id| (key(id), id)).map_with_state(StateSpec::function(count));
    keep(&counts, place, "counts");
    insert_parts(&ids, place);
    Ok(())
}

fn of_socket(seen: &Seen) {
    seen.counts("counts");
    seen.table();
}

/// A socket, a window with an inverse, one without, folders of text.
fn window(streaming: &StreamingContext, place: &Place) -> Result<(), Error> {
    let ids = streaming.socket_text_stream("127.0.0.1", place.port).map(id);
    keep(&ids, place, "raw");
    let (window, slide) = (INTERVAL * WINDOW, INTERVAL * SLIDE);
    let pairs = ids.map(|id| (key(id), (1_u64, id)));
    let add = |one: (u64, u64), other: (u64, u64)| (one.0 + other.0, one.1 + other.1);
    let subtract = |one: (u64, u64), other: (u64, u64)| (one.0 - other.0, one.1 - other.1);
    keep(&pairs.reduce_by_key_and_window_inverse(add, subtract, window, slide)?, place, "inverse");
    keep(&ids.window_every(window, slide)?, place, "window");
    ids.save_as_text_files(&place.saves(), "txt");
    Ok(())
}

fn of_window(seen: &Seen) {
    seen.window_sums("inverse");
    seen.window("window");
    seen.saved();
}

/// Two direct sources, joined, and a state over both.
fn direct(streaming: &StreamingContext, place: &Place) -> Result<(), Error> {
    let open = |name: &str| streaming.direct_stream(Growing(place.folder.join(name)), Start::Earliest);
    let (left, right) = (open("left"), open("right"));
    keep(&left, place, "raw-left");
    keep(&right, place, "raw-right");
    let keyed = |ids: &DStream<u64>| ids.map(|id| (key(id), id));
    let window = keyed(&left).window(INTERVAL * WINDOW)?;
    keep(&window.join(&keyed(&right))?, place, "joined");
    keep(&sums(&left.union(&right)?), place, "sums");
    Ok(())
}

fn of_direct(seen: &Seen) {
    seen.joined("joined", "raw-left", "raw-right");
    seen.sums("sums");
}

/// A receiver that acknowledges, a state, a table written by the driver.
fn acknowledged(streaming: &StreamingContext, place: &Place) -> Result<(), Error> {
    let ids = streaming.receiver_stream(Acknowledging(place.port));
    keep(&ids, place, "raw");
    keep(&sums(&ids), place, "sums");
    insert_batches(&ids, place);
    Ok(())
}

fn of_acknowledged(seen: &Seen) {
    seen.sums("sums");
    seen.table();
}

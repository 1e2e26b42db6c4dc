//! Seeded random crashes: programs die at any operation of their disk, are started again, and lose and double nothing.
//!
//! The disk keeps what was synced and a random part of what was not. What comes out is held against plain lists.
//!
//! `CHAOS_CRASHES=10000` says how many crashes; `CHAOS_SEED=123` runs one program, again and again
//! (`CHAOS_TIMES=20`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has to stop")]

mod careless;
mod program;
mod report;
mod trial;
mod world;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use careless::Forgets;
use report::Report;
use tidemill_streaming::checkpoint::testing::SimulatedDisk;
use trial::Trial;

/// What an output says that is told to fail.
const OUT_OF_ORDER: &str = "the output is out of order";
/// How long something may take that should take no time.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many crashes there are unless `CHAOS_CRASHES` says otherwise.
const CRASHES: u64 = 1000;
/// After so many crashes it is told how far it is.
const PROGRESS: u64 = 1000;
/// Programs that run at the same time.
const WORKERS: usize = 2;
/// The programs of each test have seeds of their own.
const SEEDS: u64 = 1 << 32;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// A trial that went wrong.
#[derive(Debug)]
struct Failed {
    seed: u64,
    /// The crashes of trials that went well before.
    crashes: u64,
    wrong: String,
    told: String,
}

/// Runs trials from `seed` on until there were so many crashes or one trial went wrong.
fn trials(seed: u64, crashes: u64, forgets: Option<Forgets>) -> Result<Report, Failed> {
    let (next, stop) = (AtomicU64::new(seed), AtomicBool::new(false));
    let (total, failed) = (Mutex::new(Report::default()), Mutex::new(None));
    let work = || {
        while !stop.load(SeqCst) {
            let seed = next.fetch_add(1, SeqCst);
            match Trial::new(seed, forgets).run() {
                Ok(report) => {
                    let mut total = total.lock().unwrap();
                    let before = total.crashes / PROGRESS;
                    total.add(&report);
                    if total.crashes / PROGRESS != before && forgets.is_none() {
                        eprintln!("{} crashes of {crashes}", total.crashes);
                    }
                    stop.fetch_or(total.crashes >= crashes, SeqCst);
                }
                Err((wrong, told)) => {
                    stop.store(true, SeqCst);
                    failed.lock().unwrap().get_or_insert(Failed { seed, crashes: 0, wrong, told });
                }
            }
        }
    };
    std::thread::scope(|scope| (0..WORKERS).for_each(|_| drop(scope.spawn(work))));
    let total = total.into_inner().unwrap();
    match failed.into_inner().unwrap() {
        None => Ok(total),
        Some(failed) => Err(Failed { crashes: total.crashes, ..failed }),
    }
}

#[test]
fn programs_that_crash_lose_nothing_and_double_nothing() {
    // behaviour 6.2, 6.5, 6.6, 6.19, 6.20, 6.21
    if let Some(seed) = number("CHAOS_SEED") {
        for _ in 0..number("CHAOS_TIMES").unwrap_or(1) {
            if let Err((wrong, told)) = Trial::new(seed, None).run() {
                panic!("{wrong}\n{told}");
            }
        }
        return;
    }
    match trials(0, number("CHAOS_CRASHES").unwrap_or(CRASHES), None) {
        Ok(report) => eprintln!("{report}"),
        Err(Failed { seed, crashes, wrong, told }) => panic!(
            "{wrong}\nafter {crashes} crashes; again by CHAOS_SEED={seed} CHAOS_TIMES=20 cargo test -p tidemill-streaming \
             --test chaos programs_that_crash\n{told}"
        ),
    }
}

fn is_file_in(path: &Path, folder: &str) -> bool {
    path.extension().is_some() && path.to_string_lossy().contains(folder)
}

#[test]
fn a_missing_sync_is_found() {
    let forgets: [(&str, Forgets); 6] = [
        ("the log of batches", |path| is_file_in(path, "/batches/")),
        ("the changes of states", |path| is_file_in(path, "/deltas/")),
        ("the log of received blocks", |path| is_file_in(path, "/received/")),
        ("the names of the segments of batches", |path| path.ends_with("batches")),
        ("the names of the segments of states", |path| path.ends_with("deltas")),
        ("what names the checkpoint", |path| path == Path::new(SimulatedDisk::FOLDER)),
    ];
    for (number, (what, forgets)) in (1..).zip(forgets) {
        match trials(number * SEEDS, CRASHES, Some(forgets)) {
            Ok(_) => panic!("nobody saw that {what} is never synced"),
            Err(Failed { crashes, wrong, .. }) => eprintln!("{what}: found after {crashes} crashes ({wrong})"),
        }
    }
}

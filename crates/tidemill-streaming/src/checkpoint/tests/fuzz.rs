//! Fuzzing: every format on disk is read from millions of damaged files, and none may panic or give what was not written.
//!
//! `cargo test` reads a few thousand of each. `make fuzz` reads for `FUZZ_SECONDS` seconds each, other ones every time. An
//! input that fails is kept under `target/fuzz`, and `FUZZ_INPUT=<file>` reads that one alone.
//!
//! There is no coverage to guide the choice, which would need a nightly compiler. Instead inputs are made from valid files,
//! and checksums are made right again in half of them, so that damage gets past these.

mod formats;
mod mutate;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tidemill_core::{Clock, SystemClock};

use crate::checkpoint::testing::Random;
use formats::FORMATS;
use mutate::mutate;

/// How many inputs of a format are read when no time is given.
const INPUTS: u64 = 3000;
/// No input may take longer to read; a hundred times what any of them needs.
const INPUT_TIME_MAX: Duration = Duration::from_secs(20);

/// A format on disk.
struct Format {
    /// Its name, as it stands in the names of files under `target/fuzz`.
    name: &'static str,
    /// Valid files, some of each kind there is.
    examples: fn() -> Vec<Vec<u8>>,
    /// Makes the checksums right again, as far as they can be found.
    repair: fn(&mut [u8]),
    /// Reads it. A panic is a failure; an error is none.
    read: fn(&[u8]),
}

#[test]
fn formats_are_read_whatever_the_bytes() {
    let read_one = std::env::var_os("FUZZ_INPUT").map(PathBuf::from);
    let (next, threads) = (AtomicUsize::new(0), std::thread::available_parallelism().map_or(1, usize::from));
    let read_in_turn = || {
        while let Some(format) = FORMATS.get(next.fetch_add(1, Ordering::Relaxed)) {
            match &read_one {
                Some(path) => read_file(format, path),
                None => fuzz(format),
            }
        }
    };
    // A thread for each processor: a run takes as long as the formats that come to one of them.
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(read_in_turn))));
}

/// Reads the kept input if it is of this format.
fn read_file(format: &Format, path: &Path) {
    if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(format.name)) {
        (format.read)(&std::fs::read(path).unwrap());
    }
}

fn fuzz(format: &Format) {
    let time = std::env::var("FUZZ_SECONDS").ok().map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
    let clock = SystemClock::new();
    // Without a time the inputs are the same every time.
    let seed = time.map_or(0, |_| clock.now().micros());
    let (mut random, examples, start) = (Random::new(seed), (format.examples)(), clock.monotonic());
    examples.iter().for_each(|example| read(format, example, &clock));
    let mut inputs = 0;
    while time.map_or(inputs < INPUTS, |time| clock.monotonic() - start < time) {
        let mut input = mutate(&examples, &mut random);
        if random.chance(50) {
            (format.repair)(&mut input);
        }
        read(format, &input, &clock);
        inputs += 1;
    }
    if time.is_some() {
        eprintln!("{}: {inputs} inputs, seed {seed}, no failure", format.name);
    }
}

fn read(format: &Format, input: &[u8], clock: &SystemClock) {
    let start = clock.monotonic();
    let panicked = catch_unwind(AssertUnwindSafe(|| (format.read)(input))).is_err();
    let took = clock.monotonic() - start;
    if panicked || took > INPUT_TIME_MAX {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/fuzz");
        let path = folder.join(format!("{}-{:08x}", format.name, crc32fast::hash(input)));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, input).unwrap();
        panic!("{} fails or takes long ({took:?}): see FUZZ_INPUT={}", format.name, path.display());
    }
}

//! The driver: the process that is killed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tidemill::prelude::*;

use crate::programs::{self, Place};
use crate::{backlog, marks};

/// The word by which this program becomes a driver: `driver PROGRAM FOLDER PORT`.
pub(crate) const WORD: &str = "driver";
/// The time between batches.
pub(crate) const INTERVAL: Duration = Duration::from_millis(100);
/// Short enough that a batch has several blocks, and the log is written often.
const BLOCK_INTERVAL: &str = "40ms";

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    marks::install();
    let [program, folder, port] = arguments else { return ExitCode::FAILURE };
    let program = programs::ALL.iter().chain([&backlog::PROGRAM]).find(|it| it.name == program).unwrap();
    let place = Place { folder: PathBuf::from(folder), port: port.parse().unwrap() };
    let settings = [
        ("spark.master", "local[2]"),
        ("spark.streaming.blockInterval", BLOCK_INTERVAL),
        ("spark.streaming.receiver.writeAheadLog.enable", "true"),
        ("spark.streaming.receiverRestartDelay", "20ms"),
    ];
    let settings = Settings::from_pairs(settings.iter().chain(program.settings).copied());
    let streaming = StreamingContext::get_or_create(place.checkpoint(), || {
        let streaming = StreamingContext::new(&Context::new(&settings).unwrap(), INTERVAL)?;
        (program.declare)(&streaming, &place)?;
        Ok(streaming)
    });
    let ended = streaming.and_then(|streaming| {
        streaming.start()?;
        streaming.await_termination()
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("The driver fails: {error}");
            ExitCode::FAILURE
        }
    }
}

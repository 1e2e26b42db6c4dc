//! The `tidemill` command: a demo of streams, the table of settings, and where to find what is not here.

mod cli;

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Err(error) = cli::run() else { return ExitCode::SUCCESS };
    // Where nobody reads errors either, there is nothing left to say.
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
    ExitCode::FAILURE
}

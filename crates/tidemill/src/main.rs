//! The `tidemill` command of the Rust package: what there is without Python.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(tidemill::cli::main(std::env::args_os(), None))
}

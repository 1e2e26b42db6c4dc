//! The command line: what there is, and what `--help` says of it.

use std::ffi::OsString;
use std::io::{ErrorKind, Write};

use clap::{Parser, Subcommand};
use tidemill::Settings;

mod demo;

const EXAMPLES: &str = "\
Examples:
  tidemill demo                              counts the words of a generated text, second by second
  tidemill demo --connect localhost:9999     counts what you type into `nc -lk 9999`
  tidemill settings | less                   every setting, with its default and what it does

A program of your own is an ordinary Rust program: add the crate `tidemill` and start from
`use tidemill::prelude::*`. The examples in the repository are pages to learn from.";

/// Spark Streaming's programming model as a Rust engine: RDDs, DStreams, micro-batches.
#[derive(Parser)]
#[command(name = "tidemill", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Counts the words of a stream, batch by batch: the first look at what streams are
    Demo(demo::Options),
    /// Prints the table of settings, in Markdown
    Settings,
    /// Runs a Python program (comes with the Python package)
    #[command(disable_help_flag = true)]
    Run(Ignored),
    /// Opens a Python shell (comes with the Python package)
    #[command(disable_help_flag = true)]
    Shell(Ignored),
}

/// What is meant for a command that is not here.
#[derive(clap::Args)]
struct Ignored {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _arguments: Vec<OsString>,
}

/// Does what the command line says.
pub(crate) fn run() -> anyhow::Result<()> {
    match CommandLine::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Settings => print(&Settings::document()),
        Command::Run(_) => comes_with_python("run"),
        Command::Shell(_) => comes_with_python("shell"),
    }
}

fn comes_with_python(command: &str) -> anyhow::Result<()> {
    anyhow::bail!("`tidemill {command}` is part of the Python package, which is not released yet")
}

/// Prints to whoever reads; a reader that has seen enough (`| head`) is no error.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }
}

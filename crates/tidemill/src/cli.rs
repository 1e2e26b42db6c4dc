//! The command line, defined once: for the `tidemill` binary, and for the script of the Python package.
//!
//! The binary cannot run Python programs. The Python package calls the same [`main`] and brings what that needs: its
//! [`Programs`].

use std::ffi::OsString;
use std::io::{ErrorKind, Write};

use clap::{Parser, Subcommand};

use crate::Settings;

mod checkpoint;
mod demo;
mod properties;
mod submit;

pub use demo::Demo;
pub use submit::{Program, Submission};
use submit::{RunOptions, ShellOptions, SubmitOptions};

/// The exit code of a command that failed.
const FAILURE: u8 = 1;

const EXAMPLES: &str = "\
Examples:
  tidemill demo                              counts the words of a generated text, second by second
  tidemill demo --connect localhost:9999     counts what you type into `nc -lk 9999`
  tidemill run app.py                        runs a PySpark Streaming program as it is
  tidemill run --master local[4] app.py in/  the same on four threads, with an argument for the program
  tidemill shell                             a Python prompt with `sc` and `ssc`
  tidemill checkpoint show checkpoints/      what a program that is started again goes on from
  tidemill settings | less                   every setting, with its default and what it does

A program in Rust is an ordinary Rust program: add the crate `tidemill` and start from `use tidemill::prelude::*`. The
examples in the repository are pages to learn from.";

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
    /// Looks into a checkpoint directory: what a program that is started again goes on from
    #[command(subcommand)]
    Checkpoint(checkpoint::Command),
    /// Prints the table of settings, in Markdown
    Settings,
    /// Runs a Python program: PySpark Streaming programs run as they are
    Run(RunOptions),
    /// Opens a Python prompt with `sc`, a SparkContext, and `ssc`, a StreamingContext
    Shell(ShellOptions),
}

/// What runs Python programs: the Python package has it, the binary has not.
pub trait Programs {
    /// Runs a program to its end, and gives its exit code.
    fn run(&self, program: &Program) -> u8;

    /// Opens a prompt, and gives the exit code when it is left.
    fn shell(&self, submission: &Submission) -> u8;

    /// Counts the words that a server sends, batch by batch, and gives the exit code.
    fn demo(&self, demo: &Demo) -> u8;
}

/// Does what the command line says, and gives the exit code. The first of `arguments` is the name of the command itself.
///
/// Errors are told on standard error. A command line that makes no sense has the exit code 2.
pub fn main(arguments: impl IntoIterator<Item = OsString>, programs: Option<&dyn Programs>) -> u8 {
    let line = match CommandLine::try_parse_from(arguments) {
        Ok(line) => line,
        Err(told) => {
            // Where nobody reads, there is nothing to be done about it.
            let _ = told.print();
            return u8::try_from(told.exit_code()).unwrap_or(FAILURE);
        }
    };
    match obey(line.command, programs) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            FAILURE
        }
    }
}

/// Reads the words of `PYSPARK_SUBMIT_ARGS`: options as those of `tidemill run`, then a name that does not matter.
///
/// # Errors
/// What is wrong with the words, in a sentence.
///
/// ```
/// let words = ["--master", "local[2]", "--conf", "spark.default.parallelism=4", "pyspark-shell"];
/// let submission = tidemill::cli::submission(words.map(Into::into))?;
/// assert_eq!(submission.settings.get("spark.master"), Some("local[2]"));
/// # Ok::<(), String>(())
/// ```
pub fn submission(words: impl IntoIterator<Item = OsString>) -> Result<Submission, String> {
    /// The words, as a command line.
    #[derive(Parser)]
    #[command(name = "PYSPARK_SUBMIT_ARGS", no_binary_name = true)]
    struct Words {
        #[command(flatten)]
        options: SubmitOptions,
        #[arg(trailing_var_arg = true)]
        _name: Vec<OsString>,
    }
    let words = Words::try_parse_from(words).map_err(|told| told.to_string())?;
    words.options.submission().map_err(|error| format!("{error:#}"))
}

fn obey(command: Command, programs: Option<&dyn Programs>) -> anyhow::Result<u8> {
    match command {
        Command::Demo(options) => return demo::run(&options, programs),
        Command::Checkpoint(command) => {
            let mut text = Vec::new();
            let done = checkpoint::obey(&command, &mut text);
            print(&String::from_utf8_lossy(&text))?;
            done?;
        }
        Command::Settings => print(&Settings::document())?,
        Command::Run(options) => {
            let python = with_python(programs, "run")?;
            return Ok(python.run(&options.program()?));
        }
        Command::Shell(options) => {
            let python = with_python(programs, "shell")?;
            return Ok(python.shell(&options.submission()?));
        }
    }
    Ok(0)
}

fn with_python<'a>(programs: Option<&'a dyn Programs>, command: &str) -> anyhow::Result<&'a dyn Programs> {
    programs.ok_or_else(|| {
        anyhow::anyhow!(
            "`tidemill {command}` needs the Python package: `pip install tidemill`, or `make python` in a clone, which \
             installs it into .venv; then `.venv/bin/tidemill {command}` does it"
        )
    })
}

/// Prints to whoever reads; a reader that has seen enough (`| head`) is no error.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

#[cfg(test)]
mod tests;

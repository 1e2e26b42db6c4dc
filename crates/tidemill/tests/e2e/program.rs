//! A program that runs: its output line by line, signals to it, its end.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use tidemill::core::{Clock, SystemClock};

/// Longer than any busy machine needs for a batch.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// More lines than a program of these tests ever is ahead of its reader.
const LINES_AHEAD_MAX: usize = 1 << 16;

/// A running program. Dropping it ends it.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    /// What was read so far, for the message of a test that fails.
    seen: Vec<String>,
}

/// The `tidemill` command.
pub(crate) fn tidemill() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tidemill"))
}

/// An example, which cargo has built beside the tests.
pub(crate) fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").join("examples");
    let path: PathBuf = folder.join(name);
    assert!(path.exists(), "{} is not built: run `cargo build --examples` before this test alone", path.display());
    Command::new(path)
}

/// Sends `child` a signal, by name. The shell's own `kill` does it: a minimal Debian has no program of that name.
pub(crate) fn signal(child: &Child, name: &str) {
    let command = format!("kill -s {name} {}", child.id());
    let sent = Command::new("sh").args(["-c", &command]).status().unwrap();
    assert!(sent.success(), "{command} failed");
}

impl Program {
    /// Starts it; what it writes to stdout and to stderr is read as one.
    pub(crate) fn start(command: &mut Command) -> Program {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let (sender, lines) = sync_channel(LINES_AHEAD_MAX);
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        for source in [Box::new(out) as Box<dyn Read + Send>, Box::new(err)] {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                    if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                        return;
                    }
                }
            });
        }
        Program { child, lines, seen: Vec::new() }
    }

    /// Waits for a line that contains `text`, and returns it.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let clock = SystemClock::new();
        let deadline = clock.monotonic() + PATIENCE; // a stream prints on, whether the line comes or not
        loop {
            match self.lines.recv_timeout(deadline.saturating_sub(clock.monotonic())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.fail(format_args!("did not print {text:?} in {PATIENCE:?}")),
                Err(RecvTimeoutError::Disconnected) => self.fail(format_args!("ended without printing {text:?}")),
            }
        }
    }

    /// Waits for its end: how it ended, and all that it printed.
    #[track_caller]
    pub(crate) fn end(mut self) -> (ExitStatus, Vec<String>) {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break, // both outputs are closed
                Err(RecvTimeoutError::Timeout) => self.fail("does not end"),
            }
        }
        let status = self.child.wait().unwrap();
        (status, std::mem::take(&mut self.seen))
    }

    /// Sends it a signal, by name: `INT`, `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    #[track_caller]
    fn fail(&self, what: impl Display) -> ! {
        panic!("the program {what}; it printed:\n{}", self.seen.join("\n"));
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}

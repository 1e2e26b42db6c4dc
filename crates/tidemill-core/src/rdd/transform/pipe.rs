//! `pipe`: sends elements through a program.

use std::fmt::{Display, Write as _};
use std::sync::Arc;

use crate::rdd::{Input, Keeps, Rdd};
use crate::runs::{Runs, run_len};
use crate::ship::Function;
use crate::text::LineCursor;
use crate::{Stop, Text};

mod process;

use process::{News, Process};

/// The words of a command, and the variables that are set for it.
type Command = (Vec<String>, Vec<(String, String)>);

impl<T: Display + 'static> Rdd<T> {
    /// Starts a program for each partition, gives it each element as a line, and makes elements of the lines that it
    /// prints: Spark's `RDD.pipe`.
    ///
    /// `command` is the program and its arguments; no shell reads them. `variables` are set besides the environment of this
    /// process. The program may end before it has read everything. A task fails if its program cannot be started or ends
    /// with another status than 0; the failure then tells the last lines of what it printed to standard error.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let loud = context.parallelize(["tide", "mill"].map(String::from), 1).pipe(&["tr", "a-z", "A-Z"], &[]);
    /// assert_eq!(loud.collect()?, ["TIDE", "MILL"]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn pipe(&self, command: &[&str], variables: &[(&str, &str)]) -> Rdd<Text> {
        let command = command.iter().map(|word| word.to_string()).collect();
        let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let code = Function { env: (command, variables), call: () };
        self.narrow("pipe", Keeps::Nothing, code, |input, code: Arc<Function<Command, ()>>| {
            input.enter();
            let (command, variables) = &code.env;
            let process = Process::start(command, variables)?;
            Ok(Box::new(Pipe { input, is_fed: false, is_silent: false, process, lines: None }))
        })
    }
}

struct Pipe<T> {
    input: Input<T>,
    /// Whether the program has all its input, or takes no more.
    is_fed: bool,
    /// Whether it prints no more. It may still read, and do something else with what it reads.
    is_silent: bool,
    process: Process,
    lines: Option<LineCursor>,
}

/// So much text is given to the program at a time.
const FEED_BYTES: usize = 64 << 10;

impl<T: Display> Pipe<T> {
    /// Gives the program its next piece of input, or the end of it.
    fn feed(&mut self) -> Result<(), Stop> {
        let (mut text, mut run) = (String::new(), Vec::new());
        while text.len() < FEED_BYTES {
            let more = self.input.next(&mut run)?;
            for element in run.drain(..) {
                // Writing to a `String` fails only if `Display` does; then what it wrote so far is the line.
                let _ = writeln!(text, "{element}");
            }
            if !more {
                self.process.feed(text);
                self.process.end_input();
                self.is_fed = true;
                return Ok(());
            }
        }
        self.process.feed(text);
        Ok(())
    }
}

impl<T: Display> Runs<Text> for Pipe<T> {
    fn next(&mut self, into: &mut Vec<Text>) -> Result<bool, Stop> {
        self.input.enter();
        loop {
            if let Some(mut cursor) = self.lines.take() {
                if cursor.next_run(into, run_len::<Text>()) {
                    self.lines = Some(cursor);
                }
                if !into.is_empty() {
                    return Ok(true);
                }
            }
            if self.is_fed && self.is_silent {
                self.process.end()?;
                return Ok(false);
            }
            if !self.is_fed && self.process.is_hungry() {
                self.feed()?;
                continue;
            }
            self.input.cx.check()?;
            match self.process.news()? {
                Some(News::Output(block)) => self.lines = Some(block.lines()),
                Some(News::Fed) | None => {}
                Some(News::Deaf) => self.is_fed = true,
                Some(News::Ended) => self.is_silent = true,
            }
        }
    }
}

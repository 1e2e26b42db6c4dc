//! A program that is fed text and prints text, at the same time, without either side waiting for the other for ever.
//!
//! Elements stay in the task's thread. One thread writes to the program, one reads what it prints, one keeps the end of
//! what it says to standard error; all they exchange with the task are bounded queues. The task never waits to hand over
//! input: it makes more only when there is room, and in between it takes output.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::{Cause, TextBlock};

/// So many pieces of input may wait for the program.
const INPUT_PIECES_MAX: usize = 4;
/// So many blocks of output may wait for the task; the program then waits, as it does for a slow terminal.
const OUTPUT_BLOCKS_MAX: usize = 4;
/// So many bytes of output are read at a time.
const READ_BYTES: usize = 64 << 10;
/// A task that waits for its program looks this often whether it was cancelled.
const CANCEL_CHECK_EVERY: Duration = Duration::from_millis(100);
/// So much of the end of standard error is told in a failure.
const ERROR_TAIL_BYTES: usize = 4 << 10;
/// After the program's end, so long is waited for the end of its standard error, which a child of its own may hold open.
const ERROR_TAIL_WAIT: Duration = Duration::from_secs(1);

/// What happens to a program.
pub(super) enum News {
    /// It printed whole lines.
    Output(TextBlock),
    /// It took a piece of input.
    Fed,
    /// It takes no more input.
    Deaf,
    /// It prints no more.
    Ended,
}

/// A running program. Dropping it ends the program.
pub(super) struct Process {
    name: String,
    child: Child,
    input: Option<SyncSender<String>>,
    waiting_pieces: usize,
    news: Receiver<Result<News, Cause>>,
    error_tail: Arc<Mutex<VecDeque<u8>>>,
    /// Disconnected once standard error is at its end.
    error_end: Receiver<()>,
}

impl Process {
    /// Starts the program that is the first word of `command`, with the others as its arguments.
    pub(super) fn start(command: &[String], variables: &[(String, String)]) -> Result<Process, Cause> {
        let Some((name, arguments)) = command.split_first() else {
            return Err(Cause::Invalid("pipe needs a program: its command is empty".into()));
        };
        let mut command = Command::new(name);
        command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| Cause::file("start", name, e))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (tell, news) = sync_channel(INPUT_PIECES_MAX + OUTPUT_BLOCKS_MAX);
        let (input, pieces) = sync_channel(INPUT_PIECES_MAX);
        let (tell_error_end, error_end) = sync_channel(1);
        let error_tail = Arc::default();
        let (name, input) = (name.clone(), Some(input));
        let mut process = Process { name, child, input, waiting_pieces: 0, news, error_tail, error_end };
        let tail = Arc::clone(&process.error_tail);
        let tell_output = tell.clone();
        process.spawn("input", move || stdin.map(|stdin| write_pieces(stdin, &pieces, &tell)))?;
        process.spawn("output", move || stdout.map(|stdout| read_blocks(stdout, &tell_output)))?;
        process.spawn("errors", move || {
            let _at_end = tell_error_end;
            stderr.map(|stderr| read_tail(stderr, &tail))
        })?;
        Ok(process)
    }

    fn spawn<R: Send + 'static>(&mut self, role: &str, work: impl FnOnce() -> R + Send + 'static) -> Result<(), Cause> {
        let started = thread::Builder::new().name(format!("tidemill-pipe-{role}")).spawn(work);
        started.map(drop).map_err(|e| Cause::file("start a thread for", &self.name, e))
    }

    /// Whether there is room for a piece of input.
    pub(super) fn is_hungry(&self) -> bool {
        self.waiting_pieces < INPUT_PIECES_MAX
    }

    /// Hands over a piece of input, for which there must be room.
    pub(super) fn feed(&mut self, text: String) {
        // An error means that the program takes no more, of which there are news.
        if let Some(input) = &self.input
            && input.try_send(text).is_ok()
        {
            self.waiting_pieces += 1;
        }
    }

    /// Says that there is no more input.
    pub(super) fn end_input(&mut self) {
        self.input = None;
    }

    /// What happens next; `None` where nothing does for a while.
    pub(super) fn news(&mut self) -> Result<Option<News>, Cause> {
        match self.news.recv_timeout(CANCEL_CHECK_EVERY) {
            Ok(news) => {
                let news = news?;
                match news {
                    News::Fed => self.waiting_pieces -= 1,
                    News::Deaf => self.input = None,
                    News::Output(_) | News::Ended => {}
                }
                Ok(Some(news))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Ok(Some(News::Ended)),
        }
    }

    /// Waits for the program's end, which must be a good one.
    pub(super) fn end(&mut self) -> Result<(), Cause> {
        self.input = None;
        let status = self.child.wait().map_err(|e| Cause::file("wait for", &self.name, e))?;
        if status.success() {
            return Ok(());
        }
        let _ = self.error_end.recv_timeout(ERROR_TAIL_WAIT);
        let tail: Vec<u8> = self.error_tail.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        let tail = String::from_utf8_lossy(&tail);
        let said =
            if tail.trim().is_empty() { "it printed no error".into() } else { format!("it said: {}", tail.trim()) };
        Err(Cause::Invalid(format!("the program {} ended with {status}; {said}", self.name)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has usually ended, and then neither does anything. Its threads end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Tell = SyncSender<Result<News, Cause>>;

/// Writes pieces to the program, until there are no more or it takes no more. What nobody hears need not be told.
fn write_pieces(mut stdin: impl Write, pieces: &Receiver<String>, tell: &Tell) {
    while let Ok(piece) = pieces.recv() {
        if stdin.write_all(piece.as_bytes()).is_err() {
            let _ = tell.send(Ok(News::Deaf));
            return;
        }
        if tell.send(Ok(News::Fed)).is_err() {
            return;
        }
    }
}

/// Reads what the program prints, cut at ends of lines.
fn read_blocks(mut stdout: impl Read, tell: &Tell) {
    let mut rest = Vec::new();
    loop {
        let start = rest.len();
        rest.resize(start + READ_BYTES, 0);
        let count = match stdout.read(&mut rest[start..]) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                rest.truncate(start);
                continue;
            }
            Err(error) => {
                let _ = tell.send(Err(Cause::file("read the output of", "a program", error)));
                return;
            }
        };
        rest.truncate(start + count);
        let end =
            if count == 0 { rest.len() } else { start + memchr::memrchr(b'\n', &rest[start..]).map_or(0, |at| at + 1) };
        if end > 0 && (count == 0 || end > start) {
            let tail = rest.split_off(end);
            let block = TextBlock::from_utf8_lossy(std::mem::replace(&mut rest, tail));
            let block = block.map_err(|e| Cause::Invalid(format!("the output of a program: {e}")));
            if tell.send(block.map(|(block, _)| News::Output(block))).is_err() {
                return;
            }
        }
        if count == 0 {
            let _ = tell.send(Ok(News::Ended));
            return;
        }
    }
}

fn read_tail(mut stderr: impl Read, tail: &Mutex<VecDeque<u8>>) {
    let mut piece = [0; 1 << 10];
    while let Ok(count @ 1..) = stderr.read(&mut piece) {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(&piece[..count]);
        let excess = tail.len().saturating_sub(ERROR_TAIL_BYTES);
        tail.drain(..excess);
    }
}

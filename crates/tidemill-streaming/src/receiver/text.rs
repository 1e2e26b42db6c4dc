//! `TextReceived`: bytes of a stream of lines, gathered and cut into blocks of whole lines.
//!
//! The receiver's thread appends; the tick of a batch and the block interval cut. A cut takes all whole lines: what is not
//! ended yet waits for the next block. A lone `\r` ends a line at once, and a `\n` that then begins the next bytes is
//! its second half (behaviour 1.12).

use std::io::{self, Read};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidemill_core::TextBlock;
use tidemill_core::memory::{Grant, Pool};
use tidemill_core::settings::{Config, keys};

use crate::dead_letter::DeadLetter;
use crate::receiver::Gather;
use crate::receiver::blocks::Blocks;

mod lines;

pub(crate) use lines::LineEnds;
use lines::{Exceeded, LineLimit, count_lines, end_len, is_open, shown};

/// The most that is read at once: what the system's socket buffers hold at best.
const READ_BYTES_MAX: usize = 256 << 10;
/// The least room that is made for one read, however little memory there is for received data.
const READ_BYTES_MIN: usize = 4 << 10;
/// A new buffer has at least this capacity.
const BUFFER_BYTES_MIN: usize = 4 << 10;
/// A block has this many bytes after its text, so its buffer gets them from the start.
const PADDING: usize = 64;

/// The bytes that arrived and are in no block yet.
pub(crate) struct TextReceived {
    blocks: Arc<Blocks>,
    /// A block is cut at this size without waiting for the clock: where one more read may pass the limit of blocks.
    cut_at: usize,
    lines: LineLimit,
    /// The most that one read brings: a small part of what all received data may take.
    read_bytes: usize,
    state: Mutex<State>,
}

struct State {
    bytes: Vec<u8>,
    grant: Grant,
    /// The `\n` in `bytes`, counted as they come, while the processor has them at hand.
    newlines: u64,
    /// Where the search for the end of the last whole line may begin.
    searched: usize,
    /// The last block ended with `\r`; a `\n` that comes next belongs to it.
    after_return: bool,
    /// The line at hand is too long: its bytes are dropped up to its end.
    dropping: bool,
    malformed: u64,
    too_long: u64,
}

/// The capacity of a buffer for so many bytes: a power of two, so that what one block leaves to the allocator is what another
/// takes, and memory does not fall into pieces however long a stream runs.
fn capacity_for(bytes: usize) -> usize {
    (bytes + PADDING).next_power_of_two().max(BUFFER_BYTES_MIN)
}

impl TextReceived {
    pub(crate) fn new(blocks: &Arc<Blocks>, config: &Config) -> TextReceived {
        let block_bytes_max = config.get(keys::RECEIVER_BLOCK_SIZE).bytes() as usize;
        let bytes_max = config.get(keys::LINE_LENGTH_LIMIT).bytes() as usize;
        let exceeded = config.get(keys::LINE_LENGTH_EXCEEDED).parse().unwrap_or(Exceeded::Drop);
        TextReceived::with_limits(blocks, block_bytes_max, LineLimit { bytes_max, exceeded })
    }

    fn with_limits(blocks: &Arc<Blocks>, block_bytes_max: usize, lines: LineLimit) -> TextReceived {
        let memory = &blocks.environment().memory;
        let state = State {
            bytes: Vec::new(),
            grant: memory.grant(Pool::Received),
            newlines: 0,
            searched: 0,
            after_return: false,
            dropping: false,
            malformed: 0,
            too_long: 0,
        };
        let ceiling = memory.ceiling(Pool::Received);
        let read_bytes = ((ceiling / 8) as usize).clamp(READ_BYTES_MIN, READ_BYTES_MAX);
        // A line that is not ended yet cannot be given back: it must never be what fills the memory.
        let bytes_max = lines.bytes_max.min((ceiling / 2) as usize);
        let lines = LineLimit { bytes_max, ..lines };
        let cut_at = block_bytes_max.saturating_sub(read_bytes + PADDING).max(block_bytes_max / 2);
        TextReceived { blocks: Arc::clone(blocks), cut_at, lines, read_bytes, state: Mutex::new(state) }
    }

    /// Waits until memory allows to read once more; `false` once `cancelled` says so. While this waits nothing is read,
    /// so that TCP's own flow control holds back the sender.
    ///
    /// Whole lines become a block before, which a batch can use up, and the memory of a line that is not ended yet is
    /// asked for anew together with the room: a receiver that waits holds nothing that others, or itself, wait for.
    pub(crate) fn make_room(&self, cancelled: &dyn Fn() -> bool) -> bool {
        let wanted = {
            let mut state = self.lock();
            let wanted = (state.bytes.len() + self.read_bytes) as u64;
            let more = wanted.saturating_sub(state.grant.bytes());
            if self.blocks.grow(&mut state.grant, more) {
                return true;
            }
            self.cut_state(&mut state);
            state.grant.shrink_to(0);
            (state.bytes.len() + self.read_bytes) as u64
        };
        let Some(grant) = self.blocks.acquire(wanted, cancelled) else { return false };
        self.lock().grant.absorb(grant);
        true
    }

    /// Makes room to read once more, past the limits if need be: for what came before the end.
    pub(crate) fn make_room_at_end(&self) {
        let mut state = self.lock();
        let wanted = (state.bytes.len() + self.read_bytes) as u64;
        let more = wanted.saturating_sub(state.grant.bytes());
        state.grant.grow_past(more);
    }

    /// Reads once from `source`, which has bytes waiting, straight into the block at hand. 0 at its end.
    pub(crate) fn read_from(&self, source: &mut impl Read) -> io::Result<usize> {
        let mut state = self.lock();
        let start = state.bytes.len();
        if state.bytes.capacity() - start < self.read_bytes / 2 + PADDING {
            let wanted = capacity_for(start + if start > 0 { self.read_bytes } else { 0 });
            state.bytes.reserve_exact(wanted - start);
        }
        let room = (state.bytes.capacity() - start - PADDING).min(self.read_bytes);
        state.bytes.resize(start + room, 0);
        let read = source.read(state.bytes.get_mut(start..).unwrap_or_default());
        state.bytes.truncate(start + *read.as_ref().unwrap_or(&0));
        let newlines = memchr::memchr_iter(b'\n', state.bytes.get(start..).unwrap_or_default()).count();
        state.newlines += newlines as u64;
        let spare = state.grant.bytes().saturating_sub(state.bytes.len() as u64);
        state.grant.shrink(spare);
        if state.bytes.len() >= self.cut_at {
            self.cut_state(&mut state);
        }
        read
    }

    /// The connection ended: what is there is the last line, whole or not.
    pub(crate) fn end_of_stream(&self) {
        let mut state = self.lock();
        self.cut_state(&mut state);
        if !state.bytes.is_empty() && !state.dropping {
            let rest = mem::take(&mut state.bytes);
            self.store(&mut state, rest, Some(0));
        }
        state.bytes = Vec::new();
        state.grant.shrink_to(0);
        (state.searched, state.dropping, state.after_return) = (0, false, false);
    }

    fn cut_state(&self, state: &mut State) {
        if mem::take(&mut state.after_return) {
            match state.bytes.first() {
                Some(b'\n') => {
                    state.bytes.drain(..1);
                    state.newlines -= 1;
                }
                Some(_) => {}
                None => state.after_return = true,
            }
        }
        let searched = state.searched.min(state.bytes.len());
        let unsearched = state.bytes.get(searched..).unwrap_or_default();
        let Some(end) = memchr::memrchr2(b'\n', b'\r', unsearched).map(|at| searched + at + 1) else {
            state.searched = state.bytes.len();
            return self.limit_line(state);
        };
        state.searched = 0;
        state.after_return = state.bytes.get(end - 1) == Some(&b'\r');
        let rest = state.bytes.get(end..).unwrap_or_default();
        let mut next = Vec::with_capacity(capacity_for((rest.len() + end / 2).min(self.cut_at).max(rest.len())));
        next.extend_from_slice(rest);
        let mut block = mem::replace(&mut state.bytes, next);
        block.truncate(end);
        let mut newlines = Some(mem::take(&mut state.newlines)); // the rest has none: the block ends with the last line end
        if mem::take(&mut state.dropping) {
            let line = memchr::memchr2(b'\n', b'\r', &block).unwrap_or(block.len());
            let start = line + end_len(block.get(line..).unwrap_or_default());
            drop(block.drain(..start));
            newlines = None;
        }
        if block.len() > self.lines.bytes_max {
            block = self.lines.enforce(block, |line| self.exceeded(state, line));
            newlines = None;
        }
        if !block.is_empty() {
            self.store(state, block, newlines);
        }
    }

    /// Deals with a line that grows past the limit, so that a stream without line ends cannot fill memory: what comes of
    /// it from now on is dropped up to its end.
    fn limit_line(&self, state: &mut State) {
        if state.bytes.len() <= self.lines.bytes_max {
            return;
        }
        state.searched = 0;
        let mut line = mem::take(&mut state.bytes);
        if !mem::replace(&mut state.dropping, true) {
            self.exceeded(state, &line);
            if self.lines.exceeded == Exceeded::Cut {
                line.truncate(self.lines.cut(&line).len());
                self.store(state, line, Some(0));
            }
        }
        state.grant.shrink_to(0);
    }

    /// Counts a line that is too long, and tells of it: each time that their number has doubled.
    fn exceeded(&self, state: &mut State, line: &[u8]) {
        state.too_long += 1;
        let (stream, count, limit) = (self.blocks.name(), state.too_long, self.lines.bytes_max);
        if count.is_power_of_two() {
            tracing::warn!(
                stream,
                count,
                limit,
                "Lines are longer than tidemill.line.length.limit or half of tidemill.memory.received.limit; \
                 tidemill.line.length.exceeded says what becomes of them. Does the sender end its lines?"
            );
        }
        match self.lines.exceeded {
            Exceeded::Drop => self.blocks.count("droppedLines", 1),
            Exceeded::Cut => self.blocks.count("cutLines", 1),
            Exceeded::Fail => {
                let letter = DeadLetter::new(format_args!("a line is longer than {limit} bytes"), shown(line));
                self.blocks.fail(letter);
            }
        }
    }

    /// Makes a block of `bytes`, in which there are so many `\n`, if that is known.
    fn store(&self, state: &mut State, mut bytes: Vec<u8>, newlines: Option<u64>) {
        bytes.shrink_to(capacity_for(bytes.len()));
        let weight = bytes.len() as u64;
        let block = match TextBlock::from_utf8_lossy(bytes) {
            Ok((block, malformed)) => {
                self.count_malformed(state, malformed as u64);
                block
            }
            Err(error) => {
                tracing::error!(stream = self.blocks.name(), %error, "Received text is dropped.");
                return;
            }
        };
        let text = block.as_str().as_bytes();
        let newlines = newlines.filter(|_| !block.has_returns());
        let lines = newlines.map_or_else(|| count_lines(text), |newlines| newlines + is_open(text));
        let mut grant = state.grant.split(weight);
        let uncounted = weight.saturating_sub(grant.bytes());
        grant.grow_past(uncounted); // the bytes are here, whatever was asked for
        self.blocks.add(Arc::new(block), grant, lines);
    }

    fn count_malformed(&self, state: &mut State, malformed: u64) {
        if malformed == 0 {
            return;
        }
        if state.malformed == 0 {
            tracing::warn!(stream = self.blocks.name(), "Received text is no UTF-8; malformed parts become U+FFFD.");
        }
        state.malformed += malformed;
        self.blocks.count("malformedParts", malformed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gather for TextReceived {
    /// Cuts a block of the whole lines that have arrived, if there are any.
    fn cut(&self) {
        self.cut_state(&mut self.lock());
    }
}

#[cfg(test)]
mod tests;

//! Blocks of text as batches: lines end in `\n` alone, and no batch is longer than a worker likes to take at once.

use memchr::{memchr_iter, memrchr};
use tidemill_core::TextBlock;

use super::{Format, Payload, PyBatch};

/// About so much text is handed to a worker at a time: enough to be worth a call, little enough for `take(1)`.
pub const TEXT_RUN_BYTES: usize = 256 << 10;

/// The lines of a block, in batches cut at line ends. Where other ends than `\n` occur the text is written anew with it.
pub fn of_text(block: TextBlock) -> impl Iterator<Item = PyBatch> {
    let block = if block.has_returns() { with_newlines(&block) } else { block };
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = block.as_str().as_bytes().get(from..).filter(|rest| !rest.is_empty())?;
        let until = from + cut(rest);
        let payload = Payload::Text(block.clone(), from as u32, until as u32);
        from = until;
        Some(PyBatch { format: Format::Text, count: 0, payload })
    })
}

/// How much of `text` makes a batch: up to the last line end within the limit, or the one line that is longer.
fn cut(text: &[u8]) -> usize {
    let Some(first) = text.get(..TEXT_RUN_BYTES) else { return text.len() };
    match memrchr(b'\n', first) {
        Some(end) => end + 1,
        None => memchr::memchr(b'\n', text).map_or(text.len(), |end| end + 1),
    }
}

/// The same lines, each ended by `\n`.
fn with_newlines(block: &TextBlock) -> TextBlock {
    let mut text = String::with_capacity(block.len() + 1 + tidemill_core::text::PADDING);
    for line in block.lines() {
        text.push_str(line.as_str());
        text.push('\n');
    }
    // It is at most a byte longer than a block: where that is too much the block stays as it is, `\r` in its lines.
    TextBlock::new(text).unwrap_or_else(|_| block.clone())
}

/// How many lines there are; the last need not be ended.
pub(super) fn lines_in(text: &[u8]) -> usize {
    memchr_iter(b'\n', text).count() + usize::from(text.last().is_some_and(|last| *last != b'\n'))
}

//! Splits: which task reads which bytes of which text file, and the lines that belong to them.
//!
//! A split is a range of bytes. A line belongs to the split in which its first byte lies: a task skips the line that began
//! before its range and reads past the end of the range to finish its last line. So every line is read once, wherever the
//! ranges are cut.
//!
//! A line ends with `\n`, `\r\n` or a lone `\r`, or with the file. That is what Hadoop's reader takes for a line, so a line
//! never holds `\r` or `\n` and the blocks that leave here can use `\n` alone.

use std::path::{Path, PathBuf};

use memchr::{memchr, memchr_iter, memchr2, memrchr2};
use serde::{Deserialize, Serialize};

use crate::Cause;
use crate::files::compression::{Compression, FileReader, refuse_unsupported, shrunk};
use crate::files::paths::InputFile;

/// How long a split gets at most unless told otherwise: the block length that Hadoop reports for local files.
pub const SPLIT_BYTES: u64 = 32 << 20;

/// How many bytes of whole lines make a block: enough that the cost of a block does not show, little enough that a few
/// blocks a task fit into the cache.
const BLOCK_BYTES: u64 = 1 << 20;

/// How many bytes at a time are read past the end of a split: its last line is usually short.
const PAST_END_BYTES: u64 = 16 << 10;

/// A byte order mark at the start of a file is no part of its first line.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A part of a file, read by one task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSplit {
    /// The file.
    pub path: PathBuf,
    /// The first byte.
    pub start: u64,
    /// The byte after the last one. A compressed file is one split, from 0 to its compressed length.
    pub end: u64,
    /// How the file is compressed.
    pub compression: Compression,
}

impl FileSplit {
    /// Whether the file was empty when it was listed. Spark 3.5 makes no partition of such a split unless
    /// `spark.hadoopRDD.ignoreEmptySplits` is false.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

/// Cuts files into splits as Hadoop's `FileInputFormat` does: each as long as would give `min_partitions` splits, but not
/// longer than `split_bytes` (what `tidemill.text.split.size` says; its default is [`SPLIT_BYTES`]); the last split of a file may be a tenth longer than the others. A
/// compressed file is one split, and so is an empty one.
///
/// Splits come in the order of the files.
pub fn plan(files: &[InputFile], min_partitions: usize, split_bytes: u64) -> Vec<FileSplit> {
    let total: u64 = files.iter().map(|file| file.length).sum();
    let goal = total / (min_partitions.max(1) as u64);
    cut(files, goal.min(split_bytes).max(1))
}

/// Cuts plain files into splits of `length` bytes, with Hadoop's slack for the last one.
pub(crate) fn cut(files: &[InputFile], length: u64) -> Vec<FileSplit> {
    let mut splits = Vec::new();
    for file in files {
        let split = |start, end| FileSplit { path: file.path.clone(), start, end, compression: file.compression };
        let mut start = 0;
        // A rest of up to 1.1 lengths stays in one piece.
        while file.compression == Compression::Plain && u128::from(file.length - start) * 10 > u128::from(length) * 11 {
            splits.push(split(start, start + length));
            start += length;
        }
        if start < file.length || file.length == 0 {
            splits.push(split(start, file.length));
        }
    }
    splits
}

/// The lines of a split, in blocks of about a MiB: each block holds whole lines, each ended by one `\n`, the last line of a
/// file as well. Blocks are never empty. A byte order mark at the start of a file is left out.
///
/// A line longer than `limit` bytes is an error that names the file and the place. Other errors: the file is gone, shorter
/// than it was, or damaged. After an error there are no more blocks.
pub fn read(split: &FileSplit, limit: usize) -> Result<LineBlocks, Cause> {
    LineBlocks::open(split, limit, BLOCK_BYTES)
}

/// The blocks of whole lines of one split; see [`read`].
pub struct LineBlocks {
    /// Nothing once the last block is out.
    file: Option<FileReader>,
    /// What was read and not handed out: it starts where a line starts.
    rest: Vec<u8>,
    /// How much of `rest` is known to hold no end of a line.
    searched: usize,
    /// Where `rest` begins: the byte of the file, or of the decompressed text.
    offset: u64,
    /// Lines that start here or later belong to another split. The greatest number for a compressed file.
    end: u64,
    limit: usize,
    block_bytes: u64,
}

impl LineBlocks {
    fn open(split: &FileSplit, limit: usize, block_bytes: u64) -> Result<LineBlocks, Cause> {
        refuse_unsupported(&split.path)?;
        let is_plain = split.compression == Compression::Plain;
        let end = if is_plain { split.end } else { u64::MAX };
        let mut blocks =
            LineBlocks { file: None, rest: Vec::new(), searched: 0, offset: split.start, end, limit, block_bytes };
        if split.is_empty() {
            return Ok(blocks);
        }
        if !is_plain {
            blocks.file = Some(FileReader::open(&split.path, split.compression, split.end)?);
            return Ok(blocks);
        }
        // One byte earlier: only the byte before shows whether a line starts at the start.
        blocks.offset = split.start.saturating_sub(1);
        let mut file = FileReader::open_raw(&split.path, blocks.offset, split.end)?;
        if split.start == 0 || blocks.skip_line(&mut file)? {
            blocks.file = Some(file);
        }
        Ok(blocks)
    }

    /// Skips the rest of the line that began before the split. Returns whether a line starts in the split at all.
    fn skip_line(&mut self, file: &mut FileReader) -> Result<bool, Cause> {
        while self.offset < self.end {
            self.read_more(file)?;
            if let Some(next) = next_line(&self.rest, 0) {
                self.rest.drain(..next);
                self.offset += next as u64;
                return Ok(self.offset < self.end);
            }
            // A `\r` stays until it is known what follows it.
            let kept = usize::from(self.rest.last() == Some(&b'\r'));
            self.offset += (self.rest.len() - kept) as u64;
            self.rest.drain(..self.rest.len() - kept);
            if kept == 1 && self.read_more(file)? == 0 {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Reads on behind `rest`. Returns how many bytes came; none at the end of the file.
    fn read_more(&mut self, file: &mut FileReader) -> Result<u64, Cause> {
        let at = self.offset + self.rest.len() as u64;
        let in_split = self.end.saturating_sub(at);
        let want = if in_split > 0 { in_split.min(self.block_bytes) } else { PAST_END_BYTES.min(self.block_bytes) };
        self.rest.reserve_exact(want as usize);
        let count = file.fill(&mut self.rest, want)?;
        if self.end != u64::MAX && in_split > 0 && count < want {
            return Err(shrunk(file.path()));
        }
        Ok(count)
    }

    /// The next block, before its lines are brought to one form; empty if there is none.
    fn next_block(&mut self) -> Result<Vec<u8>, Cause> {
        let Some(mut file) = self.file.take() else { return Ok(Vec::new()) };
        while self.offset < self.end {
            if let Some(cut) = self.find_cut() {
                let block = self.take_block(cut, file.path())?;
                self.file = Some(file);
                return Ok(block);
            }
            // A `\r` at the end is looked at again together with what follows it.
            self.searched = self.rest.len() - usize::from(self.rest.last() == Some(&b'\r'));
            if self.searched > self.limit {
                return Err(too_long(file.path(), self.offset, self.limit));
            }
            if self.read_more(&mut file)? == 0 {
                // The last line of the file, with or without an end.
                return self.take_block(self.rest.len(), file.path());
            }
        }
        Ok(Vec::new())
    }

    /// Where to cut `rest` so that what comes before are whole lines of this split, as many as there are.
    fn find_cut(&self) -> Option<usize> {
        let in_split = self.end - self.offset;
        if (self.rest.len() as u64) <= in_split {
            return last_line_end(&self.rest, self.searched);
        }
        // The last line of the split is the one that holds its last byte.
        next_line(&self.rest, self.searched.max(in_split as usize - 1))
    }

    /// Takes the first `cut` bytes of `rest` as a block.
    fn take_block(&mut self, cut: usize, path: &Path) -> Result<Vec<u8>, Cause> {
        let tail = self.rest.split_off(cut);
        let mut block = std::mem::replace(&mut self.rest, tail);
        if let Some(start) = find_long_line(&block, self.limit) {
            return Err(too_long(path, self.offset + start as u64, self.limit));
        }
        if self.offset == 0 && block.starts_with(BYTE_ORDER_MARK) {
            block.drain(..BYTE_ORDER_MARK.len());
        }
        self.offset += cut as u64;
        self.searched = 0;
        if block.capacity() / 2 > block.len() {
            block.shrink_to_fit();
        }
        Ok(block)
    }
}

impl Iterator for LineBlocks {
    type Item = Result<Vec<u8>, Cause>;

    fn next(&mut self) -> Option<Result<Vec<u8>, Cause>> {
        match self.next_block() {
            Ok(block) if block.is_empty() => None,
            Ok(block) => Some(Ok(with_plain_line_ends(block))),
            Err(cause) => {
                self.file = None;
                Some(Err(cause))
            }
        }
    }
}

/// Where the line after the first line end at or behind `from` starts. Nothing if no line ends there, or if it ends with a
/// `\r` whose successor is not known yet.
fn next_line(bytes: &[u8], from: usize) -> Option<usize> {
    let at = from + memchr2(b'\n', b'\r', bytes.get(from..)?)?;
    if bytes[at] == b'\n' {
        return Some(at + 1);
    }
    bytes.get(at + 1).map(|&next| at + 1 + usize::from(next == b'\n'))
}

/// Where the last whole line of `bytes` ends, if one ends at or behind `from`. A `\r` that comes last ends none yet: a `\n`
/// may follow.
fn last_line_end(bytes: &[u8], from: usize) -> Option<usize> {
    let known = bytes.len() - usize::from(bytes.last() == Some(&b'\r'));
    memrchr2(b'\n', b'\r', bytes.get(from..known)?).map(|at| from + at + 1)
}

/// Where a line of more than `limit` bytes starts, its end not counted.
fn find_long_line(block: &[u8], limit: usize) -> Option<usize> {
    if block.len() <= limit {
        return None;
    }
    let mut start = 0;
    for end in memchr::memchr2_iter(b'\n', b'\r', block).chain([block.len()]) {
        if end - start > limit {
            return Some(start);
        }
        start = end + 1;
    }
    None
}

fn too_long(path: &Path, offset: u64, limit: usize) -> Cause {
    Cause::Invalid(format!(
        "the line of {} that starts at byte {offset} is longer than {limit} bytes, which is the limit; raise the limit if \
         the file has such lines, or read it with binaryFiles or binaryRecords if it is not text",
        path.display()
    ))
}

/// Ends every line with one `\n`.
fn with_plain_line_ends(mut block: Vec<u8>) -> Vec<u8> {
    if memchr(b'\r', &block).is_some() {
        block = without_carriage_returns(&block);
    }
    if block.last() != Some(&b'\n') {
        block.push(b'\n');
    }
    block
}

fn without_carriage_returns(block: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(block.len() + 1);
    let mut start = 0;
    for at in memchr_iter(b'\r', block) {
        plain.extend_from_slice(&block[start..at]);
        // Of a pair, the `\n` that follows is taken over with the next piece.
        if block.get(at + 1) != Some(&b'\n') {
            plain.push(b'\n');
        }
        start = at + 1;
    }
    plain.extend_from_slice(&block[start..]);
    plain
}

#[cfg(test)]
mod tests;

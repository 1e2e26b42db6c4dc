//! `Blobs`: bytes that wait on disk and are read back piece by piece, in any order, as often as wanted.
//!
//! What is written goes to the end of one file until that is full, then to the next. Each [`Blob`] stands for one piece and
//! keeps the file that it is in; a file's room on disk is free again when its last blob goes. The files have no names: each
//! is taken out of its folder as soon as it is open, so nothing is left of them when the process is killed.
//!
//! # Format
//! All numbers are little-endian. A file is a sequence of pieces:
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | length of the piece |
//! | 4 | CRC-32 of that length and the piece |
//! | | the piece |
//!
//! Where each begins, its blob knows. The files live no longer than the process, so there is no other version to read.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::SpillDir;
use super::frames::{TOO_SHORT, checksum};
use crate::Cause;

/// Length and checksum.
const HEADER: usize = 8;

/// A file is closed when it has this size: so few files are open however much is on disk, and the room of what is not
/// needed any more is waited for in no larger lumps.
const FILE_BYTES: u64 = 256 << 20;

/// A writer gathers so much before it writes.
const BUFFER_BYTES: usize = 256 << 10;

/// What a reader reads at once where blobs are far from each other, and the most where they follow each other.
const AHEAD: [usize; 2] = [4 << 10, 128 << 10];

/// Takes pieces to disk. Share it by reference: all of its users write to the same files.
#[derive(Debug)]
pub struct Blobs {
    dir: SpillDir,
    file_bytes: u64,
    files: Mutex<Files>,
}

#[derive(Debug, Default)]
struct Files {
    current: Option<Arc<BlobFile>>,
    /// Those that are full.
    closed: Vec<Weak<BlobFile>>,
}

/// A file of blobs.
#[derive(Debug)]
pub(crate) struct BlobFile {
    file: File,
    /// Where it was made.
    path: PathBuf,
    length: AtomicU64,
    /// How many blobs were written to it.
    count: AtomicU64,
    is_closed: AtomicBool,
}

/// One piece on disk. Cloning it clones a pointer.
#[derive(Clone, Debug)]
pub struct Blob {
    pub(crate) file: Arc<BlobFile>,
    pub(crate) at: u32,
}

impl Blobs {
    /// Where nothing is written yet; no file is made before it is needed.
    pub fn new(dir: &SpillDir) -> Blobs {
        Blobs { dir: dir.clone(), file_bytes: FILE_BYTES, files: Mutex::default() }
    }

    /// Others in the same folders, with files of their own.
    pub fn beside(&self) -> Blobs {
        Blobs { dir: self.dir.clone(), file_bytes: self.file_bytes, files: Mutex::default() }
    }

    /// With files that are closed at another size.
    #[cfg(test)]
    pub(crate) fn with_file_bytes(self, file_bytes: u64) -> Blobs {
        Blobs { file_bytes, ..self }
    }

    /// Writes one piece. For many of them a [`writer`](Self::writer) is faster.
    ///
    /// # Errors
    /// [`Cause::Spill`], which names the file, if no folder can be written.
    pub fn put(&self, bytes: &[u8]) -> Result<Blob, Cause> {
        let mut writer = self.writer();
        writer.push(|buffer| Ok([buffer.as_slice(), bytes].concat()))?;
        let mut written = writer.flush()?;
        written.pop().ok_or_else(|| Cause::Invalid("a piece was written and is not there".into()))
    }

    /// Where the files are.
    pub fn dir(&self) -> &SpillDir {
        &self.dir
    }

    /// Writes pieces a buffer at a time.
    pub fn writer(&self) -> BlobWriter<'_> {
        BlobWriter { blobs: self, buffer: Vec::new(), starts: Vec::new(), written: Vec::new() }
    }

    /// Whether there are files of which [`BlobFile::is_mostly_dead`] holds.
    pub(crate) fn has_waste(&self) -> bool {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.closed.retain(|file| file.strong_count() > 0);
        files.closed.iter().filter_map(Weak::upgrade).any(|file| file.is_mostly_dead())
    }

    /// Appends `bytes`, which are `count` pieces; returns where they begin.
    fn append(&self, bytes: &[u8], count: u64) -> Result<(Arc<BlobFile>, u32), Cause> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.current.take() {
            let begin = file.length.load(Relaxed);
            let fits = begin + bytes.len() as u64 <= self.file_bytes;
            // Where its disk takes no more, the next file finds another one.
            if fits && (&file.file).write_all(bytes).is_ok() {
                file.wrote(bytes.len(), count);
                files.current = Some(Arc::clone(&file));
                return Ok((file, begin as u32));
            }
            file.is_closed.store(true, Relaxed);
            files.closed.push(Arc::downgrade(&file));
        }
        let mut out = self.dir.create()?;
        out.write_all(bytes).map_err(|error| Cause::spill(&*out.path, error))?;
        let file = Arc::new(BlobFile {
            path: out.path.to_path_buf(),
            file: out.file,
            length: AtomicU64::new(0),
            count: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
        });
        file.wrote(bytes.len(), count);
        drop(out.path); // its name goes, the file is there as long as it is open
        files.current = Some(Arc::clone(&file));
        Ok((file, 0))
    }
}

impl BlobFile {
    /// Whether it is full, and most of its blobs are gone: the others are worth to be written again.
    pub(crate) fn is_mostly_dead(self: &Arc<Self>) -> bool {
        self.is_closed.load(Relaxed) && (Arc::strong_count(self) as u64) * 2 < self.count.load(Relaxed)
    }

    fn wrote(&self, bytes: usize, count: u64) {
        self.length.fetch_add(bytes as u64, Relaxed);
        self.count.fetch_add(count, Relaxed);
    }

    fn damaged(&self, why: &'static str) -> Cause {
        Cause::Damaged { path: self.path.clone(), why }
    }

    /// The file itself, to be damaged.
    #[cfg(test)]
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

impl Blob {
    /// The piece. For many of them a [`BlobReader`] is faster.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else than was written.
    pub fn read(&self) -> Result<Vec<u8>, Cause> {
        BlobReader::new().read(self).map(<[u8]>::to_vec)
    }

    /// Where its file was made: the file has no name any more.
    pub fn path(&self) -> &Path {
        &self.file.path
    }
}

/// Gathers pieces and writes them. What was pushed and not flushed is lost with it, and after an error.
#[derive(Debug)]
pub struct BlobWriter<'a> {
    blobs: &'a Blobs,
    buffer: Vec<u8>,
    /// Where in the buffer each piece begins.
    starts: Vec<u32>,
    written: Vec<Blob>,
}

impl BlobWriter<'_> {
    /// Adds a piece: what `write` appends to the bytes that it is given.
    ///
    /// # Errors
    /// That of `write`; [`Cause::Spill`] if no folder can be written.
    pub fn push(&mut self, write: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, Cause>) -> Result<(), Cause> {
        let start = self.buffer.len();
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.extend([0; HEADER]);
        buffer = write(buffer)?;
        let Some((header, piece)) = buffer.get_mut(start..).and_then(|rest| rest.split_at_mut_checked(HEADER)) else {
            return Err(Cause::Invalid("what writes a piece has taken bytes away".into()));
        };
        let length = u32::try_from(piece.len());
        let length = length.map_err(|_| Cause::Invalid("a value takes more than 4 GiB".into()))?.to_le_bytes();
        let sum = checksum(&length, piece).to_le_bytes();
        header.copy_from_slice(&[length, sum].concat());
        self.buffer = buffer;
        self.starts.push(start as u32);
        if self.buffer.len() >= BUFFER_BYTES { self.write() } else { Ok(()) }
    }

    /// Writes what was pushed; returns the blobs since the last flush, in order.
    ///
    /// # Errors
    /// [`Cause::Spill`], which names the file, if no folder can be written.
    pub fn flush(&mut self) -> Result<Vec<Blob>, Cause> {
        self.write()?;
        Ok(std::mem::take(&mut self.written))
    }

    fn write(&mut self) -> Result<(), Cause> {
        if self.starts.is_empty() {
            return Ok(());
        }
        let starts = std::mem::take(&mut self.starts);
        let (file, begin) = self.blobs.append(&self.buffer, starts.len() as u64)?;
        self.written.extend(starts.iter().map(|start| Blob { file: Arc::clone(&file), at: begin + start }));
        self.buffer.clear();
        self.buffer.shrink_to(2 * BUFFER_BYTES); // one huge piece is no reason to keep its room
        Ok(())
    }
}

/// Reads blobs; fastest in about the order in which they were written, since it reads ahead.
#[derive(Debug, Default)]
pub struct BlobReader {
    /// The file that the window shows a part of.
    file: Option<Arc<BlobFile>>,
    start: u64,
    window: Vec<u8>,
    ahead: usize,
}

impl BlobReader {
    /// One that has read nothing.
    pub fn new() -> BlobReader {
        BlobReader::default()
    }

    /// The piece of a blob.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else than was written.
    pub fn read(&mut self, blob: &Blob) -> Result<&[u8], Cause> {
        self.read_at(&blob.file, blob.at)
    }

    pub(crate) fn read_at(&mut self, file: &Arc<BlobFile>, at: u32) -> Result<&[u8], Cause> {
        let head = self.look(file, u64::from(at), HEADER)?;
        let [length, sum] = [0, 4].map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|byte| head[at + byte])));
        let piece = &self.look(file, u64::from(at), HEADER + length as usize)?[HEADER..];
        if checksum(&length.to_le_bytes(), piece) != sum {
            return Err(file.damaged("the checksum of a piece does not fit"));
        }
        Ok(piece)
    }

    /// So many bytes of the file.
    fn look(&mut self, file: &Arc<BlobFile>, at: u64, count: usize) -> Result<&[u8], Cause> {
        let is_same = self.file.as_ref().is_some_and(|held| Arc::ptr_eq(held, file));
        let end = self.start + self.window.len() as u64;
        if !is_same || at < self.start || at + count as u64 > end {
            let follows = is_same && at >= self.start && at <= end + self.ahead as u64;
            self.ahead = if follows { (self.ahead * 2).min(AHEAD[1]) } else { AHEAD[0] };
            let there = file.length.load(Relaxed).saturating_sub(at);
            let length = (self.ahead.max(count) as u64).min(there) as usize;
            self.file = None; // until the window is filled
            if length < count {
                return Err(file.damaged(TOO_SHORT));
            }
            self.window.resize(length, 0);
            if file.file.read_exact_at(&mut self.window, at).is_err() {
                self.window.truncate(count); // what lies behind may be damaged, and this not
                file.file.read_exact_at(&mut self.window, at).map_err(|error| read_error(file, error))?;
            }
            (self.file, self.start) = (Some(Arc::clone(file)), at);
        }
        let begin = (at - self.start) as usize;
        Ok(&self.window[begin..begin + count])
    }
}

fn read_error(file: &BlobFile, error: io::Error) -> Cause {
    match error.kind() {
        ErrorKind::UnexpectedEof => file.damaged(TOO_SHORT),
        _ => Cause::file("read", &file.path, error),
    }
}

#[cfg(test)]
mod tests;

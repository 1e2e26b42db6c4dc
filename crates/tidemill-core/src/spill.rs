//! Spill files: sequences of records that wait on disk until their task wants them back.
//!
//! [`Blobs`] are the other kind: bytes that are read piece by piece, in any order.
//!
//! A [`SpillDir`] makes a directory of its own, which nobody else may enter, in each folder that gets a file, and removes
//! them with everything in them when the last handle is gone. A [`SpillWriter`] writes one file and becomes a [`Spilled`],
//! which [`SpillReader`]s read, frame by frame, as often as wanted. The file is removed with the last of them.
//!
//! # Format
//! All numbers are little-endian.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `TMSPILL` and the version, 1 |
//! | 8 | FNV-1a of the Rust name of the records' type |
//! | | then frames: |
//! | 4 | length of the frame's payload |
//! | 4 | number of its records, at least 1 |
//! | 4 | CRC-32 of those eight bytes and the payload |
//! | | the payload: the records in postcard, one after another |
//! | | then the end frame: as the others, with 0 records and as payload the number of all records and of all frames (8 bytes each) |
//!
//! The files live no longer than the process that wrote them, so there is no other version to read.

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempPath;

use crate::memory::Pool;
use crate::{Cause, Runs, Stop, run_len};

mod blobs;
mod budget;
mod folders;
mod frames;
mod merge;

pub(crate) use blobs::BlobFile;
pub use blobs::{Blob, BlobReader, BlobWriter, Blobs};
pub(crate) use budget::Budget;
pub use folders::SpillDir;
use folders::SpillOut;
use frames::{Flaw, FrameReader, FrameWriter};
pub(crate) use merge::{Merged, fan_in, merge_passes};

/// Writes records of type `T` to a new file.
#[derive(Debug)]
pub struct SpillWriter<T> {
    frames: FrameWriter<SpillOut>,
    records: PhantomData<fn(T)>,
}

impl<T> SpillWriter<T> {
    /// Starts a file whose frames hold about `frame_bytes` each: that many are in memory while it is written or read.
    pub fn create(dir: &SpillDir, frame_bytes: usize) -> Result<SpillWriter<T>, Cause> {
        let frames = FrameWriter::new(dir.create()?, type_hash::<T>(), frame_bytes);
        Ok(SpillWriter { frames, records: PhantomData })
    }

    /// Appends a record.
    pub fn push(&mut self, record: &T) -> Result<(), Cause>
    where
        T: Serialize,
    {
        self.push_as(record)
    }

    /// Appends something that encodes as a `T` does, such as a tuple of references for a tuple of values.
    pub fn push_as<R: Serialize>(&mut self, record: &R) -> Result<(), Cause> {
        self.frames.push(record).map_err(|flaw| flaw.cause::<T>(Cause::spill, &self.frames.out().path))
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<Spilled<T>, Cause> {
        let written = self.frames.finish().map_err(|error| Cause::spill(&*self.frames.out().path, error))?;
        let SpillOut { path, dir, .. } = self.frames.into_out();
        Ok(Spilled {
            file: Arc::new(SpillFile { path, _dir: dir }),
            records: written.records,
            frame_bytes: written.largest_frame,
            marker: PhantomData,
        })
    }
}

/// A file that is removed when nobody needs it any more, and keeps its directory until then.
#[derive(Debug)]
struct SpillFile {
    path: TempPath,
    _dir: SpillDir,
}

/// A file of records of type `T`.
#[derive(Debug)]
pub struct Spilled<T> {
    file: Arc<SpillFile>,
    records: u64,
    frame_bytes: usize,
    marker: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Spilled<T> {
    /// Reads the records from the first on.
    pub fn read(&self) -> Result<SpillReader<T>, Cause> {
        let opened = File::open(&self.file.path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) = opened.map_err(|error| Cause::file("read", self.path(), error))?;
        let frames = FrameReader::new(file, length, type_hash::<T>());
        Ok(SpillReader { frames, file: Arc::clone(&self.file), marker: PhantomData })
    }
}

impl<T> Spilled<T> {
    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// How many bytes a reader holds in memory: the largest frame.
    pub fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.file.path
    }
}

/// Reads records back in the order in which they were written.
#[derive(Debug)]
pub struct SpillReader<T> {
    frames: FrameReader<File>,
    file: Arc<SpillFile>,
    marker: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> SpillReader<T> {
    /// The next record, `None` after the last.
    pub fn next_record(&mut self) -> Result<Option<T>, Cause> {
        self.frames
            .next()
            .map_err(|flaw| flaw.cause::<T>(|path, error| Cause::file("read", path, error), &self.file.path))
    }
}

impl<T: DeserializeOwned> Runs<T> for SpillReader<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        fill(into, || self.next_record())
    }
}

/// Appends up to a run of what `next` gives.
pub(crate) fn fill<T>(into: &mut Vec<T>, mut next: impl FnMut() -> Result<Option<T>, Cause>) -> Result<bool, Stop> {
    for count in 0..run_len::<T>() {
        match next()? {
            Some(record) => into.push(record),
            None => return Ok(count > 0),
        }
    }
    Ok(true)
}

impl Flaw {
    /// The flaw of a file of `T`s at `path`, where `file` makes a cause of what the system said.
    fn cause<T>(self, file: impl FnOnce(PathBuf, io::Error) -> Cause, path: &Path) -> Cause {
        match self {
            Flaw::File(error) => file(path.to_path_buf(), error),
            Flaw::Damaged(why) => Cause::Damaged { path: path.to_path_buf(), why },
            Flaw::Encode(error) => Cause::codec::<T>("encode", error),
            Flaw::Decode(error) => Cause::codec::<T>("decode", error),
        }
    }
}

/// What to say when a `T` must go to disk, the limit of `pool` being passed, and cannot be encoded. Other causes stay.
pub(crate) fn over_limit<T>(cause: Cause, pool: Pool) -> Cause {
    let Cause::Codec { doing: "encode", source, .. } = cause else { return cause };
    Cause::Invalid(format!(
        "the memory limit is reached, and values of type {} cannot be written to disk to stay below it ({source}): \
         raise {}, or use types that serde can write",
        std::any::type_name::<T>(),
        pool.setting(),
    ))
}

/// FNV-1a of the name of `T`.
fn type_hash<T>() -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    std::any::type_name::<T>().bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The size of frames for who has `memory` bytes: 4 to 128 KiB, so that 64 files can be merged at once where that fits,
/// and each read from disk is worth its seek where there is memory to spare.
pub(crate) fn frame_bytes(memory: u64) -> usize {
    (memory / 128).clamp(4 << 10, 128 << 10) as usize
}

#[cfg(test)]
mod tests;

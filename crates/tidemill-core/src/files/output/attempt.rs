//! `Attempts`: the files that the tasks of a job write, of which one a partition is committed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::names::{publish, sync};
use super::{COMMITTED, PART, write_failure};
use crate::Cause;
use crate::files::compression::{CompressingFile, Compression};

/// Where the tasks of a job write. Plain data: it travels to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    pub(super) temporary: PathBuf,
    pub(super) compression: Compression,
    pub(super) sync: bool,
}

/// How the commit of an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// This attempt's file is the partition's part.
    Committed {
        /// How long the file is, compressed if it is.
        file_bytes: u64,
    },
    /// Another attempt had committed the partition; this one's file is removed. No failure: the data are there.
    AnotherWasFirst,
}

impl Attempts {
    /// Starts the file of one attempt at `partition`. No other attempt of the job may have the number `attempt` and the same
    /// partition.
    ///
    /// Fails when the job is over: its folder for attempts is gone then, and is not made again.
    pub fn start_attempt(&self, partition: usize, attempt: u64) -> Result<AttemptFile, Cause> {
        let folder = self.temporary.join(attempt.to_string());
        match fs::create_dir(&folder) {
            Ok(()) => {}
            // Another partition has an attempt of that number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(write_failure("create", &folder, error)),
        }
        let path = folder.join(self.part_name(partition));
        // A number given twice is an error here: two writers of one file would mix their bytes.
        let file = File::create_new(&path).and_then(|file| CompressingFile::new(file, self.compression));
        let file = file.map_err(|e| write_failure("create", &path, e))?;
        let committed = self.temporary.join(COMMITTED).join(self.part_name(partition));
        Ok(AttemptFile { path, committed, file: Some(file), bytes: 0, sync: self.sync })
    }

    /// What a partition's part is called.
    pub(super) fn part_name(&self, partition: usize) -> String {
        format!("{PART}{partition:05}{}", self.compression.suffix())
    }
}

/// The file that one attempt at a partition writes. Dropped without a commit, it is removed.
pub struct AttemptFile {
    pub(super) path: PathBuf,
    /// Where the file goes if this attempt is the first to commit.
    pub(super) committed: PathBuf,
    pub(super) file: Option<CompressingFile>,
    pub(super) bytes: u64,
    /// It is to survive a power failure.
    pub(super) sync: bool,
}

impl AttemptFile {
    /// Writes `bytes` behind what was written; small pieces are collected. A full disk is a [`Cause::File`] that says so.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Cause> {
        if let Some(file) = &mut self.file {
            file.write_all(bytes).map_err(|e| write_failure("write", &self.path, e))?;
            self.bytes += bytes.len() as u64;
        }
        Ok(())
    }

    /// How many bytes were written so far, before compression.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where it is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Completes the file and makes it the partition's part, unless another attempt was first.
    pub fn commit(mut self) -> Result<AttemptEnd, Cause> {
        let file = match self.file.take() {
            Some(file) => file.finish().map_err(|e| write_failure("write", &self.path, e))?,
            None => return Ok(AttemptEnd::AnotherWasFirst),
        };
        let file_bytes = file.metadata().map_err(|e| write_failure("write", &self.path, e))?.len();
        if self.sync {
            sync(&file).map_err(|e| write_failure("write", &self.path, e))?;
        }
        drop(file);
        match publish(&self.path, &self.committed) {
            Ok(()) => Ok(AttemptEnd::Committed { file_bytes }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(AttemptEnd::AnotherWasFirst),
            Err(error) => Err(write_failure("commit", &self.path, error)),
        }
    }
}

/// For writers that write to any stream; their errors have yet to be given the file's name.
impl Write for AttemptFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.file {
            Some(file) => file.write(bytes)?,
            None => bytes.len(),
        };
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for AttemptFile {
    fn drop(&mut self) {
        // Closed first: what the encoder still writes goes to the file that is about to vanish.
        self.file = None;
        // After a commit this removes the second name of the part. A failure leaves a file that the job's end removes.
        let _ = fs::remove_file(&self.path);
    }
}

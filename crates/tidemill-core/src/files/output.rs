//! Output: the folder that `saveAsTextFile` writes, and the protocol that makes each partition's part appear once.
//!
//! ```text
//! output/_temporary/<attempt>/part-00000   what a task attempt writes
//! output/_temporary/committed/part-00000   the attempt that was first to commit the partition
//! output/part-00000                        after the job's commit
//! output/_SUCCESS                          written last: every part is there
//! ```
//!
//! Readers skip `_temporary`, so before the job's commit they see nothing, as with Hadoop's first (and Spark's usual)
//! commit algorithm. But a program that dies in the job's commit leaves some of the parts. An output that may be run again
//! ([`Existing::Replace`]: the batches of streams) is therefore written beside its place, and gets its name as a whole:
//!
//! ```text
//! .output._temporary/<attempt>/part-00000
//! .output._temporary/committed/part-00000   and _SUCCESS, before this folder takes the place of `output`
//! ```
//! Of two attempts at a partition one commits, however they race: committing is making a hard link, which
//! fails if the name is taken.
//!
//! **fsync**: none, as in Hadoop's local file system. When the commit returns, every byte is with the operating system, so
//! that no crash of a program can harm it; a power failure within the next seconds can, even if `_SUCCESS` survives. Syncing
//! each part would cost a streaming job a disk flush a partition and batch. (RDD checkpoints do sync: see `checksummed`.)

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::Cause;
use crate::files::compression::{CompressingFile, Compression};
use crate::files::paths::uri;

const TEMPORARY: &str = "_temporary";
const COMMITTED: &str = "committed";
const PART: &str = "part-";
const SUCCESS: &str = "_SUCCESS";

/// What to do if the output folder is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Fail: `spark.hadoop.validateOutputSpecs=true`, the default.
    Refuse,
    /// Put new parts in the place of old ones of the same name; other files stay. For streaming jobs, which run a batch
    /// again after a crash. What a job that died left in `_temporary` is removed.
    WriteOver,
    /// Put this output in the place of the old one, as a whole: whenever the program dies, the one or the other is there. For
    /// batches that are run again. In a folder that holds something else as well, parts are replaced one by one, and old ones
    /// that no new one takes the place of are removed.
    Replace,
}

/// The folder that a job writes. Plain data: it travels to the tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFolder {
    path: PathBuf,
    compression: Compression,
    way: Way,
}

/// How parts get their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Way {
    /// One by one, into a folder that this job made, and so may remove.
    New,
    /// One by one, into a folder that was there.
    Into {
        /// Parts that are not this job's are to go.
        replaces: bool,
    },
    /// All at once, as a folder.
    Whole,
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

impl OutputFolder {
    /// Makes the folder at `path` (absolute; see `paths::local`), with what is missing above it, on the driver.
    ///
    /// If it exists and `existing` says to refuse, the error is a [`Cause::File`] of kind `AlreadyExists` in Spark's words:
    /// `Output directory file:/... already exists`.
    pub fn create(path: &Path, compression: Compression, existing: Existing) -> Result<OutputFolder, Cause> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| write_failure("create", parent, e))?;
        }
        let way = if existing == Existing::Replace && is_output(path)? { Way::Whole } else { make(path, existing)? };
        let folder = OutputFolder { path: path.into(), compression, way };
        let temporary = folder.temporary();
        remove_folder(&temporary)?;
        fs::create_dir_all(temporary.join(COMMITTED)).map_err(|e| write_failure("create", &temporary, e))?;
        Ok(folder)
    }

    /// Starts the file of one attempt at `partition`. No other attempt of the job may have the number `attempt` and the same
    /// partition.
    ///
    /// Fails when the job is over: its folder for attempts is gone then, and is not made again.
    pub fn start_attempt(&self, partition: usize, attempt: u64) -> Result<AttemptFile, Cause> {
        let folder = self.temporary().join(attempt.to_string());
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
        let committed = self.temporary().join(COMMITTED).join(self.part_name(partition));
        Ok(AttemptFile { path, committed, file: Some(file), bytes: 0 })
    }

    /// Ends the job well: the parts of `partitions` partitions, all of which must have been committed, get their place, and
    /// `_SUCCESS` is written. To be called once.
    ///
    /// After a failure there is no `_SUCCESS`; of a new folder, parts that had their place already are removed again.
    pub fn commit(&self, partitions: usize) -> Result<(), Cause> {
        let _step = tracing::trace_span!(target: "tidemill::step", "save").entered();
        let committed = self.temporary().join(COMMITTED);
        let parts: Vec<String> = (0..partitions).map(|partition| self.part_name(partition)).collect();
        if let Some(missing) = parts.iter().find(|part| !committed.join(part).exists()) {
            return Err(Cause::Invalid(format!(
                "the output {} is not complete: no attempt committed {missing}; if nobody removed files there, two jobs \
                 wrote to this folder at once: give each its own and run the job again",
                uri(&self.path)
            )));
        }
        if self.way == Way::Whole {
            self.place_whole(&committed)?;
        } else {
            self.place_parts(&committed, &parts)?;
        }
        Ok(())
    }

    /// Lets the folder of all parts take the place of the output.
    fn place_whole(&self, committed: &Path) -> Result<(), Cause> {
        let success = committed.join(SUCCESS);
        File::create(&success).map_err(|e| write_failure("write", &success, e))?;
        exchange(committed, &self.path).map_err(|e| write_failure("write", &self.path, e))?;
        remove_folder(&self.temporary()) // and what was there before
    }

    fn place_parts(&self, committed: &Path, parts: &[String]) -> Result<(), Cause> {
        let success = self.path.join(SUCCESS);
        remove_file(&success)?;
        for (index, part) in parts.iter().enumerate() {
            let place = self.path.join(part);
            if let Err(error) = fs::rename(committed.join(part), &place) {
                self.take_back(&parts[..index]);
                return Err(write_failure("write", &place, error));
            }
        }
        if self.way == (Way::Into { replaces: true }) {
            self.remove_other_parts(parts)?;
        }
        remove_folder(&self.temporary())?;
        File::create(&success).map_err(|e| write_failure("write", &success, e))?;
        Ok(())
    }

    /// Ends the job badly, before its commit: removes what its tasks wrote, and the folder if the job made it and nothing
    /// else is in it, so that the job can be run again. May be called more than once.
    pub fn abort(&self) -> Result<(), Cause> {
        remove_folder(&self.temporary())?;
        if self.way == Way::New {
            // Fails if someone put a file there; then the folder is theirs.
            let _ = fs::remove_dir(&self.path);
        }
        Ok(())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn part_name(&self, partition: usize) -> String {
        format!("{PART}{partition:05}{}", self.compression.suffix())
    }

    /// Where attempts are written.
    fn temporary(&self) -> PathBuf {
        match self.way {
            Way::New | Way::Into { .. } => self.path.join(TEMPORARY),
            Way::Whole => beside(&self.path),
        }
    }

    /// Removes the parts of earlier outputs that are not among `parts`.
    fn remove_other_parts(&self, parts: &[String]) -> Result<(), Cause> {
        for entry in fs::read_dir(&self.path).map_err(|e| Cause::file("read", &self.path, e))? {
            let entry = entry.map_err(|e| Cause::file("read", &self.path, e))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(PART) && !parts.contains(&name) {
                remove_file(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes parts after a failure to place them all. In a folder that was there before, they have replaced old parts:
    /// taking them away would lose both.
    fn take_back(&self, parts: &[String]) {
        if self.way == Way::New {
            for part in parts {
                // The failure that led here is the one to be told.
                let _ = fs::remove_file(self.path.join(part));
            }
        }
    }
}

/// The file that one attempt at a partition writes. Dropped without a commit, it is removed.
pub struct AttemptFile {
    path: PathBuf,
    /// Where the file goes if this attempt is the first to commit.
    committed: PathBuf,
    file: Option<CompressingFile>,
    bytes: u64,
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

/// Where an output is written that gets its place as a whole: in the same folder, under a name that all readers skip.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{TEMPORARY}"))
}

/// Makes the folder of an output, as far as it is not there.
fn make(path: &Path, existing: Existing) -> Result<Way, Cause> {
    // Not `create_dir_all`: of two jobs that want one folder, only one may make it.
    match fs::create_dir(path) {
        Ok(()) => Ok(Way::New),
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(write_failure("create", path, error)),
        Err(_) if existing == Existing::Refuse => Err(Cause::file("create", path, already_exists(path))),
        Err(_) => Ok(Way::Into { replaces: existing == Existing::Replace }),
    }
}

/// Whether there is nothing at `path`, or nothing but an output, finished or not.
fn is_output(path: &Path) -> Result<bool, Cause> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(Cause::file("read", path, error)),
    };
    for entry in entries {
        let name = entry.map_err(|e| Cause::file("read", path, e))?.file_name();
        let name = name.to_string_lossy();
        if !(name.starts_with(PART) || name == SUCCESS || name == TEMPORARY) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Gives the folder `new` the name `place`; what was there is at `new` then, or nowhere.
fn exchange(new: &Path, place: &Path) -> io::Result<()> {
    match renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE) {
        Err(Errno::NOENT) => fs::rename(new, place), // there is none
        // A file system that cannot exchange (some network drives): for a moment there is neither.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            ignore_missing(fs::remove_dir_all(place))?;
            fs::rename(new, place)
        }
        done => Ok(done?),
    }
}

/// Gives the file at `from` the name `to` as well, unless that is taken.
fn publish(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        // A file system without hard links (exFAT, some network drives). Between the look and the renaming another attempt
        // may slip in, with the same data: the later one stays.
        Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
            if to.exists() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        done => done,
    }
}

fn remove_folder(path: &Path) -> Result<(), Cause> {
    ignore_missing(fs::remove_dir_all(path)).map_err(|e| Cause::file("remove", path, e))
}

fn remove_file(path: &Path) -> Result<(), Cause> {
    ignore_missing(fs::remove_file(path)).map_err(|e| Cause::file("remove", path, e))
}

fn ignore_missing(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn already_exists(path: &Path) -> io::Error {
    let text = format!(
        "Output directory {} already exists; write to another folder, remove this one, or set \
         spark.hadoop.validateOutputSpecs to false to write over it",
        uri(path)
    );
    io::Error::new(io::ErrorKind::AlreadyExists, text)
}

/// The failure of a write, with what to do about those that have a remedy.
pub(crate) fn write_failure(doing: &'static str, path: &Path, error: io::Error) -> Cause {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull => {
            "the disk is full; free some space or write to another disk, and run the job again"
        }
        io::ErrorKind::QuotaExceeded => {
            "the quota of this user is used up; free some space or write elsewhere, and run the job again"
        }
        io::ErrorKind::ReadOnlyFilesystem => "this file system can only be read; write elsewhere",
        io::ErrorKind::NotFound => "its folder is gone: the job is over, or someone removed the folder while it ran",
        _ => return Cause::file(doing, path, error),
    };
    Cause::file(doing, path, io::Error::new(error.kind(), advice))
}

#[cfg(test)]
mod tests;

//! Output: the folder that `saveAsTextFile` writes, and the protocol that makes each partition's part appear once.
//!
//! ```text
//! .output._temporary/<attempt>/part-00000   what a task attempt writes
//! .output._temporary/committed/part-00000   the attempt that was first to commit the partition; at last `_SUCCESS`
//! output/                                   after the job's commit: what was `committed`
//! ```
//!
//! Readers skip hidden names, so before the job's commit they see nothing, as with Hadoop's first (and Spark's usual) commit
//! algorithm. The commit gives the folder its name as a whole: whenever the program dies, there is all of the output or
//! nothing of it, or all of the one that it replaces. Only where parts go into a folder that was there, beside what others put
//! there, they get their place one by one, and `_SUCCESS` is written last; then `_temporary` lies in that folder.
//!
//! Of two attempts at a partition one commits, however they race: committing is making a hard link, which
//! fails if the name is taken.
//!
//! A job holds a lock on its temporary folder, which ends with its process: so the next one knows whether what lies there is
//! in use, or left by a job that died and to be removed.
//!
//! **fsync**: none, as in Hadoop's local file system, unless [`OutputFolder::synced`] asks for it. When the commit returns,
//! every byte is with the operating system, so that no crash of a program can harm it; a power failure within the next
//! seconds can, even if `_SUCCESS` survives. Batches of a stream that has a checkpoint directory are synced, part by part
//! in their tasks and then the folder: the checkpoint is, and what it counts as done must be there.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::Cause;
use crate::files::compression::Compression;
use crate::files::paths::uri;

mod attempt;
mod place;

pub use attempt::{AttemptEnd, AttemptFile, Attempts};

use place::{exchange, hold, ignore_missing, rename_new, sync_folder};

/// The local property by which jobs know that what they save is to survive a power failure: `true`.
pub const SYNC_PROPERTY: &str = "tidemill.output.sync";

const TEMPORARY: &str = "_temporary";
const COMMITTED: &str = "committed";
const PART: &str = "part-";
const SUCCESS: &str = "_SUCCESS";

/// What to do if the output folder is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Fail: `spark.hadoop.validateOutputSpecs=true`, the default.
    Refuse,
    /// Put new parts in the place of old ones of the same name; other files stay. What a job that died left in `_temporary`
    /// is removed.
    WriteOver,
    /// Put this output in the place of the old one, as a whole: whenever the program dies, the one or the other is there. For
    /// batches that are run again. In a folder that holds something else as well, parts are replaced one by one, and old ones
    /// that no new one takes the place of are removed.
    Replace,
}

/// The folder that a job writes, on the driver. Its tasks write [`Attempts`].
#[derive(Debug)]
pub struct OutputFolder {
    path: PathBuf,
    way: Way,
    attempts: Attempts,
    /// The folders above it that were not there.
    above: Vec<PathBuf>,
    /// The lock on the temporary folder, if the file system has locks.
    _hold: Option<File>,
}

/// How parts get their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// All at once, as a folder whose name is free.
    New,
    /// All at once, as a folder that takes the place of an output.
    Whole,
    /// One by one, into a folder that was there.
    Into {
        /// Parts that are not this job's are to go.
        replaces: bool,
    },
}

impl OutputFolder {
    /// Begins the output at `path` (absolute; see `paths::local`), and makes the folders above it, on the driver.
    ///
    /// If it exists and `existing` says to refuse, or another job writes it, the error is a [`Cause::File`] of kind
    /// `AlreadyExists` in Spark's words: `Output directory file:/... already exists`.
    pub fn create(path: &Path, compression: Compression, existing: Existing) -> Result<OutputFolder, Cause> {
        let parent = path.parent().unwrap_or(path);
        let above = parent.ancestors().take_while(|folder| !folder.exists()).map(Path::to_path_buf).collect();
        fs::create_dir_all(parent).map_err(|e| write_failure("create", parent, e))?;
        let way = match (existing, path.symlink_metadata().is_ok()) {
            (_, false) => Way::New,
            (Existing::Refuse, true) => return Err(Cause::file("create", path, already_exists(path))),
            (Existing::Replace, true) if is_output(path)? => Way::Whole,
            (existing, true) => Way::Into { replaces: existing == Existing::Replace },
        };
        let temporary = match way {
            Way::New | Way::Whole => beside(path),
            Way::Into { .. } => path.join(TEMPORARY),
        };
        let held = hold(&temporary, path)?;
        let committed = temporary.join(COMMITTED);
        fs::create_dir(&committed).map_err(|e| write_failure("create", &committed, e))?;
        let attempts = Attempts { temporary, compression, sync: false };
        Ok(OutputFolder { path: path.into(), way, attempts, above, _hold: held })
    }

    /// The same, which survives a power failure from its commit on if `sync` is true.
    #[must_use]
    pub fn synced(mut self, sync: bool) -> OutputFolder {
        self.attempts.sync = sync;
        self
    }

    /// Where the tasks write.
    pub fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the job well: the parts of `partitions` partitions, all of which must have been committed, get their place, and
    /// `_SUCCESS` is written. To be called once.
    ///
    /// After a failure there is no `_SUCCESS`.
    pub fn commit(&self, partitions: usize) -> Result<(), Cause> {
        let _step = tracing::trace_span!(target: "tidemill::step", "save").entered();
        let committed = self.attempts.temporary.join(COMMITTED);
        let parts: Vec<String> = (0..partitions).map(|partition| self.attempts.part_name(partition)).collect();
        if let Some(missing) = parts.iter().find(|part| !committed.join(part).exists()) {
            return Err(Cause::Invalid(format!(
                "the output {} is not complete: no attempt committed {missing}; if nobody removed files there, two jobs \
                 wrote to this folder at once: give each its own and run the job again",
                uri(&self.path)
            )));
        }
        match self.way {
            Way::New | Way::Whole => self.place_whole(&committed)?,
            Way::Into { replaces } => self.place_parts(&committed, &parts, replaces)?,
        }
        remove_folder(&self.attempts.temporary) // and what was there before
    }

    /// Gives the folder of all parts the name of the output.
    fn place_whole(&self, committed: &Path) -> Result<(), Cause> {
        write_success(committed)?;
        self.sync(committed)?;
        let placed =
            if self.way == Way::New { rename_new(committed, &self.path) } else { exchange(committed, &self.path) };
        placed.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Cause::file("create", &self.path, already_exists(&self.path)),
            _ => write_failure("write", &self.path, error),
        })?;
        let new = self.above.iter().map(PathBuf::as_path).chain([&*self.path]);
        new.filter_map(Path::parent).try_for_each(|folder| self.sync(folder))
    }

    fn place_parts(&self, committed: &Path, parts: &[String], replaces: bool) -> Result<(), Cause> {
        remove_file(&self.path.join(SUCCESS))?;
        self.sync(&self.path)?;
        for part in parts {
            let place = self.path.join(part);
            fs::rename(committed.join(part), &place).map_err(|error| write_failure("write", &place, error))?;
        }
        if replaces {
            self.remove_other_parts(parts)?;
        }
        self.sync(&self.path)?;
        write_success(&self.path)?;
        self.sync(&self.path)
    }

    /// Ends the job badly, before its commit: removes what its tasks wrote, so that the job can be run again. May be called
    /// more than once.
    pub fn abort(&self) -> Result<(), Cause> {
        remove_folder(&self.attempts.temporary)
    }

    /// Has the names in a folder survive a power failure, if that is asked for.
    fn sync(&self, folder: &Path) -> Result<(), Cause> {
        if self.attempts.sync { sync_folder(folder) } else { Ok(()) }
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
}

/// Where an output is written that gets its place as a whole: in the same folder, under a name that all readers skip.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{TEMPORARY}"))
}

/// Whether there is nothing in the folder `path` but an output, finished or not.
fn is_output(path: &Path) -> Result<bool, Cause> {
    for entry in fs::read_dir(path).map_err(|error| Cause::file("read", path, error))? {
        let name = entry.map_err(|e| Cause::file("read", path, e))?.file_name();
        let name = name.to_string_lossy();
        if !(name.starts_with(PART) || name == SUCCESS || name == TEMPORARY) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn write_success(folder: &Path) -> Result<(), Cause> {
    let success = folder.join(SUCCESS);
    File::create(&success).map(drop).map_err(|e| write_failure("write", &success, e))
}

fn remove_folder(path: &Path) -> Result<(), Cause> {
    ignore_missing(fs::remove_dir_all(path)).map_err(|e| Cause::file("remove", path, e))
}

fn remove_file(path: &Path) -> Result<(), Cause> {
    ignore_missing(fs::remove_file(path)).map_err(|e| Cause::file("remove", path, e))
}

fn already_exists(path: &Path) -> io::Error {
    let text = format!(
        "Output directory {} already exists; write to another folder, remove this one, or set \
         spark.hadoop.validateOutputSpecs to false to write over it",
        uri(path)
    );
    io::Error::new(io::ErrorKind::AlreadyExists, text)
}

fn in_use(path: &Path) -> io::Error {
    let text = format!(
        "Output directory {} already exists, or will soon: another job writes it; write to another folder, or wait for that job",
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

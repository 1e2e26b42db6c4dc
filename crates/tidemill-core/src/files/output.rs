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

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::Cause;
use crate::files::compression::Compression;
use crate::files::paths::uri;
use crate::files::remote::{RemoteFiles, RemotePath};

mod attempt;
mod local;
mod names;
mod remote;

pub use attempt::{AttemptEnd, AttemptFile, Attempts};

use local::LocalPlace;
use names::ignore_missing;
use remote::RemotePlace;

/// The local property by which jobs know that what they save is to survive a power failure: `true`.
pub const SYNC_PROPERTY: &str = "tidemill.output.sync";

/// The local property by which jobs know that what they save takes the place of what is there, whatever the settings say of
/// that: `true`. Spark's `disableOutputSpecValidation`.
pub const REPLACE_PROPERTY: &str = "tidemill.output.replace";

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
    attempts: Attempts,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Local(LocalPlace),
    Remote(RemotePlace),
}

impl OutputFolder {
    /// Begins the output at `path` (absolute; see `paths::local`), and makes the folders above it, on the driver.
    ///
    /// If it exists and `existing` says to refuse, or another job writes it, the error is a [`Cause::File`] of kind
    /// `AlreadyExists` in Spark's words: `Output directory file:/... already exists`.
    pub fn create(path: &Path, compression: Compression, existing: Existing) -> Result<OutputFolder, Cause> {
        let (place, temporary) = LocalPlace::create(path, existing)?;
        OutputFolder::begin(Place::Local(place), temporary, compression)
    }

    /// Begins the output at `path`, which is on another machine. Its tasks write to `staging`, a local folder that goes with
    /// the output.
    ///
    /// Errors: as of [`create`](OutputFolder::create), but that another job writes there is not noticed.
    pub fn create_remote(
        files: Arc<dyn RemoteFiles>,
        path: &RemotePath,
        staging: TempDir,
        compression: Compression,
        existing: Existing,
    ) -> Result<OutputFolder, Cause> {
        let temporary = staging.path().to_path_buf();
        let place = RemotePlace::create(files, path, staging, existing)?;
        OutputFolder::begin(Place::Remote(place), temporary, compression)
    }

    fn begin(place: Place, temporary: PathBuf, compression: Compression) -> Result<OutputFolder, Cause> {
        let committed = temporary.join(COMMITTED);
        fs::create_dir(&committed).map_err(|e| write_failure("create", &committed, e))?;
        Ok(OutputFolder { attempts: Attempts { temporary, compression, sync: false }, place })
    }

    /// The same, which survives a power failure from its commit on if `sync` is true. On other machines that is theirs to see to.
    #[must_use]
    pub fn synced(mut self, sync: bool) -> OutputFolder {
        if let Place::Local(place) = &mut self.place {
            place.sync = sync;
            self.attempts.sync = sync;
        }
        self
    }

    /// Where the tasks write.
    pub fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// The folder, as Spark shows it: `file:/folder`, `s3://bucket/folder`.
    pub fn uri(&self) -> String {
        match &self.place {
            Place::Local(place) => uri(&place.path),
            Place::Remote(place) => place.path.to_string(),
        }
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
                self.uri()
            )));
        }
        match &self.place {
            Place::Local(place) => place.commit(&committed, &parts)?,
            Place::Remote(place) => place.commit(&committed, &parts)?,
        }
        remove_folder(&self.attempts.temporary) // and what was there before
    }

    /// Ends the job badly: removes what its tasks wrote, so that the job can be run again. May be called more than once.
    pub fn abort(&self) -> Result<(), Cause> {
        remove_folder(&self.attempts.temporary)?;
        match &self.place {
            Place::Local(_) => Ok(()),
            Place::Remote(place) => place.abort(),
        }
    }
}

/// Whether a name in a folder is an output's, finished or not.
fn is_of_output(name: &str) -> bool {
    name.starts_with(PART) || name == SUCCESS || name == TEMPORARY
}

fn remove_folder(path: &Path) -> Result<(), Cause> {
    ignore_missing(fs::remove_dir_all(path)).map_err(|e| Cause::file("remove", path, e))
}

fn already_exists(uri: &str) -> io::Error {
    let text = format!(
        "Output directory {uri} already exists; write to another folder, remove this one, or set \
         spark.hadoop.validateOutputSpecs to false to write over it"
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

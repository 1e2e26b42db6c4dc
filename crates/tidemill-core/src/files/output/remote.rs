//! An output on another machine. The tasks write to a local folder; the job's commit copies the parts, several at a time.
//!
//! Where there are folders (HDFS), the parts go to one beside the output's place, `.output._temporary`, which then gets the
//! name as a whole, as on a local disk. In the place of an older output it comes by two renamings: between them there is
//! neither, and if the program dies there the next job puts the older one back before it begins.
//!
//! In object stores nothing has a place that could be exchanged. There, and in a folder that holds something else as well,
//! the old `_SUCCESS` is removed first, then parts are written one by one, and the new `_SUCCESS` comes last: whoever waits
//! for it sees the one output or the other, as with Hadoop's committers.
//!
//! There are no locks: of two jobs that write to one folder at once, the later wins part by part.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tempfile::TempDir;

use super::local::write_success;
use super::{Existing, PART, SUCCESS, TEMPORARY, already_exists, is_of_output};
use crate::Cause;
use crate::files::remote::{RemoteFiles, RemotePath};

/// So many parts are copied at a time: small ones mostly wait for the other machine.
const COPIES_MAX: usize = 16;

/// Where an output goes on another machine.
#[derive(Debug)]
pub(super) struct RemotePlace {
    files: Arc<dyn RemoteFiles>,
    pub(super) path: RemotePath,
    way: Way,
    /// Nothing was there before this job.
    is_new: bool,
    /// Something may be there that the job has not finished.
    has_begun: AtomicBool,
    /// The local folder that tasks write to; removed with this.
    _staging: TempDir,
}

/// How parts get their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// All at once, as a folder.
    Whole,
    /// One by one.
    Into {
        /// Parts that are not this job's are to go.
        replaces: bool,
    },
}

impl RemotePlace {
    pub(super) fn create(
        files: Arc<dyn RemoteFiles>,
        path: &RemotePath,
        staging: TempDir,
        existing: Existing,
    ) -> Result<RemotePlace, Cause> {
        let has_begun = AtomicBool::new(false);
        let mut place =
            RemotePlace { files, path: path.clone(), way: Way::Whole, is_new: true, has_begun, _staging: staging };
        let is_folder = place.files.has_folders() && !path.path.is_empty();
        let mut there = place.look(existing)?;
        if is_folder && there.is_none() && place.take_back()? {
            there = place.look(existing)?;
        }
        place.is_new = there.is_none();
        let replaces = existing == Existing::Replace;
        let may_be_renamed = there.is_none_or(|names| replaces && names.iter().all(|name| is_of_output(name)));
        if is_folder && may_be_renamed {
            place.remove(&place.beside(""))?; // what a job left that died
        } else {
            place.way = Way::Into { replaces };
        }
        Ok(place)
    }

    /// What is at the output's place, if that is fine by `existing`.
    fn look(&self, existing: Existing) -> Result<Option<Vec<String>>, Cause> {
        let refuses = existing == Existing::Refuse;
        match self.files.list(&self.path.path) {
            Ok(Some(_)) if refuses => Err(self.already_there()),
            Err(error) if refuses && error.kind() == io::ErrorKind::NotADirectory => Err(self.already_there()),
            listed => listed.map_err(|error| self.failed("write", &self.path.path, error)),
        }
    }

    /// Puts the output back in its place, which is free, that a job had taken away to put its own there, and did not. Whether
    /// there was one.
    fn take_back(&self) -> Result<bool, Cause> {
        let old = self.beside("old");
        let is_there = !self.is_free(&old)?;
        if is_there {
            self.rename(&old, &self.path.path)?;
        }
        Ok(is_there)
    }

    fn is_free(&self, path: &str) -> Result<bool, Cause> {
        match self.files.list(path) {
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
            listed => listed.map(|it| it.is_none()).map_err(|error| self.failed("list", path, error)),
        }
    }

    /// Gives the parts in the local folder `committed` their place.
    pub(super) fn commit(&self, committed: &Path, parts: &[String]) -> Result<(), Cause> {
        self.has_begun.store(true, Ordering::Relaxed);
        match self.way {
            Way::Whole => self.place_whole(committed, parts),
            Way::Into { replaces } => self.place_parts(committed, parts, replaces),
        }
    }

    fn place_whole(&self, committed: &Path, parts: &[String]) -> Result<(), Cause> {
        let (new, old) = (self.beside("new"), self.beside("old"));
        self.copy(committed, parts, &new)?;
        self.copy_success(committed, &new)?;
        if !self.is_new {
            self.rename(&self.path.path, &old)?;
        }
        self.rename(&new, &self.path.path)?;
        self.remove(&self.beside(""))
    }

    fn place_parts(&self, committed: &Path, parts: &[String], replaces: bool) -> Result<(), Cause> {
        let place = &self.path.path;
        self.remove(&join(place, SUCCESS))?;
        self.copy(committed, parts, place)?;
        if replaces {
            let there = self.list(place)?;
            let old = |name: &String| name.starts_with(PART) && !parts.contains(name);
            there
                .unwrap_or_default()
                .iter()
                .filter(|name| old(name))
                .try_for_each(|it| self.remove(&join(place, it)))?;
        }
        self.copy_success(committed, place)
    }

    /// Removes what a commit left that failed.
    pub(super) fn abort(&self) -> Result<(), Cause> {
        match self.way {
            _ if !self.has_begun.load(Ordering::Relaxed) => Ok(()),
            Way::Whole => {
                if self.is_free(&self.path.path)? {
                    self.take_back()?;
                }
                self.remove(&self.beside(""))
            }
            Way::Into { .. } if !self.is_new => Ok(()),
            Way::Into { .. } => {
                let place = &self.path.path;
                let there = self.list(place)?;
                let ours = there.unwrap_or_default().into_iter().filter(|name| is_of_output(name));
                ours.map(|name| join(place, &name)).try_for_each(|path| self.remove(&path))
            }
        }
    }

    /// Copies the parts to a remote folder, several at a time.
    fn copy(&self, committed: &Path, parts: &[String], folder: &str) -> Result<(), Cause> {
        let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
        let copy_next = || {
            while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(cause) = self.copy_file(&committed.join(part), &join(folder, part)) {
                    next.store(parts.len(), Ordering::Relaxed);
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(cause);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..parts.len().min(COPIES_MAX) {
                // With fewer threads it only takes longer.
                if thread::Builder::new().name("tidemill-save".into()).spawn_scoped(scope, copy_next).is_err() {
                    break;
                }
            }
            copy_next();
        });
        failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    fn copy_file(&self, local: &Path, path: &str) -> Result<(), Cause> {
        let mut file = File::open(local).map_err(|error| Cause::file("read", local, error))?;
        self.files.put(path, &mut file).map_err(|error| self.failed("write", path, error))
    }

    fn copy_success(&self, committed: &Path, folder: &str) -> Result<(), Cause> {
        write_success(committed)?;
        self.copy_file(&committed.join(SUCCESS), &join(folder, SUCCESS))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Cause> {
        self.files.rename_folder(from, to).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => self.already_there(),
            _ => self.failed("rename", from, error),
        })
    }

    fn list(&self, folder: &str) -> Result<Option<Vec<String>>, Cause> {
        self.files.list(folder).map_err(|error| self.failed("list", folder, error))
    }

    fn remove(&self, path: &str) -> Result<(), Cause> {
        self.files.remove(path).map_err(|error| self.failed("remove", path, error))
    }

    fn already_there(&self) -> Cause {
        let uri = self.path.to_string();
        Cause::file("create", uri.clone(), already_exists(&uri))
    }

    fn failed(&self, doing: &'static str, path: &str, error: io::Error) -> Cause {
        let path = RemotePath { root: self.path.root.clone(), path: path.into() };
        Cause::file(doing, path.to_string(), error)
    }

    /// The folder beside the output's place, or something in it: under a name that all readers skip.
    fn beside(&self, name: &str) -> String {
        let (above, own) = self.path.path.rsplit_once('/').unwrap_or(("", &self.path.path));
        let beside = join(above, &format!(".{own}.{TEMPORARY}"));
        if name.is_empty() { beside } else { join(&beside, name) }
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.into() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests;

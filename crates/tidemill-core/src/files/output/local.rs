//! An output on a disk of this machine: how its parts get their place.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::names::{exchange, hold, ignore_missing, rename_new, sync_folder};
use super::{Existing, PART, SUCCESS, TEMPORARY, already_exists, is_of_output, write_failure};
use crate::Cause;
use crate::files::paths::uri;

/// Where an output goes on a local disk.
#[derive(Debug)]
pub(super) struct LocalPlace {
    pub(super) path: PathBuf,
    way: Way,
    /// The folders above it that were not there.
    above: Vec<PathBuf>,
    /// What is committed is to survive a power failure.
    pub(super) sync: bool,
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

impl LocalPlace {
    /// The place at `path`, and the temporary folder that its job writes.
    pub(super) fn create(path: &Path, existing: Existing) -> Result<(LocalPlace, PathBuf), Cause> {
        let parent = path.parent().unwrap_or(path);
        let above = parent.ancestors().take_while(|folder| !folder.exists()).map(Path::to_path_buf).collect();
        fs::create_dir_all(parent).map_err(|e| write_failure("create", parent, e))?;
        let way = match (existing, path.symlink_metadata().is_ok()) {
            (_, false) => Way::New,
            (Existing::Refuse, true) => return Err(Cause::file("create", path, already_exists(&uri(path)))),
            (Existing::Replace, true) if is_output(path)? => Way::Whole,
            (existing, true) => Way::Into { replaces: existing == Existing::Replace },
        };
        let temporary = match way {
            Way::New | Way::Whole => beside(path),
            Way::Into { .. } => path.join(TEMPORARY),
        };
        let held = hold(&temporary, path)?;
        Ok((LocalPlace { path: path.into(), way, above, sync: false, _hold: held }, temporary))
    }

    /// Gives the parts in the folder `committed` their place.
    pub(super) fn commit(&self, committed: &Path, parts: &[String]) -> Result<(), Cause> {
        match self.way {
            Way::New | Way::Whole => self.place_whole(committed),
            Way::Into { replaces } => self.place_parts(committed, parts, replaces),
        }
    }

    /// Gives the folder of all parts the name of the output.
    fn place_whole(&self, committed: &Path) -> Result<(), Cause> {
        write_success(committed)?;
        self.sync(committed)?;
        let placed =
            if self.way == Way::New { rename_new(committed, &self.path) } else { exchange(committed, &self.path) };
        placed.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Cause::file("create", &self.path, already_exists(&uri(&self.path))),
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

    /// Has the names in a folder survive a power failure, if that is asked for.
    fn sync(&self, folder: &Path) -> Result<(), Cause> {
        if self.sync { sync_folder(folder) } else { Ok(()) }
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
        if !is_of_output(&name.to_string_lossy()) {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn write_success(folder: &Path) -> Result<(), Cause> {
    let success = folder.join(SUCCESS);
    File::create(&success).map(drop).map_err(|e| write_failure("write", &success, e))
}

fn remove_file(path: &Path) -> Result<(), Cause> {
    ignore_missing(fs::remove_file(path)).map_err(|e| Cause::file("remove", path, e))
}

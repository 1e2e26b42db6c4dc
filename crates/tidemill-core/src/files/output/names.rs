//! How files and folders of an output get their names, and who may use the folder that they come from.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::write_failure;
use crate::Cause;
use crate::files::paths::uri;

/// How often somebody else may remove a folder while it is being locked.
const LOCK_ATTEMPTS_MAX: usize = 100;

/// Makes the folder `temporary` of the output at `path`, empty, and holds it until what this returns is dropped or the process
/// dies: nothing else uses it meanwhile. What a job left there that died is removed. `None` on file systems without locks.
pub(super) fn hold(temporary: &Path, path: &Path) -> Result<Option<File>, Cause> {
    let failed = |error| write_failure("create", temporary, error);
    for _ in 0..LOCK_ATTEMPTS_MAX {
        fs::create_dir_all(temporary).map_err(failed)?;
        let held = match File::open(temporary).and_then(|folder| lock(folder, temporary)) {
            // The job that held it before has removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            held => held.map_err(failed)?,
        };
        empty(temporary).map_err(failed)?;
        return Ok(held);
    }
    Err(Cause::file("create", path, in_use(path)))
}

/// Locks an open folder. Fails with `NotFound` where it is no longer the one at `path`, with `WouldBlock` where it is in use.
fn lock(folder: File, path: &Path) -> io::Result<Option<File>> {
    match folder.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(_)) => return Ok(None),
    }
    let (locked, there) = (folder.metadata()?, fs::metadata(path)?);
    let is_same = (locked.dev(), locked.ino()) == (there.dev(), there.ino());
    if is_same { Ok(Some(folder)) } else { Err(io::ErrorKind::NotFound.into()) }
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    Ok(())
}

/// Gives the folder `new` the name `place`, which is free; else the error is of kind `AlreadyExists`.
pub(super) fn rename_new(new: &Path, place: &Path) -> io::Result<()> {
    match renameat_with(CWD, new, CWD, place, RenameFlags::NOREPLACE) {
        // A file system that cannot tell.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if place.symlink_metadata().is_ok() => {
            Err(io::ErrorKind::AlreadyExists.into())
        }
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => fs::rename(new, place),
        done => Ok(done?),
    }
}

/// Gives the folder `new` the name `place`; what was there is at `new` then, or nowhere.
pub(super) fn exchange(new: &Path, place: &Path) -> io::Result<()> {
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
pub(super) fn publish(from: &Path, to: &Path) -> io::Result<()> {
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

/// Has a file or a folder survive a power failure.
pub(super) fn sync(file: &File) -> io::Result<()> {
    let _step = tracing::trace_span!(target: "tidemill::step", "sync output").entered();
    file.sync_all()
}

/// Has what a folder holds survive a power failure, by name.
pub(super) fn sync_folder(folder: &Path) -> Result<(), Cause> {
    File::open(folder).and_then(|folder| sync(&folder)).map_err(|error| write_failure("write", folder, error))
}

pub(super) fn ignore_missing(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn in_use(path: &Path) -> io::Error {
    let text = format!(
        "Output directory {} already exists, or will soon: another job writes it; write to another folder, or wait for that job",
        uri(path)
    );
    io::Error::new(io::ErrorKind::AlreadyExists, text)
}

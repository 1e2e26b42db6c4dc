//! What lies in the folders of a stream of files.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tidemill_core::files::{globs, paths};
use tidemill_core::{Cause, Timestamp};

use crate::input::files::selection::Found;

/// The folders of a stream: a path or a pattern that stands for several.
#[derive(Clone, Debug)]
pub(super) struct Folders {
    pattern: String,
}

impl Folders {
    /// The folders that `directory` means, from the working directory of now on.
    ///
    /// Errors: it is malformed, or names a file system that this build cannot read.
    pub(super) fn new(directory: &str) -> Result<Folders, Cause> {
        let path = paths::local(directory)?;
        let pattern = path.into_os_string().into_string();
        let pattern = pattern.map_err(|path| Cause::Invalid(format!("{} is not UTF-8", path.display())))?;
        globs::check(&pattern)?;
        Ok(Folders { pattern })
    }

    /// The pattern, absolute.
    pub(super) fn pattern(&self) -> &str {
        &self.pattern
    }

    /// What lies right in the folders: files, and folders, which are each read as one file would be. `None` where there is
    /// no folder at all.
    ///
    /// Errors: a folder cannot be listed. What vanishes meanwhile is no error.
    pub(super) fn list(&self) -> Result<Option<Vec<Found>>, Cause> {
        let folders: Vec<PathBuf> =
            globs::matches(&self.pattern)?.paths.into_iter().filter(|path| path.is_dir()).collect();
        let mut found = Vec::new();
        for folder in &folders {
            list_folder(folder, &mut found).or_else(|error| unless_gone(folder, error))?;
        }
        Ok((!folders.is_empty()).then_some(found))
    }
}

fn list_folder(folder: &Path, found: &mut Vec<Found>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        // Through links: what counts is when the file was modified, not the link to it.
        match std::fs::metadata(&path).and_then(|metadata| metadata.modified()) {
            Ok(modified) => found.push(Found { path, modified: timestamp(modified) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {} // it vanished
            Err(_) if path.is_symlink() => {}                           // it leads nowhere
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn unless_gone(folder: &Path, error: io::Error) -> Result<(), Cause> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(Cause::file("list", folder, error)) }
}

/// A file's time as that of a clock; what is older than 1970 is from 1970.
fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

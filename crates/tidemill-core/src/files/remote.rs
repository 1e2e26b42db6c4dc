//! Files on other machines: what an output needs of HDFS, or of an object store.
//!
//! The core opens no sockets. Whoever can reach such files registers how, for each scheme of their URLs, with
//! [`RemoteFileSystems::register`]; `tidemill_streaming::remote` does so for those that it knows.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Cause;

#[cfg(test)]
pub(crate) mod memory;

/// Files of one bucket of an object store, or of one HDFS. Paths are relative to its root, without a `/` at either end, and
/// the empty one is the root. All calls may come from several threads at once.
///
/// Errors are as of a local file system: kind and text, without the path.
pub trait RemoteFiles: Send + Sync + fmt::Debug {
    /// Whether a folder is a thing of its own, which [`rename_folder`](RemoteFiles::rename_folder) gives another name at one
    /// stroke. In object stores it is not: there, files have long names.
    fn has_folders(&self) -> bool;

    /// The names of the files and folders that are in a folder, in any order; `None` if there is no such folder. The kind of
    /// the error is `NotADirectory` if there is a file.
    fn list(&self, folder: &str) -> io::Result<Option<Vec<String>>>;

    /// Writes all of `file`, which stands at its begin, to `path`, in the place of what was there. When it returns, readers
    /// find the whole.
    fn put(&self, path: &str, file: &mut File) -> io::Result<()>;

    /// Removes a file, or a folder with all that is in it where there are folders. That there is nothing is no error.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Gives the folder `from` the name `to`, and makes the folders above that. The kind of the error is `AlreadyExists` if
    /// there is something of that name. Asked only where there [are folders](RemoteFiles::has_folders).
    fn rename_folder(&self, from: &str, to: &str) -> io::Result<()>;
}

/// The URL of something on another machine, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemotePath {
    /// Scheme and authority: `s3://bucket`, `hdfs://host:8020`; `hdfs://` where the settings name the host.
    pub root: String,
    /// Relative to the root; without a `/` at either end.
    pub path: String,
}

impl RemotePath {
    /// Takes `scheme:rest` apart; `rest` begins with a slash. Nothing is decoded: `%20` is three characters of a name, as in
    /// Hadoop.
    pub(super) fn new(scheme: &str, rest: &str) -> Result<RemotePath, Cause> {
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
            None => ("", rest),
        };
        let scheme = scheme.to_ascii_lowercase();
        if authority.split_once('@').is_some_and(|(user, _)| user.contains(':') || !scheme.starts_with("abfs")) {
            return Err(Cause::Invalid(format!(
                "{scheme}: a path holds no credentials, which would get into logs; give them by the environment or the \
                 settings"
            )));
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.contains(&"..") {
            return Err(Cause::Invalid(format!("{scheme}://{authority}/{path}: write out the path, without `..`")));
        }
        Ok(RemotePath { root: format!("{scheme}://{authority}"), path: parts.join("/") })
    }

    fn scheme(&self) -> &str {
        self.root.split(':').next().unwrap_or_default()
    }
}

impl fmt::Display for RemotePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.root, self.path)
    }
}

/// Opens the files below a root such as `s3://bucket`. Nothing need be asked of the other machine yet.
pub type Open = dyn Fn(&str) -> Result<Arc<dyn RemoteFiles>, Cause> + Send + Sync;

/// Which files on other machines can be reached, by the schemes of their URLs: Hadoop's `FileSystem.get`.
#[derive(Default)]
pub struct RemoteFileSystems {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    schemes: HashMap<String, Arc<Open>>,
    /// By root. They stay open: each has connections that the next job uses again.
    opened: HashMap<String, Arc<dyn RemoteFiles>>,
}

impl RemoteFileSystems {
    /// Has URLs of `scheme` opened by `open`, from now on; what registered it before is forgotten.
    pub fn register(&self, scheme: &str, open: Arc<Open>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.schemes.insert(scheme.to_ascii_lowercase(), open);
    }

    /// Whether somebody has registered `scheme`.
    pub fn knows(&self, scheme: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.schemes.contains_key(&scheme.to_ascii_lowercase())
    }

    /// The files below the root of `path`, opened if they were not.
    pub fn open(&self, path: &RemotePath) -> Result<Arc<dyn RemoteFiles>, Cause> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = known.opened.get(&path.root) {
            return Ok(Arc::clone(opened));
        }
        let Some(open) = known.schemes.get(path.scheme()) else {
            return Err(Cause::Invalid(unknown(path, &known)));
        };
        let opened = open(&path.root)?;
        known.opened.insert(path.root.clone(), Arc::clone(&opened));
        Ok(opened)
    }
}

impl fmt::Debug for RemoteFileSystems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(known.schemes.keys()).finish()
    }
}

fn unknown(path: &RemotePath, known: &Known) -> String {
    let scheme = path.scheme();
    if known.schemes.is_empty() {
        return format!(
            "{path} cannot be written to: nothing here knows {scheme}: paths; a program with a `StreamingContext` knows object \
             stores and HDFS, another one calls `tidemill::streaming::remote::register(&context)` first (the features \
             `object-store` and `hdfs` bring them)"
        );
    }
    let mut schemes: Vec<&str> = known.schemes.keys().map(String::as_str).collect();
    schemes.sort_unstable();
    format!(
        "{path} cannot be written to: nothing here knows {scheme}: paths; write to a disk, or to one of {}",
        schemes.join(", ")
    )
}

#[cfg(test)]
mod tests;

//! Storage in a folder of the machine.
//!
//! A file is written under a hidden name, synced, renamed, and its folder is synced: whoever reads finds the old file or the
//! new one, and a machine that loses its power keeps what was promised. The lock in the folder ends with the process.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use super::files::{FileSystem, Held, LocalFiles, Lock, OpenFile};
use super::{Append, Listed, Place, Storage, StorageError, check_name};

/// The file whose lock says that a driver is using the folder.
const LOCK: &str = "lock";
/// How the names of files begin that have not got their place yet.
const TEMPORARY: &str = ".new-";
/// Those who may write, besides the owner.
const OTHERS_WRITE: u32 = 0o022;

/// A folder of the local machine, used by one driver at a time.
pub struct LocalStorage {
    root: PathBuf,
    location: Arc<str>,
    files: Arc<dyn FileSystem>,
    /// None: it is only read.
    lock: Option<Arc<dyn Held>>,
    /// Folders whose own names are durable; the lock is held while one is made, so that nobody builds on one that is not.
    folders: Mutex<HashSet<PathBuf>>,
    /// Held between the look whether a name is free and its taking.
    naming: Mutex<()>,
    /// Numbers the hidden names.
    temporary: AtomicU64,
}

impl LocalStorage {
    /// Makes the folder if need be (for this user alone), and takes its lock. What a process left half-written when it was
    /// killed is removed.
    ///
    /// Refused are a folder that another driver is using ([`StorageError::Locked`]), and one that another user owns or may
    /// write ([`StorageError::Foreign`]), because a checkpoint holds functions that will be run.
    pub fn open(folder: impl AsRef<Path>) -> Result<LocalStorage, StorageError> {
        LocalStorage::open_on(Arc::new(LocalFiles), folder)
    }

    /// As [`open`](LocalStorage::open), on another file system.
    pub fn open_on(files: Arc<dyn FileSystem>, folder: impl AsRef<Path>) -> Result<LocalStorage, StorageError> {
        let mut storage = LocalStorage::unlocked(files, folder.as_ref())?;
        let root = storage.root.clone();
        storage.make_root(&root)?;
        storage.check_owner()?;
        let lock = storage.files.lock(&root.join(LOCK)).map_err(|e| storage.place(LOCK).failed("lock", &e))?;
        match lock {
            Lock::Ours(lock) => storage.lock = Some(lock.into()),
            Lock::Theirs(pid) => return Err(StorageError::Locked { location: storage.location, pid }),
        }
        storage.tidy("")?;
        Ok(storage)
    }

    /// The folder, to be read: nothing is written, and no lock is taken. [`StorageError::Missing`] if there is none.
    pub fn read_only(folder: impl AsRef<Path>) -> Result<LocalStorage, StorageError> {
        let storage = LocalStorage::unlocked(Arc::new(LocalFiles), folder.as_ref())?;
        storage.files.list(&storage.root).map_err(|e| storage.place("").failed("list", &e))?;
        Ok(storage)
    }

    /// The folder's path.
    pub fn folder(&self) -> &Path {
        &self.root
    }

    fn unlocked(files: Arc<dyn FileSystem>, folder: &Path) -> Result<LocalStorage, StorageError> {
        let shown: Arc<str> = folder.display().to_string().into();
        // Absolute, so that a change of the working directory moves nothing.
        let root = std::path::absolute(folder).map_err(|e| Place::new(&shown, "").failed("find", &e))?;
        let location = root.display().to_string().into();
        let (folders, naming, temporary) = (Mutex::default(), Mutex::default(), AtomicU64::default());
        Ok(LocalStorage { root, location, files, lock: None, folders, naming, temporary })
    }

    fn place(&self, name: &str) -> Place {
        Place::new(&self.location, name)
    }

    /// Makes the folders down to `path`. Their names are made durable, one by one.
    fn make_root(&self, path: &Path) -> Result<(), StorageError> {
        let failed = |e: io::Error| Place::new(&path.display().to_string().into(), "").failed("make the folder", &e);
        match self.files.describe(path) {
            Ok(described) if described.is_folder => return Ok(()),
            Ok(_) => return Err(failed(io::ErrorKind::NotADirectory.into())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Err(_) => {}
        }
        let parent = path.parent().unwrap_or(path);
        self.make_root(parent)?;
        match self.files.create_folder(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        self.files.sync_folder(parent).map_err(failed)
    }

    fn check_owner(&self) -> Result<(), StorageError> {
        let found = self.files.describe(&self.root).map_err(|e| self.place("").failed("look at", &e))?;
        let user = self.files.user();
        let text = if found.owner != user {
            format!("it belongs to user {}, and this is user {user}; give a folder of your own", found.owner)
        } else if found.mode & OTHERS_WRITE != 0 {
            let mode = found.mode;
            format!("other users may write there (mode {mode:03o}); say `chmod go-w`, or give a new folder inside it")
        } else {
            return Ok(());
        };
        Err(StorageError::Foreign { location: self.location.clone(), text })
    }

    /// Removes what a killed process left half-written, and makes durable the names that it left.
    fn tidy(&self, folder: &str) -> Result<(), StorageError> {
        let path = self.root.join(folder);
        let failed = |action| move |e: io::Error| self.place(folder).failed(action, &e);
        for entry in self.files.list(&path).map_err(failed("list"))? {
            if entry.is_folder && !entry.name.starts_with('.') {
                self.tidy(&join(folder, &entry.name))?;
            } else if entry.name.starts_with(TEMPORARY) {
                self.files.remove(&path.join(&entry.name)).map_err(failed("tidy"))?;
            }
        }
        self.files.sync_folder(&path).map_err(failed("sync the folder"))?;
        self.folders.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
        Ok(())
    }

    /// Fails once the folder is not the one that was opened.
    fn check_in_place(&self) -> Result<(), StorageError> {
        match &self.lock {
            Some(lock) if !lock.is_in_place() => Err(StorageError::Gone { location: self.location.clone() }),
            _ => Ok(()),
        }
    }

    /// The path of a file that is to be changed.
    fn changeable(&self, name: &str, action: &'static str) -> Result<PathBuf, StorageError> {
        check_name(name)?;
        if name == LOCK {
            return Err(StorageError::unusable(name, "this is the name of the lock"));
        }
        if self.lock.is_none() {
            return Err(StorageError::ReadOnly { place: self.place(name), action });
        }
        self.check_in_place()?;
        Ok(self.root.join(name))
    }

    /// The path of a file that is to be written, in a folder that exists durably.
    fn writable(&self, name: &str, action: &'static str) -> Result<PathBuf, StorageError> {
        let path = self.changeable(name, action)?;
        let folder = path.parent().unwrap_or(&self.root);
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if !folders.contains(folder) {
            self.make_root(folder).map_err(|error| match error {
                StorageError::Missing { .. } => StorageError::Gone { location: self.location.clone() },
                error => error,
            })?;
            // Another thread, or a process that was killed, may have made it and not come to the sync.
            let parent = folder.parent().unwrap_or(&self.root);
            self.files.sync_folder(parent).map_err(|e| self.place(name).failed("sync the folder of", &e))?;
            folders.insert(folder.into());
        }
        drop(folders);
        Ok(path)
    }

    /// Writes a file under a hidden name, then gives it its own.
    fn publish(&self, name: &str, bytes: &[u8], replaces: bool) -> Result<(), StorageError> {
        let path = self.writable(name, "write")?;
        let folder = path.parent().unwrap_or(&self.root);
        let hidden = folder.join(format!("{TEMPORARY}{}", self.temporary.fetch_add(1, Relaxed)));
        let failed = |action| move |e: io::Error| self.lost_folder(self.place(name).failed(action, &e), &e);
        let written = self.write_file(&hidden, bytes).map_err(failed("write"));
        let named = written.and_then(|()| {
            let _naming = self.naming.lock().unwrap_or_else(PoisonError::into_inner);
            if !replaces && self.files.describe(&path).is_ok() {
                return Err(StorageError::Exists { place: self.place(name) });
            }
            self.files.rename(&hidden, &path).map_err(failed("name"))
        });
        if named.is_err() {
            let _ = self.files.remove(&hidden); // Otherwise the next driver does.
        }
        named?;
        self.files.sync_folder(folder).map_err(failed("sync the folder of"))?;
        self.check_in_place()
    }

    fn write_file(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.files.create_file(path)?;
        file.write(bytes)?;
        file.sync()
    }

    /// A write that finds its folder missing lost it.
    fn lost_folder(&self, error: StorageError, cause: &io::Error) -> StorageError {
        match cause.kind() {
            io::ErrorKind::NotFound => StorageError::Gone { location: self.location.clone() },
            _ => error,
        }
    }

    /// Adds the files below `folder` to `found`.
    fn list_into(&self, folder: &str, found: &mut Vec<Listed>) -> Result<(), StorageError> {
        let entries = match self.files.list(&self.root.join(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(self.place(folder).failed("list", &error)),
        };
        for entry in entries.into_iter().filter(|entry| !entry.name.starts_with('.')) {
            let name = join(folder, &entry.name);
            if entry.is_folder {
                self.list_into(&name, found)?;
            } else if name != LOCK {
                found.push(Listed { name, bytes: entry.bytes });
            }
        }
        Ok(())
    }
}

impl Storage for LocalStorage {
    fn location(&self) -> String {
        self.location.to_string()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.publish(name, bytes, true)
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.publish(name, bytes, false)
    }

    fn append(&self, name: &str) -> Result<Option<Box<dyn Append>>, StorageError> {
        let path = self.writable(name, "begin")?;
        let failed = |e: io::Error| self.lost_folder(self.place(name).failed("begin", &e), &e);
        let file = self.files.create_file(&path).map_err(failed)?;
        let folder = path.parent().unwrap_or(&self.root).into();
        let (files, lock) = (self.files.clone(), self.lock.clone());
        Ok(Some(Box::new(Growing { file, files, lock, folder, named: false, place: self.place(name) })))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, StorageError> {
        self.read_range(name, 0, usize::MAX)
    }

    fn read_range(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>, StorageError> {
        check_name(name)?;
        let read = self.files.read(&self.root.join(name), offset, length);
        read.map_err(|error| match self.check_in_place() {
            Err(gone) => gone,
            Ok(()) => self.place(name).failed("read", &error),
        })
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, StorageError> {
        if !folder.is_empty() {
            check_name(folder)?;
        }
        let mut found = Vec::new();
        self.list_into(folder, &mut found)?;
        // A folder that was removed looks empty, and an empty checkpoint would be begun anew.
        self.check_in_place()?;
        found.sort();
        Ok(found)
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        let path = self.changeable(name, "remove")?;
        let folder = path.parent().unwrap_or(&self.root);
        let is_missing = match self.files.remove(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            removed => removed.map(|()| false).map_err(|e| self.place(name).failed("remove", &e))?,
        };
        // What is missing may have been removed by a call whose sync failed.
        match self.files.sync_folder(folder) {
            Err(error) if is_missing && error.kind() == io::ErrorKind::NotFound => Ok(()),
            synced => synced.map_err(|e| self.place(name).failed("sync the folder of", &e)),
        }
    }

    fn settle(&self, name: &str) -> Result<(), StorageError> {
        let path = self.changeable(name, "sync")?;
        let folder = path.parent().unwrap_or(&self.root);
        let synced = self.files.sync_file(&path).and_then(|()| self.files.sync_folder(folder));
        synced.map_err(|e| self.place(name).failed("sync", &e))
    }
}

impl fmt::Debug for LocalStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalStorage").field(&self.location).finish()
    }
}

/// A file that grows.
struct Growing {
    file: Box<dyn OpenFile>,
    files: Arc<dyn FileSystem>,
    lock: Option<Arc<dyn Held>>,
    folder: PathBuf,
    /// Whether its name is durable.
    named: bool,
    place: Place,
}

impl Append for Growing {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.file.write(bytes).map_err(|e| self.place.clone().failed("write", &e))
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        let place = &self.place;
        let failed = |action| move |e: io::Error| place.clone().failed(action, &e);
        self.file.sync().map_err(failed("sync"))?;
        if !self.named {
            self.files.sync_folder(&self.folder).map_err(failed("sync the folder of"))?;
            self.named = true;
        }
        // What is written into a file without a name is lost, and no call says so.
        match &self.lock {
            Some(lock) if !lock.is_in_place() => Err(StorageError::Gone { location: self.place.location.clone() }),
            _ if !self.file.has_name().map_err(failed("look at"))? => {
                Err(StorageError::Missing { place: place.clone() })
            }
            _ => Ok(()),
        }
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.into() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests;

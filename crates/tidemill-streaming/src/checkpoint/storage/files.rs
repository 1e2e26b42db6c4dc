//! The few things that local storage asks of a file system, and the machine's own.
//!
//! It is a seam, so that tests can put a disk there which forgets what was not synced.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The mode of folders that are made: nobody else may look into a checkpoint.
const FOLDER_MODE: u32 = 0o700;
/// The mode of files that are made.
const FILE_MODE: u32 = 0o600;

/// A file system, as seen by [`LocalStorage`](super::LocalStorage). What is written is durable after
/// [`OpenFile::sync`]; names that are made, renamed or removed are durable after [`sync_folder`](FileSystem::sync_folder)
/// of the folder that they are in.
pub trait FileSystem: Send + Sync + fmt::Debug {
    /// Makes a folder in one that exists; `AlreadyExists` if there is one.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes an empty file to be written; `AlreadyExists` if there is one.
    fn create_file(&self, path: &Path) -> io::Result<Box<dyn OpenFile>>;

    /// Makes the content of a file durable, whoever wrote it.
    fn sync_file(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Renames a file, in the place of one that has the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Up to `length` bytes of a file from `offset` on.
    fn read(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>>;

    /// What is in a folder, in any order.
    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>>;

    /// Describes a file or folder.
    fn describe(&self, path: &Path) -> io::Result<Described>;

    /// Takes the lock that a file stands for, and writes this process's id into it.
    fn lock(&self, path: &Path) -> io::Result<Lock>;

    /// The user in whose name files are made.
    fn user(&self) -> u32;
}

/// A file that is being written.
pub trait OpenFile: Send {
    /// Adds all of `bytes` to the end.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was written durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Whether the file still has a name, so that what is written can be found again.
    fn has_name(&self) -> io::Result<bool>;
}

/// Something in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the folder.
    pub name: String,
    /// Whether it is a folder itself.
    pub is_folder: bool,
    /// The size of a file.
    pub bytes: u64,
}

/// A file or folder, described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// The user who owns it.
    pub owner: u32,
    /// Who may do what with it, as `chmod` has it.
    pub mode: u32,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// The size of a file.
    pub bytes: u64,
}

/// What came of asking for a lock.
pub enum Lock {
    /// It is held as long as this lives.
    Ours(Box<dyn Held>),
    /// Another holds it: the process, if it could be read.
    Theirs(Option<u32>),
}

/// A lock that is held.
pub trait Held: Send + Sync {
    /// Whether the file at the lock's path is still the one that is locked: not so once it was removed or replaced.
    fn is_in_place(&self) -> bool;
}

/// The machine's own file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalFiles;

impl FileSystem for LocalFiles {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::DirBuilder::new().mode(FOLDER_MODE).create(path)
    }

    fn create_file(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
        Ok(Box::new(LocalFile(file)))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn read(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let left = file.metadata()?.len().saturating_sub(offset);
        let length = usize::try_from(left).map_or(length, |left| left.min(length));
        let mut bytes = Vec::with_capacity(length);
        file.seek(SeekFrom::Start(offset))?;
        file.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            // Names that are no text are none of ours.
            let Ok(name) = entry.file_name().into_string() else { continue };
            match entry.metadata() {
                Ok(data) => entries.push(Entry { name, is_folder: data.is_dir(), bytes: data.len() }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {} // Removed a moment ago.
                Err(error) => return Err(error),
            }
        }
        Ok(entries)
    }

    fn describe(&self, path: &Path) -> io::Result<Described> {
        let data = fs::metadata(path)?;
        Ok(Described { owner: data.uid(), mode: data.mode() & 0o7777, is_folder: data.is_dir(), bytes: data.len() })
    }

    fn lock(&self, path: &Path) -> io::Result<Lock> {
        // Not truncated: it may hold the id of the process that has the lock.
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder); // Only for the message.
                return Ok(Lock::Theirs(holder.trim().parse().ok()));
            }
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        file.set_len(0)?;
        file.write_all(format!("{}\n", std::process::id()).as_bytes())?;
        Ok(Lock::Ours(Box::new(LocalLock { file, path: path.into() })))
    }

    fn user(&self) -> u32 {
        rustix::process::geteuid().as_raw()
    }
}

struct LocalFile(File);

impl OpenFile for LocalFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn has_name(&self) -> io::Result<bool> {
        Ok(self.0.metadata()?.nlink() > 0)
    }
}

/// The lock goes with the open file, so the system frees it however the process ends.
struct LocalLock {
    file: File,
    path: PathBuf,
}

impl Held for LocalLock {
    fn is_in_place(&self) -> bool {
        let (ours, there) = (self.file.metadata(), fs::metadata(&self.path));
        matches!((ours, there), (Ok(ours), Ok(there)) if (ours.dev(), ours.ino()) == (there.dev(), there.ino()))
    }
}

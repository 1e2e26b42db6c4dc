//! A disk that is told to sync and does not: by it is seen that the trials find a missing sync.

use std::io;
use std::path::Path;

use tidemill_streaming::checkpoint::storage::{Described, Entry, FileSystem, Lock, OpenFile};
use tidemill_streaming::checkpoint::testing::SimulatedDisk;

/// What is forgotten, by the path of the file or folder that is to be synced.
pub(crate) type Forgets = fn(&Path) -> bool;

/// A disk that forgets to sync some files and folders.
#[derive(Debug)]
pub(crate) struct Careless {
    pub(crate) disk: SimulatedDisk,
    pub(crate) forgets: Forgets,
}

struct CarelessFile {
    file: Box<dyn OpenFile>,
    forgets: bool,
}

impl OpenFile for CarelessFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.forgets { Ok(()) } else { self.file.sync() }
    }

    fn has_name(&self) -> io::Result<bool> {
        self.file.has_name()
    }
}

impl FileSystem for Careless {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.disk.create_folder(path)
    }

    fn create_file(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        Ok(Box::new(CarelessFile { file: self.disk.create_file(path)?, forgets: (self.forgets)(path) }))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        if (self.forgets)(path) { Ok(()) } else { self.disk.sync_file(path) }
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        if (self.forgets)(path) { Ok(()) } else { self.disk.sync_folder(path) }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn read(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        self.disk.read(path, offset, length)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        self.disk.list(folder)
    }

    fn describe(&self, path: &Path) -> io::Result<Described> {
        self.disk.describe(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Lock> {
        self.disk.lock(path)
    }

    fn user(&self) -> u32 {
        self.disk.user()
    }
}

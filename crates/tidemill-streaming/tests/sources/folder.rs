//! A folder of a test, whose files have the times that the test gives them.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;

pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    /// The folder as a program writes it.
    pub(crate) fn name(&self) -> String {
        self.0.path().display().to_string()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and says that it was modified so many milliseconds after 1970.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>, modified: u64) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
        self.touch(name, modified);
    }

    /// Says when a file or folder was modified.
    pub(crate) fn touch(&self, name: &str, modified: u64) {
        File::open(self.path(name)).unwrap().set_modified(UNIX_EPOCH + Duration::from_millis(modified)).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }
}

//! Files of another machine, in memory: for tests.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Files by their paths. A folder is there as long as a file is in it.
#[derive(Debug)]
pub(crate) struct MemoryFiles {
    has_folders: bool,
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    /// How many more changes succeed; all after them fail, as if this process had died.
    left: AtomicUsize,
}

impl MemoryFiles {
    /// No files, in an object store or in a file system with folders.
    pub(crate) fn new(has_folders: bool) -> Arc<MemoryFiles> {
        Arc::new(MemoryFiles { has_folders, files: Mutex::default(), left: AtomicUsize::new(usize::MAX) })
    }

    /// Lets so many changes succeed, and no more.
    pub(crate) fn fail_after(&self, changes: usize) {
        self.left.store(changes, Ordering::SeqCst);
    }

    /// Whether a change has failed since.
    pub(crate) fn has_failed(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        self.files().insert(path.into(), text.into());
    }

    /// The files in a folder and their texts: `name=text`.
    pub(crate) fn texts(&self, folder: &str) -> Vec<String> {
        let below = format!("{folder}/");
        let text = |(path, bytes): (&String, &Vec<u8>)| {
            Some(format!("{}={}", path.strip_prefix(&below)?, String::from_utf8_lossy(bytes)))
        };
        self.files().iter().filter_map(text).collect()
    }

    fn files(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> io::Result<()> {
        let less = |left: usize| if left == usize::MAX { Some(left) } else { left.checked_sub(1) };
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::other("the line is cut")),
        }
    }
}

impl RemoteFiles for MemoryFiles {
    fn has_folders(&self) -> bool {
        self.has_folders
    }

    fn list(&self, folder: &str) -> io::Result<Option<Vec<String>>> {
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let files = self.files();
        if files.contains_key(folder) {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let first = |path: &String| Some(path.strip_prefix(&below)?.split('/').next()?.to_owned());
        let mut names: Vec<String> = files.keys().filter_map(first).collect();
        names.dedup();
        Ok(if names.is_empty() { None } else { Some(names) })
    }

    fn put(&self, path: &str, file: &mut File) -> io::Result<()> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let changed = self.change();
        if changed.is_err() && self.has_folders {
            bytes.truncate(bytes.len() / 2); // a file is there as soon as it is begun
            self.files().insert(path.into(), bytes);
        } else if changed.is_ok() {
            self.files().insert(path.into(), bytes);
        }
        changed
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.change()?;
        let below = format!("{path}/");
        self.files().retain(|it, _| it != path && !(self.has_folders && it.starts_with(&below)));
        Ok(())
    }

    fn rename_folder(&self, from: &str, to: &str) -> io::Result<()> {
        assert!(self.has_folders);
        self.change()?;
        if self.list(to)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let below = format!("{from}/");
        let moved: Vec<_> = self.files().extract_if(.., |path, _| path.starts_with(&below)).collect();
        let renamed = |(path, bytes): (String, Vec<u8>)| Some((format!("{to}/{}", path.strip_prefix(&below)?), bytes));
        self.files().extend(moved.into_iter().filter_map(renamed));
        Ok(())
    }
}

//! Storage in memory, as files that grow or as objects that don't.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::checkpoint::storage::{Append, Listed, Place, Storage, StorageError, check_name};

/// Storage in memory, whose writes fail when they are told to. Clones are the same storage.
///
/// It is never opened or closed: a test that restarts a driver goes on with it. It knows nothing of syncs; for these there
/// is [`SimulatedDisk`](super::SimulatedDisk).
#[derive(Clone, Debug)]
pub struct MemoryStorage {
    grows: bool,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    writes_to_succeed: u64,
    writes_to_fail: u64,
    /// The writes that fail are there as a whole nevertheless.
    fails_afterwards: bool,
}

impl MemoryStorage {
    /// Like a disk: files can be appended to.
    pub fn files() -> MemoryStorage {
        MemoryStorage { grows: true, state: Arc::default() }
    }

    /// Like an object store: [`append`](Storage::append) gives none.
    pub fn objects() -> MemoryStorage {
        MemoryStorage { grows: false, state: Arc::default() }
    }

    /// Lets so many writes succeed and then so many fail for want of space, having written half; objects are then not there.
    pub fn fail(&self, after: u64, writes: u64) {
        let mut state = self.state();
        (state.writes_to_succeed, state.writes_to_fail, state.fails_afterwards) = (after, writes, false);
    }

    /// As [`fail`](MemoryStorage::fail), but what was to be written is there: like a request whose answer is lost.
    pub fn fail_afterwards(&self, after: u64, writes: u64) {
        self.fail(after, writes);
        self.state().fails_afterwards = true;
    }

    /// Changes the bytes of a file behind everybody's back; nothing happens if there is none.
    pub fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(bytes) = self.state().files.get_mut(name) {
            change(bytes);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(name: &str) -> Place {
        Place::new(&"memory".into(), name)
    }
}

impl State {
    /// Writes to the end of a file, all of it unless the script says otherwise.
    fn write(&mut self, name: &str, bytes: &[u8], in_part: bool) -> Result<(), StorageError> {
        let fails = self.writes_to_succeed == 0 && self.writes_to_fail > 0;
        let written = match (fails && !self.fails_afterwards, in_part) {
            (false, _) => bytes,
            (true, true) => &bytes[..bytes.len() / 2],
            (true, false) => {
                self.writes_to_fail -= 1;
                return Err(MemoryStorage::place(name).failed("write", &io::ErrorKind::StorageFull.into()));
            }
        };
        self.files.entry(name.into()).or_default().extend_from_slice(written);
        if fails {
            self.writes_to_fail -= 1;
            return Err(MemoryStorage::place(name).failed("write", &io::ErrorKind::StorageFull.into()));
        }
        self.writes_to_succeed = self.writes_to_succeed.saturating_sub(1);
        Ok(())
    }
}

impl Storage for MemoryStorage {
    fn location(&self) -> String {
        "memory".into()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        check_name(name)?;
        let mut state = self.state();
        let old = state.files.remove(name);
        let written = state.write(name, bytes, false);
        if let Some(old) = old.filter(|_| !state.files.contains_key(name)) {
            state.files.insert(name.into(), old);
        }
        written
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        check_name(name)?;
        let mut state = self.state();
        if state.files.contains_key(name) {
            return Err(StorageError::Exists { place: MemoryStorage::place(name) });
        }
        state.write(name, bytes, false)
    }

    fn append(&self, name: &str) -> Result<Option<Box<dyn Append>>, StorageError> {
        if !self.grows {
            return Ok(None);
        }
        self.create(name, b"")?;
        Ok(Some(Box::new(MemoryFile { storage: self.clone(), name: name.into() })))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, StorageError> {
        self.read_range(name, 0, usize::MAX)
    }

    fn read_range(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>, StorageError> {
        check_name(name)?;
        let state = self.state();
        let missing = || StorageError::Missing { place: MemoryStorage::place(name) };
        let bytes = state.files.get(name).ok_or_else(missing)?;
        let start = usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()));
        Ok(bytes[start..start.saturating_add(length).min(bytes.len())].to_vec())
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, StorageError> {
        let state = self.state();
        let is_below =
            |name: &str| folder.is_empty() || name.strip_prefix(folder).is_some_and(|it| it.starts_with('/'));
        let below = state.files.iter().filter(|(name, _)| is_below(name));
        Ok(below.map(|(name, bytes)| Listed { name: name.clone(), bytes: bytes.len() as u64 }).collect())
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        check_name(name)?;
        self.state().files.remove(name);
        Ok(())
    }

    fn settle(&self, _: &str) -> Result<(), StorageError> {
        Ok(())
    }
}

struct MemoryFile {
    storage: MemoryStorage,
    name: String,
}

impl Append for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.storage.state().write(&self.name, bytes, true)
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        Ok(())
    }
}

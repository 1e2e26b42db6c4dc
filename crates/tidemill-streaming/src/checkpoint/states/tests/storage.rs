//! `Memory`: storage that can be full and copied.

use std::sync::MutexGuard;

use super::*;
use crate::checkpoint::storage::{Append, Listed, Place};

type Files = BTreeMap<String, Vec<u8>>;

/// Storage in memory. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    files: Files,
    is_full: bool,
}

impl Memory {
    /// Another one, of what is durable.
    pub(super) fn copy(storage: &Arc<dyn Storage>) -> Memory {
        let memory = Memory::default();
        for listed in storage.list("").unwrap() {
            memory.put(&listed.name, &storage.read(&listed.name).unwrap()).unwrap();
        }
        memory
    }

    pub(super) fn fill(&self) {
        self.inner().is_full = true;
    }

    pub(super) fn empty(&self) {
        self.inner().is_full = false;
    }

    /// Changes the bytes of a file by hand.
    pub(super) fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.inner().files.get_mut(name).unwrap());
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    fn writing(&self, name: &str) -> Result<MutexGuard<'_, Inner>, StorageError> {
        let inner = self.inner();
        if inner.is_full {
            return Err(Place::new(&"memory".into(), name).failed("write", &std::io::ErrorKind::StorageFull.into()));
        }
        Ok(inner)
    }
}

impl Storage for Memory {
    fn location(&self) -> String {
        "memory".into()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.writing(name)?.files.insert(name.into(), bytes.into());
        Ok(())
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        if self.inner().files.contains_key(name) {
            return Err(StorageError::Exists { place: Place::new(&"memory".into(), name) });
        }
        self.put(name, bytes)
    }

    fn append(&self, name: &str) -> Result<Option<Box<dyn Append>>, StorageError> {
        self.create(name, &[])?;
        Ok(Some(Box::new(Growing { memory: self.clone(), name: name.into() })))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, StorageError> {
        let file = self.inner().files.get(name).cloned();
        file.ok_or_else(|| StorageError::Missing { place: Place::new(&"memory".into(), name) })
    }

    fn read_range(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>, StorageError> {
        let bytes = self.read(name)?;
        let start = bytes.len().min(offset as usize);
        Ok(bytes[start..bytes.len().min(start + length)].to_vec())
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, StorageError> {
        let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let inner = self.inner();
        let inside = inner.files.iter().filter(|(name, _)| name.starts_with(&folder));
        Ok(inside.map(|(name, bytes)| Listed { name: name.clone(), bytes: bytes.len() as u64 }).collect())
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.writing(name)?.files.remove(name);
        Ok(())
    }

    fn settle(&self, name: &str) -> Result<(), StorageError> {
        self.writing(name).map(drop)
    }
}

struct Growing {
    memory: Memory,
    name: String,
}

impl Append for Growing {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let mut inner = self.memory.writing(&self.name)?;
        inner.files.entry(self.name.clone()).or_default().extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.memory.writing(&self.name).map(drop)
    }
}

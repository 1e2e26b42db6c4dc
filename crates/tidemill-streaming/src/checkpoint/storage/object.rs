//! Storage in an object store: S3 and what speaks like it, Google Cloud Storage, Azure.
//!
//! Objects are written whole, so there are no files that grow, and each write of a log is an object of its own. There is no
//! lock: the log creates its objects on condition that they are not there, which only one of two drivers succeeds in.

use std::fmt;
use std::sync::Arc;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tidemill_core::Settings;

use super::{Append, Listed, Place, Storage, StorageError, check_name};
use crate::remote::{Runtime, objects};

/// Objects below one path of an object store.
pub struct ObjectStorage {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    location: Arc<str>,
    runtime: Runtime,
}

impl ObjectStorage {
    /// The objects below a URL; see [`open`](super::open). Nothing is asked of the store yet.
    pub fn open(location: &str, settings: &Settings) -> Result<ObjectStorage, StorageError> {
        let opened = objects::open(location, settings);
        let opened = opened.map_err(|error| StorageError::unusable(&error.location, error.text))?;
        ObjectStorage::on(opened.store, opened.prefix, &opened.location)
    }

    /// The objects of `store` below `prefix`. `location` stands in messages.
    pub(super) fn on(store: Arc<dyn ObjectStore>, prefix: Path, location: &str) -> Result<ObjectStorage, StorageError> {
        let location: Arc<str> = location.trim_end_matches('/').into();
        let runtime = Runtime::start().map_err(|e| Place::new(&location, "").failed("start a thread for", &e))?;
        Ok(ObjectStorage { store, prefix, location, runtime })
    }

    fn path(&self, name: &str) -> Result<Path, StorageError> {
        check_name(name)?;
        let prefix = self.prefix.as_ref();
        let path = if prefix.is_empty() { Path::parse(name) } else { Path::parse(format!("{prefix}/{name}")) };
        path.map_err(|error| unusable(name, &error))
    }

    fn place(&self, name: &str) -> Place {
        Place::new(&self.location, name)
    }

    /// Makes a request and waits for its answer.
    fn ask<T, F>(
        &self,
        name: &str,
        action: &'static str,
        request: impl FnOnce(Arc<dyn ObjectStore>) -> F,
    ) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: Future<Output = object_store::Result<T>> + Send + 'static,
    {
        let answer = self.runtime.run(request(self.store.clone()));
        let answer = answer.map_err(|e| self.place(name).failed(action, &e))?;
        answer.map_err(|error| self.failed(name, action, error))
    }

    fn failed(&self, name: &str, action: &'static str, error: object_store::Error) -> StorageError {
        use object_store::Error::{NotImplemented, NotSupported};
        match error {
            NotSupported { .. } | NotImplemented { .. } => {
                let text = format!("the store cannot {action} as checkpoints need it: {error}");
                StorageError::unusable(&self.location, text)
            }
            error => self.place(name).failed(action, &objects::failed(error)),
        }
    }

    fn write(&self, name: &str, action: &'static str, bytes: &[u8], mode: PutMode) -> Result<(), StorageError> {
        let (path, payload) = (self.path(name)?, PutPayload::from(bytes.to_vec()));
        let options = PutOptions { mode, ..PutOptions::default() };
        self.ask(name, action, |store| async move { store.put_opts(&path, payload, options).await.map(drop) })
    }
}

impl Storage for ObjectStorage {
    fn location(&self) -> String {
        self.location.to_string()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.write(name, "write", bytes, PutMode::Overwrite)
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.write(name, "create", bytes, PutMode::Create)
    }

    fn append(&self, _: &str) -> Result<Option<Box<dyn Append>>, StorageError> {
        Ok(None)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, StorageError> {
        let path = self.path(name)?;
        self.ask(name, "read", |store| async move { Ok(store.get(&path).await?.bytes().await?.into()) })
    }

    fn read_range(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>, StorageError> {
        let path = self.path(name)?;
        self.ask(name, "read", |store| async move {
            let end = offset.saturating_add(length as u64);
            let options = GetOptions { range: Some(GetRange::Bounded(offset..end)), ..GetOptions::default() };
            let ranged = async { store.get_opts(&path, options).await?.bytes().await };
            match ranged.await {
                Ok(bytes) => Ok(bytes.into()),
                Err(error @ object_store::Error::NotFound { .. }) => Err(error),
                // Stores refuse an empty range, and one that begins behind the end.
                Err(error) => match store.head(&path).await {
                    Ok(found) if length == 0 || offset >= found.size => Ok(Vec::new()),
                    _ => Err(error),
                },
            }
        })
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, StorageError> {
        let path = if folder.is_empty() { self.prefix.clone() } else { self.path(folder)? };
        let objects =
            self.ask(folder, "list", |store| async move { store.list(Some(&path)).try_collect::<Vec<_>>().await })?;
        let below = |path: &Path| {
            let parts = path.prefix_match(&self.prefix)?;
            Some(parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"))
        };
        let listed = objects.into_iter().filter_map(|it| Some(Listed { name: below(&it.location)?, bytes: it.size }));
        let mut listed: Vec<Listed> = listed.filter(|it| check_name(&it.name).is_ok()).collect();
        listed.sort();
        Ok(listed)
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        let path = self.path(name)?;
        match self.ask(name, "remove", |store| async move { store.delete(&path).await }) {
            Err(StorageError::Missing { .. }) => Ok(()),
            removed => removed,
        }
    }

    fn settle(&self, _: &str) -> Result<(), StorageError> {
        Ok(())
    }
}

impl fmt::Debug for ObjectStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObjectStorage").field(&self.location).finish()
    }
}

fn unusable(location: &str, error: &dyn std::error::Error) -> StorageError {
    StorageError::unusable(location, format!("{error}; {}", objects::EXAMPLE))
}

#[cfg(test)]
mod tests;

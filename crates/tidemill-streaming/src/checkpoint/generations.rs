//! Generations: a program that begins anew in a directory does not meet what an earlier one has left there.
//!
//! ```text
//! <directory>/lock               held while a driver uses the directory (local folders)
//! <directory>/checkpoint         names the generation that counts
//! <directory>/<generation>/      batches/ state/ received/
//! ```
//!
//! `checkpoint` is written once the first entry of a generation's log is safe, so a program that dies while it begins leaves
//! the earlier generation as it was. Older generations are removed then.

use std::fmt;
use std::sync::Arc;

use crate::checkpoint::RecoveryError;
use crate::checkpoint::storage::{Append, Listed, Storage, StorageError};

const POINTER: &str = "checkpoint";
const MAGIC: &[u8; 4] = b"TMCK";
const VERSION: u16 = 1;

/// What the pointer of a directory says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pointer {
    /// There is none: no checkpoint.
    Absent,
    /// This generation counts.
    To(u64),
    /// It cannot be read.
    Damaged,
}

/// The pointer of `storage`.
pub(crate) fn pointer(storage: &dyn Storage) -> Result<Pointer, StorageError> {
    match storage.read(POINTER) {
        Ok(bytes) => Ok(decode(&bytes).map_or(Pointer::Damaged, Pointer::To)),
        Err(StorageError::Missing { .. }) => Ok(Pointer::Absent),
        Err(error) => Err(error),
    }
}

/// Lets the generation count.
pub(crate) fn point_to(storage: &dyn Storage, generation: u64) -> Result<(), StorageError> {
    storage.put(POINTER, &encode(generation))
}

/// All generations that left something, oldest first.
pub(crate) fn generations(storage: &dyn Storage) -> Result<Vec<u64>, StorageError> {
    let mut found: Vec<u64> = storage.list("")?.iter().filter_map(|listed| generation_of(&listed.name)).collect();
    found.dedup();
    Ok(found)
}

/// Removes all generations before `generation`.
pub(crate) fn remove_before(storage: &dyn Storage, generation: u64) -> Result<(), StorageError> {
    let listed = storage.list("")?;
    let old = listed.iter().filter(|listed| generation_of(&listed.name).is_some_and(|other| other < generation));
    old.into_iter().try_for_each(|listed| storage.remove(&listed.name))
}

/// Refuses a directory that holds the checkpoint of Spark.
pub(crate) fn refuse_foreign(storage: &dyn Storage) -> Result<(), RecoveryError> {
    let is_spark = |name: &str| {
        name.strip_prefix("checkpoint-").is_some_and(|rest| rest.chars().next().is_some_and(|c| c.is_ascii_digit()))
    };
    if storage.list("")?.iter().any(|listed| is_spark(&listed.name)) {
        let what = "a checkpoint of Spark, in a format of the JVM".to_owned();
        return Err(RecoveryError::Foreign { location: storage.location(), what });
    }
    Ok(())
}

fn generation_of(name: &str) -> Option<u64> {
    let (folder, _) = name.split_once('/')?;
    (folder.len() == 6).then(|| folder.parse().ok())?
}

fn encode(generation: u64) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes(), &generation.to_le_bytes()].concat();
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<u64> {
    let (content, check) = bytes.split_last_chunk::<4>()?;
    let rest = content.strip_prefix(MAGIC)?.strip_prefix(&VERSION.to_le_bytes())?;
    (crc32fast::hash(content) == u32::from_le_bytes(*check)).then(|| rest.try_into().ok().map(u64::from_le_bytes))?
}

/// One generation of a directory, as a storage of its own.
pub(crate) struct Generation {
    storage: Arc<dyn Storage>,
    number: u64,
}

impl Generation {
    pub(crate) fn new(storage: Arc<dyn Storage>, number: u64) -> Arc<Generation> {
        Arc::new(Generation { storage, number })
    }

    fn name(&self, name: &str) -> String {
        if name.is_empty() { format!("{:06}", self.number) } else { format!("{:06}/{name}", self.number) }
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generation {} of {:?}", self.number, self.storage)
    }
}

impl Storage for Generation {
    fn location(&self) -> String {
        self.storage.location()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.storage.put(&self.name(name), bytes)
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.storage.create(&self.name(name), bytes)
    }

    fn append(&self, name: &str) -> Result<Option<Box<dyn Append>>, StorageError> {
        self.storage.append(&self.name(name))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, StorageError> {
        self.storage.read(&self.name(name))
    }

    fn read_range(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>, StorageError> {
        self.storage.read_range(&self.name(name), offset, length)
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, StorageError> {
        let prefix = self.name("") + "/";
        let listed = self.storage.list(&self.name(folder))?.into_iter();
        Ok(listed.filter_map(|it| Some(Listed { name: it.name.strip_prefix(&prefix)?.to_owned(), ..it })).collect())
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.storage.remove(&self.name(name))
    }

    fn settle(&self, name: &str) -> Result<(), StorageError> {
        self.storage.settle(&self.name(name))
    }
}

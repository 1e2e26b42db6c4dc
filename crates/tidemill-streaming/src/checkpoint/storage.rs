//! Where checkpoints are kept: named bytes that are durable once a call returns.
//!
//! Names are relative, and `/` separates their parts; no part begins with a dot. Two things are promised of every storage:
//! what [`put`](Storage::put) or [`create`](Storage::create) writes is there as a whole or not at all, and whatever returned
//! without an error survives a crash of the process and of the machine.

mod error;
mod files;
mod local;
#[cfg(feature = "object-store")]
mod object;
mod open;

use std::fmt;

pub use error::{Place, StorageError};
pub use files::{Described, Entry, FileSystem, Held, LocalFiles, Lock, OpenFile};
pub use local::LocalStorage;
#[cfg(feature = "object-store")]
pub use object::ObjectStorage;
pub(crate) use open::{exists, is_remote};
pub use open::{open, open_to_read};

/// The longest name, in bytes: what every file system and object store takes, with room for the location.
const NAME_BYTES_MAX: usize = 512;
/// The longest part of a name, in bytes: what file systems take.
const PART_BYTES_MAX: usize = 255;

/// Keeps named bytes. All calls may come from several threads at once.
pub trait Storage: Send + Sync + fmt::Debug {
    /// The path or URL, for messages. It holds no secrets.
    fn location(&self) -> String;

    /// Writes `bytes` under `name`, in the place of what was there. Readers find the old bytes or the new ones.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError>;

    /// As [`put`](Storage::put), but [`StorageError::Exists`] if there is something of that name. Of several that create
    /// the same name, one succeeds.
    fn create(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError>;

    /// Begins a new file that grows; [`StorageError::Exists`] if there is one. None where files cannot grow, as in object
    /// stores.
    fn append(&self, name: &str) -> Result<Option<Box<dyn Append>>, StorageError>;

    /// All bytes; [`StorageError::Missing`] if there are none.
    fn read(&self, name: &str) -> Result<Vec<u8>, StorageError>;

    /// Up to `length` bytes from `offset` on: fewer where the file ends.
    fn read_range(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>, StorageError>;

    /// The files below `folder` (all of them if it is empty), those in folders below it too, sorted by name. A folder that
    /// does not exist is empty.
    fn list(&self, folder: &str) -> Result<Vec<Listed>, StorageError>;

    /// Removes what is there; that there is nothing is no error. The removal is durable when this returns, so that what is
    /// removed later never vanishes before it.
    fn remove(&self, name: &str) -> Result<(), StorageError>;

    /// Makes durable what can be read of `name` now. To be called on a file that another process may have been appending
    /// to when it was killed: its last bytes may be in the machine's memory alone. Where everything that can be read is
    /// durable there is nothing to do.
    fn settle(&self, name: &str) -> Result<(), StorageError>;
}

/// A file that grows. After an error it is of no further use: what was written since the last
/// [`sync`](Append::sync) may be there in part.
pub trait Append: Send {
    /// Adds bytes to the end.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError>;

    /// Returns when all that was written, and the file's name, are durable.
    fn sync(&mut self) -> Result<(), StorageError>;
}

/// A file of a listing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The whole name, relative to the storage.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// Refuses names that a storage could take for something else: absolute ones, `..`, hidden files, and those that are too
/// long for some file system.
pub fn check_name(name: &str) -> Result<(), StorageError> {
    let refuse = |text: &str| Err(StorageError::unusable(name, format!("no name of a checkpoint's file: {text}")));
    if name.len() > NAME_BYTES_MAX {
        return refuse("it is too long");
    }
    for part in name.split('/') {
        match part {
            "" => return refuse("a part of it is empty"),
            part if part.starts_with('.') => return refuse("a part of it begins with a dot"),
            part if part.len() > PART_BYTES_MAX => return refuse("a part of it is too long"),
            part if part.contains(|c: char| c.is_control() || c == '\\') => {
                return refuse("it has a control character or a backslash");
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_the_storage() {
        let long = "x".repeat(256);
        let table = [
            ("a", true),
            ("log/00000000000000000001.log", true),
            ("received/word count/1", true),
            ("a/ä.b..c", true),
            ("", false),
            ("/a", false),
            ("a/", false),
            ("a//b", false),
            ("..", false),
            ("a/../b", false),
            ("a/.hidden", false),
            ("a\0", false),
            ("a\nb", false),
            ("a\\b", false),
            (&long, false),
        ];
        for (name, fine) in table {
            assert_eq!(check_name(name).is_ok(), fine, "{name:?}");
        }
    }
}

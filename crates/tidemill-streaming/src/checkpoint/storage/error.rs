//! Why a storage did not do what it was asked to.

use std::fmt;
use std::io;
use std::sync::Arc;

/// Why a call on a storage failed. Each says where, and what to try.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The system reports an error that has no variant of its own.
    #[error("{place}: cannot {action}: {text}{}", hint(*kind))]
    Io {
        /// The file.
        place: Place,
        /// What was being done to it.
        action: &'static str,
        /// What kind of error it is.
        kind: io::ErrorKind,
        /// What the system says.
        text: String,
    },
    /// The disk, or what the user may have of it, is full.
    #[error("{place}: cannot {action}: no space is left there; free some, or move the checkpoint to a larger disk")]
    Full {
        /// The file.
        place: Place,
        /// What was being done to it.
        action: &'static str,
    },
    /// It can be read only.
    #[error("{place}: cannot {action}: it can only be read; is the disk mounted read-only?")]
    ReadOnly {
        /// The file.
        place: Place,
        /// What was being done to it.
        action: &'static str,
    },
    /// There is no such file.
    #[error("{place} does not exist; was it removed by hand?")]
    Missing {
        /// The file.
        place: Place,
    },
    /// There is a file of that name already.
    #[error("{place} exists already")]
    Exists {
        /// The file.
        place: Place,
    },
    /// Somebody else may write there, and what a checkpoint holds is trusted.
    #[error("{location} is not safe for a checkpoint: {text}")]
    Foreign {
        /// The folder.
        location: Arc<str>,
        /// Who, and what to do about it.
        text: String,
    },
    /// Another driver is using the checkpoint.
    #[error("{location} is used by {}; stop that driver first, or use another directory", holder(*pid))]
    Locked {
        /// The folder.
        location: Arc<str>,
        /// The process of that driver, if it could be read.
        pid: Option<u32>,
    },
    /// A newer driver has taken over the checkpoint: this one must stop.
    #[error(
        "{place} was written by another driver, which has taken over this checkpoint: this driver stops, and has written \
         nothing since; run one driver at a time"
    )]
    Fenced {
        /// What the other driver wrote.
        place: Place,
    },
    /// The folder was removed, or another was put in its place, while it was in use.
    #[error(
        "{location} was removed or replaced while it was in use; stop the driver, and give it a directory that stays"
    )]
    Gone {
        /// The folder.
        location: Arc<str>,
    },
    /// What is there is not what was written.
    #[error("{place} is damaged at byte {offset}: {text}; restore it from a copy, or see `tidemill checkpoint verify`")]
    Damaged {
        /// The file.
        place: Place,
        /// Where, in bytes from its start.
        offset: u64,
        /// What is wrong.
        text: String,
    },
    /// The location or name cannot be used as it is.
    #[error("{location:?}: {text}")]
    Unusable {
        /// The location or name.
        location: Arc<str>,
        /// Why, and what to write instead.
        text: String,
    },
}

/// A file of a storage, as it stands in messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The storage's path or URL.
    pub location: Arc<str>,
    /// The file's name there; empty for the storage itself.
    pub name: String,
}

impl Place {
    /// The place of `name` in the storage at `location`.
    pub fn new(location: &Arc<str>, name: impl Into<String>) -> Place {
        Place { location: location.clone(), name: name.into() }
    }

    /// What an error of the system means here.
    pub fn failed(self, action: &'static str, error: &io::Error) -> StorageError {
        let place = self;
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageError::Full { place, action },
            io::ErrorKind::ReadOnlyFilesystem => StorageError::ReadOnly { place, action },
            io::ErrorKind::NotFound => StorageError::Missing { place },
            io::ErrorKind::AlreadyExists => StorageError::Exists { place },
            kind => StorageError::Io { place, action, kind, text: error.to_string() },
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            "" => f.write_str(&self.location),
            name => write!(f, "{}/{name}", self.location.trim_end_matches('/')),
        }
    }
}

impl StorageError {
    /// [`StorageError::Unusable`].
    pub(crate) fn unusable(location: &str, text: impl Into<String>) -> StorageError {
        StorageError::Unusable { location: location.into(), text: text.into() }
    }

    /// Whether the same write may succeed at another try or under another name. Not so where the storage as a whole is
    /// lost, or another driver's.
    pub fn may_pass(&self) -> bool {
        use StorageError::{Fenced, Foreign, Gone, Locked, Unusable};
        !matches!(self, Fenced { .. } | Foreign { .. } | Gone { .. } | Locked { .. } | Unusable { .. })
    }
}

fn hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied => "; give this user the right to read and write there",
        io::ErrorKind::NotADirectory => "; give the path of a directory",
        _ => "",
    }
}

fn holder(pid: Option<u32>) -> String {
    match pid {
        Some(pid) if pid == std::process::id() => format!("this process ({pid}) already, in another streaming context"),
        Some(pid) => format!("another driver, process {pid}"),
        None => "another driver".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_where_and_what_to_try() {
        let place = || Place::new(&"/data/check".into(), "log/1.log");
        let own = std::process::id();
        let table = [
            (
                place().failed("write", &io::ErrorKind::StorageFull.into()),
                "/data/check/log/1.log: cannot write: no space is left there; free some, or move the checkpoint to a \
                 larger disk",
            ),
            (
                place().failed("sync", &io::ErrorKind::ReadOnlyFilesystem.into()),
                "/data/check/log/1.log: cannot sync: it can only be read; is the disk mounted read-only?",
            ),
            (
                place().failed("read", &io::ErrorKind::PermissionDenied.into()),
                "/data/check/log/1.log: cannot read: permission denied; give this user the right to read and write there",
            ),
            (
                place().failed("read", &io::ErrorKind::NotFound.into()),
                "/data/check/log/1.log does not exist; was it removed by hand?",
            ),
            (
                StorageError::Locked { location: "/data/check".into(), pid: Some(1) },
                "/data/check is used by another driver, process 1; stop that driver first, or use another directory",
            ),
            (
                StorageError::Locked { location: "/data/check".into(), pid: Some(own) },
                &format!(
                    "/data/check is used by this process ({own}) already, in another streaming context; stop that driver \
                     first, or use another directory"
                ),
            ),
        ];
        for (error, text) in table {
            assert_eq!(error.to_string(), text);
        }
        assert_eq!(Place::new(&"s3://bucket/".into(), "a").to_string(), "s3://bucket/a");
    }
}

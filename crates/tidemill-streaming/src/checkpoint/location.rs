//! Where a checkpoint is: a folder, or the URL of an object store.

use std::path::Path;
use std::sync::Arc;

use tidemill_core::files::paths;
use tidemill_core::settings::Settings;

use crate::checkpoint::storage::{self, Storage, StorageError};

/// Whether `location` is the URL of an object store: its scheme is none of files.
pub(crate) fn is_url(location: &Path) -> bool {
    let text = location.to_string_lossy();
    text.split_once("://").is_some_and(|(scheme, _)| scheme != "file")
}

/// Whether something may be there: a folder that exists, or any URL.
pub(crate) fn exists(location: &Path) -> Result<bool, StorageError> {
    Ok(is_url(location) || local(location)?.exists())
}

/// The storage at `location`, for this process alone.
///
/// # Errors
/// It cannot be used: see [`storage::open`].
pub(crate) fn open(location: &Path, settings: &Settings) -> Result<Arc<dyn Storage>, StorageError> {
    storage::open(&location.to_string_lossy(), settings)
}

/// The storage at `location`, to be read: no lock is taken and nothing is written.
///
/// # Errors
/// It cannot be read.
pub(crate) fn open_to_read(location: &Path, settings: &Settings) -> Result<Arc<dyn Storage>, StorageError> {
    storage::open_to_read(&location.to_string_lossy(), settings)
}

fn local(location: &Path) -> Result<std::path::PathBuf, StorageError> {
    let text = location.to_string_lossy();
    paths::local(&text).map_err(|cause| StorageError::unusable(&text, cause.to_string()))
}

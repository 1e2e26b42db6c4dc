//! From a location, as a user writes it, to the storage that is there.

use std::sync::Arc;

use tidemill_core::Settings;
use tidemill_core::files::paths;

use super::{LocalStorage, Storage, StorageError};
#[cfg(not(feature = "object-store"))]
use crate::remote::without_user;

/// Opens the checkpoint at `location` to be written: a path, a `file:` URL, or the URL of an object store (`s3://bucket/path`,
/// also `s3a`, `gs`, `az`, `abfs`), if this build has the feature `object-store`.
///
/// Credentials for object stores come from the process's environment (`AWS_*`, `GOOGLE_*`, `AZURE_*`, as their own tools
/// read them) and from Hadoop's settings in `settings` (`spark.hadoop.fs.s3a.access.key` and the like), never from the
/// location.
///
/// A local folder is locked, see [`LocalStorage::open`]. An object store is not: there, each log is taken over when it is
/// opened.
pub fn open(location: &str, settings: &Settings) -> Result<Arc<dyn Storage>, StorageError> {
    if is_remote(location) {
        return open_remote(location, settings);
    }
    Ok(Arc::new(LocalStorage::open(local_path(location)?)?))
}

/// As [`open`], but to be read only: nothing is written or locked, so a running driver is not disturbed.
pub fn open_to_read(location: &str, settings: &Settings) -> Result<Arc<dyn Storage>, StorageError> {
    if is_remote(location) {
        return open_remote(location, settings);
    }
    Ok(Arc::new(LocalStorage::read_only(local_path(location)?)?))
}

/// Whether something may be there: a folder that exists, or any URL.
pub(crate) fn exists(location: &str) -> Result<bool, StorageError> {
    Ok(is_remote(location) || local_path(location)?.exists())
}

/// Whether a location is no path: it has a scheme that is not `file`.
pub(crate) fn is_remote(location: &str) -> bool {
    location.split_once("://").is_some_and(|(scheme, _)| !scheme.contains('/') && scheme != "file")
}

fn local_path(location: &str) -> Result<std::path::PathBuf, StorageError> {
    if location.trim().is_empty() {
        return Err(StorageError::unusable(
            location,
            "give the path of a directory, or a URL such as s3://bucket/path",
        ));
    }
    paths::local(location).map_err(|error| StorageError::unusable(location, error.to_string()))
}

#[cfg(feature = "object-store")]
fn open_remote(location: &str, settings: &Settings) -> Result<Arc<dyn Storage>, StorageError> {
    Ok(Arc::new(super::ObjectStorage::open(location, settings)?))
}

#[cfg(not(feature = "object-store"))]
fn open_remote(location: &str, _: &Settings) -> Result<Arc<dyn Storage>, StorageError> {
    let text = "this build has no object stores: build it with the feature `object-store`, or give a local directory";
    Err(StorageError::unusable(without_user(location), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_path_or_a_url() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        let settings = Settings::new();
        for location in [format!("{path}/a"), format!("file:{path}/a"), format!("file://{path}/a")] {
            assert_eq!(open(&location, &settings).unwrap().location(), format!("{path}/a"), "{location}");
            assert_eq!(open_to_read(&location, &settings).unwrap().location(), format!("{path}/a"), "{location}");
        }
        for (location, text) in [
            ("", "give the path of a directory"),
            ("nowhere://bucket/path", if cfg!(feature = "object-store") { "s3://" } else { "feature `object-store`" }),
        ] {
            let error = open(location, &settings).unwrap_err();
            assert!(matches!(error, StorageError::Unusable { .. }) && error.to_string().contains(text), "{error}");
        }
    }
}

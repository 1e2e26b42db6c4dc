//! What a stream of files may be told: which paths it takes, and whether files that were there before count.

use std::path::Path;
use std::sync::Arc;

/// Which files a stream takes: the arguments of Spark's `fileStream` (behaviour 2.8).
#[derive(Clone)]
pub struct FileOptions {
    pub(super) filter: Arc<dyn Fn(&Path) -> bool + Send + Sync>,
    pub(super) new_files_only: bool,
}

impl FileOptions {
    /// All files that were modified after the stream was made and whose names do not begin with a dot.
    pub fn new() -> FileOptions {
        FileOptions { filter: Arc::new(does_not_begin_with_a_dot), new_files_only: true }
    }

    /// Takes the paths for which `filter` is true, instead of those whose names do not begin with a dot. It is asked in
    /// the driver, by the thread that closes batches; a panic of it fails the batch.
    #[must_use]
    pub fn filter(self, filter: impl Fn(&Path) -> bool + Send + Sync + 'static) -> FileOptions {
        FileOptions { filter: Arc::new(filter), ..self }
    }

    /// Also takes files that were there before the stream was made, in its first batch, unless they were last modified
    /// longer ago than `spark.streaming.fileStream.minRememberDuration`.
    #[must_use]
    pub fn with_existing_files(self) -> FileOptions {
        FileOptions { new_files_only: false, ..self }
    }
}

impl Default for FileOptions {
    fn default() -> FileOptions {
        FileOptions::new()
    }
}

fn does_not_begin_with_a_dot(path: &Path) -> bool {
    !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

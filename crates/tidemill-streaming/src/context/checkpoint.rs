//! The checkpoint directory of a streaming context.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::context::StreamingContext;
use crate::error::Error;

impl StreamingContext {
    /// Sets where checkpoints go, for streams and for RDDs, and makes the folder: Spark's `checkpoint` (behaviour 1.11).
    /// Stateful streams and `DStream::checkpoint` need one.
    ///
    /// So far a checkpoint does not outlive its program: one warning says that a restart begins anew.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the folder cannot be made.
    pub fn checkpoint(&self, directory: impl AsRef<Path>) -> Result<(), Error> {
        let directory = directory.as_ref();
        let failed = |cause| Error::Checkpoint { directory: directory.to_path_buf(), cause: Arc::new(cause) };
        self.context().set_checkpoint_dir(directory).map_err(failed)?;
        let first = self.live().checkpoints.replace(directory.to_path_buf()).is_none();
        if first {
            tracing::warn!(
                directory = %directory.display(),
                "State is not written to the checkpoint directory yet: a program that is started again begins anew."
            );
        }
        Ok(())
    }

    /// Takes back what [`checkpoint`](StreamingContext::checkpoint) has set: Spark's `checkpoint(None)` (behaviour 1.11).
    pub fn without_checkpoints(&self) {
        self.live().checkpoints = None;
    }

    /// Where checkpoints go, if that was set.
    pub fn checkpoint_directory(&self) -> Option<PathBuf> {
        self.live().checkpoints.clone()
    }

    /// The context that the checkpoints in `directory` describe, or, where there are none, the one that `setup` makes,
    /// with `directory` as its checkpoint directory: Spark's `getOrCreate` (behaviour 1.2).
    ///
    /// # Errors
    /// Those of `setup`, and [`Error::CannotRecover`] for a directory that holds something: to begin anew there would lose
    /// what it holds.
    pub fn get_or_create(
        directory: impl AsRef<Path>,
        setup: impl FnOnce() -> Result<StreamingContext, Error>,
    ) -> Result<StreamingContext, Error> {
        let directory = directory.as_ref();
        StreamingContext::check_new(directory)?;
        let streaming = setup()?;
        if streaming.checkpoint_directory().is_none() {
            streaming.checkpoint(directory)?;
        }
        Ok(streaming)
    }

    /// Checks that nothing would be lost by beginning anew with `directory` as checkpoint directory.
    ///
    /// # Errors
    /// [`Error::CannotRecover`] for a directory that holds something.
    pub fn check_new(directory: impl AsRef<Path>) -> Result<(), Error> {
        let directory = directory.as_ref();
        let holds_something = match std::fs::read_dir(directory) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(_) => true, // not a folder, or not ours to read: nothing to begin anew in
        };
        if holds_something {
            return Err(Error::CannotRecover { directory: directory.to_path_buf() });
        }
        Ok(())
    }
}

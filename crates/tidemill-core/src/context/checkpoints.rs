//! The checkpoint directory of a context.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError};

use super::Context;
use crate::Cause;
use crate::error::Error;
use crate::lineage::Operator;

impl Context {
    /// Sets the folder under which `Rdd::checkpoint` writes: Spark's `setCheckpointDir`. A folder of this context's own is
    /// made in it at once, so that contexts that share it do not meet.
    ///
    /// ```
    /// let folder = tempfile::tempdir()?;
    /// let context = tidemill_core::Context::local(2)?;
    /// context.set_checkpoint_dir(folder.path())?;
    /// let squares = context.parallelize(1..=3, 2).map(|x| x * x).checkpoint()?;
    /// assert_eq!(squares.collect()?, [1, 4, 9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn set_checkpoint_dir(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let (path, operator) = (path.as_ref(), Operator::here("set_checkpoint_dir"));
        let failed = |error| Error::driver(&operator, Cause::file("create a folder in", path, error));
        fs::create_dir_all(path).map_err(failed)?;
        let own = tempfile::Builder::new().prefix("checkpoints-").tempdir_in(path).map_err(failed)?;
        *self.checkpoints() = Some(own.keep());
        Ok(())
    }

    /// The folder of this context's checkpoints, if one was set: Spark's `getCheckpointDir`.
    pub fn checkpoint_dir(&self) -> Option<PathBuf> {
        self.checkpoints().clone()
    }

    fn checkpoints(&self) -> MutexGuard<'_, Option<PathBuf>> {
        self.inner.checkpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! `text_at` and `records_at`: what stands at one exact path, for sources that have found it themselves.
//!
//! A path is taken as it is: a comma or a star in a file's name is part of the name. Each method is given the name of the
//! source for which it reads, so that a failure in a task names what the user wrote.

use std::path::Path;

use crate::context::Context;
use crate::error::Error;
use crate::files::paths;
use crate::files::{records, splits};
use crate::lineage::Operator;
use crate::rdd::Rdd;
use crate::{Cause, Text, TextBlock};

impl Context {
    /// The lines of the file at `path`, or of the files in the folder there, as of
    /// [`text_file`](Context::text_file), for the source called `name`. Each file is cut up only where it is larger than
    /// `tidemill.text.split.size`; one without a byte makes no partition.
    ///
    /// Errors: those of [`paths::at`].
    ///
    /// ```
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("one, two.txt");
    /// std::fs::write(&path, "tide\nand mill\n")?;
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.text_at("my_source", &path)?.collect()?, ["tide", "and mill"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn text_at(&self, name: &'static str, path: &Path) -> Result<Rdd<Text>, Error> {
        Ok(self.text_blocks_at(name, path)?.lines())
    }

    /// The text that [`text_at`](Context::text_at) takes its lines from, in blocks of whole lines of about a MiB, for
    /// operators on blocks.
    ///
    /// Errors: those of [`paths::at`].
    #[track_caller]
    pub fn text_blocks_at(&self, name: &'static str, path: &Path) -> Result<Rdd<TextBlock>, Error> {
        let files = paths::at(path).map_err(|cause| failed(name, cause))?;
        let mut splits = splits::plan(&files, 1, self.split_bytes());
        splits.retain(|split| !split.is_empty());
        Ok(self.split_blocks(name, splits))
    }

    /// The records of `record_bytes` bytes in the file at `path`, or in the files of the folder there, for the source
    /// called `name`. What is left at the end of a file is a shorter record; see also
    /// [`binary_records`](Context::binary_records), which refuses it.
    ///
    /// Errors: those of [`paths::at`]; `record_bytes` is 0, or a file is compressed.
    ///
    /// ```
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("a.bin");
    /// std::fs::write(&path, [1, 2, 3, 4, 5])?;
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.records_at("my_source", &path, 2)?.collect()?, [vec![1, 2], vec![3, 4], vec![5]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn records_at(&self, name: &'static str, path: &Path, record_bytes: u64) -> Result<Rdd<Vec<u8>>, Error> {
        let files = paths::at(path).map_err(|cause| failed(name, cause))?;
        let splits = records::plan_pieces(&files, record_bytes, self.split_bytes());
        let mut splits = splits.map_err(|cause| failed(name, cause))?;
        splits.retain(|split| !split.is_empty());
        Ok(self.records(name, splits, record_bytes))
    }
}

#[track_caller]
fn failed(name: &'static str, cause: Cause) -> Error {
    Error::driver(&Operator::here(name), cause)
}

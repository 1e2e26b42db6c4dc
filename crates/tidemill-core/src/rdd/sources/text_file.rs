//! `text_file`: the lines of text files.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::context::Context;
use crate::error::Error;
use crate::files::paths;
use crate::files::splits::{self, FileSplit, LineBlocks};
use crate::lineage::Operator;
use crate::rdd::Rdd;
use crate::rdd::sources::parts::Part;
use crate::runs::Runs;
use crate::settings::keys;
use crate::{Cause, Stop, Text, TextBlock};

/// A longer line is an error: the length that Hadoop's reader allows, the longest array of a Java program.
const LINE_BYTES_MAX: usize = i32::MAX as usize;

impl Context {
    /// The lines of text files, without their ends: Spark's `SparkContext.textFile`.
    ///
    /// `paths` are files, folders and patterns, separated by commas; see [`files::paths`](crate::files::paths::find).
    /// Compressed files (`.gz`, `.bz2`, `.zst`) are read as what they hold, each as one partition. Plain files are cut up so
    /// that there are about `min_partitions` partitions or more; `None` stands for the lesser of 2 and the default
    /// parallelism. Empty files make none. Bytes that are not UTF-8 become U+FFFD, with a warning for each such file.
    ///
    /// Errors: a path does not exist or cannot be read. Unlike in Spark, where the first action fails, this call does,
    /// since the files are listed here. A file that changes or vanishes later fails the task that reads it.
    ///
    /// ```
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("words.txt");
    /// std::fs::write(&path, "tide\nand mill\n")?;
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// let lines = context.text_file(&path.to_string_lossy(), None)?;
    /// assert_eq!(lines.collect()?, ["tide", "and mill"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn text_file(&self, paths: &str, min_partitions: impl Into<Option<usize>>) -> Result<Rdd<Text>, Error> {
        let splits = self.text_splits("text_file", paths, min_partitions.into())?;
        Ok(self.split_blocks("text_file", splits).lines())
    }

    /// The text of files in blocks of whole lines of about a MiB, for operators on blocks: what
    /// [`text_file`](Context::text_file) takes its lines from.
    #[track_caller]
    pub fn text_blocks(&self, paths: &str, min_partitions: impl Into<Option<usize>>) -> Result<Rdd<TextBlock>, Error> {
        let splits = self.text_splits("text_blocks", paths, min_partitions.into())?;
        Ok(self.split_blocks("text_blocks", splits))
    }

    /// How many partitions files are read into at least where nobody says otherwise: Spark's `defaultMinPartitions`.
    pub fn default_min_partitions(&self) -> usize {
        self.default_parallelism().min(2)
    }

    /// Above this size a file is read in several parts, if it can be cut: `tidemill.text.split.size`.
    pub(super) fn split_bytes(&self) -> u64 {
        self.config().get(keys::TEXT_SPLIT_SIZE).bytes()
    }

    #[track_caller]
    fn text_splits(&self, name: &'static str, list: &str, least: Option<usize>) -> Result<Vec<FileSplit>, Error> {
        let operator = Operator::here(name);
        let files = paths::find(list).map_err(|cause| Error::driver(&operator, cause))?;
        let mut splits =
            splits::plan(&files, least.unwrap_or_else(|| self.default_min_partitions()), self.split_bytes());
        splits.retain(|split| !split.is_empty());
        Ok(splits)
    }

    #[track_caller]
    pub(super) fn split_blocks(&self, name: &'static str, splits: Vec<FileSplit>) -> Rdd<TextBlock> {
        self.parts(name, splits, |part: Part<FileSplit>| {
            let blocks = splits::read(&part.part, LINE_BYTES_MAX)?;
            Ok(Box::new(SplitRuns { part, blocks }))
        })
    }
}

struct SplitRuns {
    part: Part<FileSplit>,
    blocks: LineBlocks,
}

impl Runs<TextBlock> for SplitRuns {
    fn next(&mut self, into: &mut Vec<TextBlock>) -> Result<bool, Stop> {
        self.part.enter()?;
        let Some(bytes) = self.blocks.next() else { return Ok(false) };
        into.push(text_of(bytes?, &self.part.part.path)?);
        Ok(true)
    }
}

/// `bytes` of the file at `path` as text; if some are malformed, a warning says so.
pub(super) fn text_of(bytes: Vec<u8>, path: &Path) -> Result<TextBlock, Cause> {
    let text = TextBlock::from_utf8_lossy(bytes);
    let (block, malformed) = text.map_err(|e| Cause::Invalid(format!("{}: {e}", path.display())))?;
    if malformed > 0 {
        warn_malformed(path, malformed);
    }
    Ok(block)
}

/// More files than these are not remembered as warned of.
const WARNED_FILES_MAX: usize = 10_000;

/// Warns once of each file.
#[cold]
fn warn_malformed(path: &Path, malformed: usize) {
    static WARNED: LazyLock<Mutex<HashSet<PathBuf>>> = LazyLock::new(Mutex::default);
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    if warned.len() < WARNED_FILES_MAX && warned.insert(path.into()) {
        tracing::warn!(
            file = %path.display(),
            malformed,
            "A file is not UTF-8 throughout: malformed bytes became U+FFFD. The number is that of the first such block."
        );
    }
}

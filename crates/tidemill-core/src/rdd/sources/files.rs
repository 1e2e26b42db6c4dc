//! `whole_text_files`, `binary_files` and `binary_records`: files that are not read by lines.

use crate::context::Context;
use crate::error::Error;
use crate::files::paths::{self, InputFile, uri};
use crate::files::records::{self, Content, RecordBlocks};
use crate::files::splits::FileSplit;
use crate::lineage::Operator;
use crate::rdd::Rdd;
use crate::rdd::sources::parts::Part;
use crate::rdd::sources::text_file::text_of;
use crate::runs::Runs;
use crate::{Stop, Text};

/// A greater file cannot be one element: the longest array of a Java program, as in Spark.
const FILE_BYTES_MAX: u64 = i32::MAX as u64;

impl Context {
    /// Each file as one element, its path (`file:/folder/file`) with its whole text: Spark's `SparkContext.wholeTextFiles`.
    ///
    /// For `paths`, `min_partitions`, compression, malformed text and errors see [`text_file`](Context::text_file). A file
    /// of 2 GiB or more fails its task.
    ///
    /// ```
    /// let folder = tempfile::tempdir()?;
    /// std::fs::write(folder.path().join("a.txt"), "tide\nmill\n")?;
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// let files = context.whole_text_files(&folder.path().to_string_lossy(), None)?.collect()?;
    /// assert!(files[0].0.ends_with("/a.txt") && files[0].1 == "tide\nmill\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn whole_text_files(
        &self,
        paths: &str,
        min_partitions: impl Into<Option<usize>>,
    ) -> Result<Rdd<(Text, Text)>, Error> {
        let least = min_partitions.into().unwrap_or_else(|| self.default_min_partitions());
        let files = find("whole_text_files", paths)?;
        let bytes = records::text_partition_bytes(&files, least);
        Ok(self.parts("whole_text_files", records::group(files, bytes), |part| {
            Ok(Box::new(WholeFiles {
                part,
                next: 0,
                content: Content::Text,
                value: |file: &InputFile, bytes| {
                    let text = text_of(bytes, &file.path)?;
                    Ok(text.get(0..text.len()).unwrap_or_default())
                },
            }))
        }))
    }

    /// Each file as one element, its path (`file:/folder/file`) with its bytes as they are: Spark's
    /// `SparkContext.binaryFiles`.
    ///
    /// Small files share a partition, as in Spark; a file of 2 GiB or more fails its task. For `paths` and errors see
    /// [`text_file`](Context::text_file).
    #[track_caller]
    pub fn binary_files(
        &self,
        paths: &str,
        min_partitions: impl Into<Option<usize>>,
    ) -> Result<Rdd<(Text, Vec<u8>)>, Error> {
        let least = min_partitions.into().unwrap_or_else(|| self.default_min_partitions());
        let files = find("binary_files", paths)?;
        let bytes = records::binary_partition_bytes(&files, least.max(self.default_parallelism()));
        Ok(self.parts("binary_files", records::group(files, bytes), |part| {
            Ok(Box::new(WholeFiles { part, next: 0, content: Content::Raw, value: |_: &InputFile, bytes| Ok(bytes) }))
        }))
    }

    /// Files as records of `record_bytes` bytes each: Spark's `SparkContext.binaryRecords`.
    ///
    /// Errors: those of [`text_file`](Context::text_file); `record_bytes` is 0; a file is compressed, or its length is no
    /// multiple of `record_bytes`.
    ///
    /// ```
    /// let folder = tempfile::tempdir()?;
    /// std::fs::write(folder.path().join("a.bin"), [1, 2, 3, 4])?;
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// let records = context.binary_records(&folder.path().to_string_lossy(), 2)?;
    /// assert_eq!(records.collect()?, [[1, 2], [3, 4]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn binary_records(&self, paths: &str, record_bytes: u64) -> Result<Rdd<Vec<u8>>, Error> {
        let operator = Operator::here("binary_records");
        let splits = records::plan_records(&find("binary_records", paths)?, record_bytes, self.split_bytes());
        let mut splits = splits.map_err(|cause| Error::driver(&operator, cause))?;
        splits.retain(|split| !split.is_empty());
        Ok(self.records("binary_records", splits, record_bytes))
    }

    /// The records of splits; the last one of a file may be shorter than `record_bytes`.
    #[track_caller]
    pub(super) fn records(&self, name: &'static str, splits: Vec<FileSplit>, record_bytes: u64) -> Rdd<Vec<u8>> {
        let parts = splits.into_iter().map(|split| (split, record_bytes)).collect();
        self.parts(name, parts, |part: Part<(FileSplit, u64)>| {
            let blocks = records::read_records(&part.part.0, part.part.1)?;
            Ok(Box::new(Records { part, blocks }))
        })
    }
}

#[track_caller]
fn find(name: &'static str, list: &str) -> Result<Vec<InputFile>, Error> {
    let operator = Operator::here(name);
    paths::find(list).map_err(|cause| Error::driver(&operator, cause))
}

/// The files of a partition, one a run: each is large, or soon read.
struct WholeFiles<F> {
    part: Part<Vec<InputFile>>,
    next: usize,
    content: Content,
    value: F,
}

impl<V, F: Fn(&InputFile, Vec<u8>) -> Result<V, Stop>> Runs<(Text, V)> for WholeFiles<F> {
    fn next(&mut self, into: &mut Vec<(Text, V)>) -> Result<bool, Stop> {
        self.part.enter()?;
        let Some(file) = self.part.part.get(self.next) else { return Ok(false) };
        let bytes = records::read_whole(file, self.content, FILE_BYTES_MAX)?;
        into.push((uri(&file.path).into(), (self.value)(file, bytes)?));
        self.next += 1;
        Ok(true)
    }
}

struct Records {
    part: Part<(FileSplit, u64)>,
    blocks: RecordBlocks,
}

impl Runs<Vec<u8>> for Records {
    fn next(&mut self, into: &mut Vec<Vec<u8>>) -> Result<bool, Stop> {
        self.part.enter()?;
        let Some(block) = self.blocks.next() else { return Ok(false) };
        into.extend(block?.chunks(self.part.part.1 as usize).map(<[u8]>::to_vec));
        Ok(true)
    }
}

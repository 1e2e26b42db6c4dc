//! Records that are not lines: pieces of one length (`binaryRecords`) and whole files (`binaryFiles`, `wholeTextFiles`).

use serde::{Deserialize, Serialize};

use crate::Cause;
use crate::files::compression::{Compression, FileReader, refuse_unsupported, shrunk};
use crate::files::paths::InputFile;
use crate::files::splits::{self, FileSplit};

/// How many bytes of whole records make a block; see `splits`.
const BLOCK_BYTES: u64 = 1 << 20;

/// The most bytes of files that `binaryFiles` puts into one partition: `spark.files.maxPartitionBytes`.
pub const MAX_PARTITION_BYTES: u64 = 128 << 20;

/// How many bytes could be read in the time that opening a file takes: `spark.files.openCostInBytes`. It keeps many small
/// files from landing in one partition.
pub const OPEN_COST_BYTES: u64 = 4 << 20;

/// How whole files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// As they are, compressed ones too: `binaryFiles`.
    Raw,
    /// Decompressed: `wholeTextFiles`.
    Text,
}

/// Cuts files into splits that hold whole records of `record_bytes`, each at most `split_bytes` long (usually
/// [`splits::SPLIT_BYTES`]) or one record. As in Spark, a number of partitions cannot be asked for.
///
/// Errors: `record_bytes` is 0; a file is compressed; a file's length is no multiple of `record_bytes`.
pub fn plan_records(files: &[InputFile], record_bytes: u64, split_bytes: u64) -> Result<Vec<FileSplit>, Cause> {
    let splits = plan_pieces(files, record_bytes, split_bytes)?;
    match files.iter().find(|file| file.length % record_bytes != 0) {
        None => Ok(splits),
        Some(file) => Err(Cause::Invalid(format!(
            "{} holds {} bytes, which is no multiple of the record length {record_bytes}: its last record is partial; check \
             the record length, or whether the file was cut off or is still being written",
            file.path.display(),
            file.length
        ))),
    }
}

/// As [`plan_records`], but the last record of a file may be shorter than the others.
pub fn plan_pieces(files: &[InputFile], record_bytes: u64, split_bytes: u64) -> Result<Vec<FileSplit>, Cause> {
    if record_bytes == 0 {
        return Err(Cause::Invalid("the record length of binaryRecords must be at least 1 byte".into()));
    }
    if let Some(file) = files.iter().find(|file| file.compression != Compression::Plain) {
        return Err(Cause::Invalid(format!(
            "{} is compressed, and binaryRecords cannot read compressed files; decompress it first",
            file.path.display()
        )));
    }
    let whole_records = (split_bytes / record_bytes).max(1) * record_bytes;
    Ok(splits::cut(files, whole_records))
}

/// The records of a split that [`plan_records`] or [`plan_pieces`] made, in blocks of about a MiB: each block holds whole
/// records, one after the other, and is never empty; only the last record of a file may be cut short. Errors: the file is gone, or shorter than it was.
pub fn read_records(split: &FileSplit, record_bytes: u64) -> Result<RecordBlocks, Cause> {
    let file = FileReader::open_raw(&split.path, split.start, split.end)?;
    let block_bytes = (BLOCK_BYTES / record_bytes.max(1)).max(1) * record_bytes.max(1);
    Ok(RecordBlocks { file, left: split.end - split.start, block_bytes })
}

/// The blocks of whole records of one split; see [`read_records`].
pub struct RecordBlocks {
    file: FileReader,
    /// How many bytes of the split are still to be read.
    left: u64,
    block_bytes: u64,
}

impl Iterator for RecordBlocks {
    type Item = Result<Vec<u8>, Cause>;

    fn next(&mut self) -> Option<Result<Vec<u8>, Cause>> {
        if self.left == 0 {
            return None;
        }
        let want = self.left.min(self.block_bytes);
        self.left -= want;
        let mut block = Vec::with_capacity(want as usize);
        match self.file.fill(&mut block, want) {
            Ok(count) if count == want => Some(Ok(block)),
            Ok(_) => {
                self.left = 0;
                Some(Err(shrunk(self.file.path())))
            }
            Err(cause) => {
                self.left = 0;
                Some(Err(cause))
            }
        }
    }
}

/// Groups whole files into partitions, in their order: a partition is full when it holds `partition_bytes` or more, and no
/// file is divided. With 0 all files are one partition. No files make no partition.
///
/// This is what Hadoop's `CombineFileInputFormat` does on one machine. Take `partition_bytes` from [`text_partition_bytes`]
/// or [`binary_partition_bytes`].
pub fn group(files: Vec<InputFile>, partition_bytes: u64) -> Vec<Vec<InputFile>> {
    let mut partitions = Vec::new();
    let (mut partition, mut bytes) = (Vec::new(), 0u64);
    for file in files {
        bytes += file.length;
        partition.push(file);
        if partition_bytes > 0 && bytes >= partition_bytes {
            partitions.push(std::mem::take(&mut partition));
            bytes = 0;
        }
    }
    if !partition.is_empty() {
        partitions.push(partition);
    }
    partitions
}

/// When a partition of `wholeTextFiles` is full: the files divided by `min_partitions`, rounded up.
pub fn text_partition_bytes(files: &[InputFile], min_partitions: usize) -> u64 {
    total(files).div_ceil(min_partitions.max(1) as u64)
}

/// When a partition of `binaryFiles` is full: the files and the cost of opening them divided by `parallelism` (the greater
/// of the default parallelism and the partitions asked for), at least [`OPEN_COST_BYTES`], at most [`MAX_PARTITION_BYTES`].
pub fn binary_partition_bytes(files: &[InputFile], parallelism: usize) -> u64 {
    let with_opening = total(files) + files.len() as u64 * OPEN_COST_BYTES;
    (with_opening / parallelism.max(1) as u64).clamp(OPEN_COST_BYTES, MAX_PARTITION_BYTES)
}

/// Reads a whole file into memory.
///
/// Errors: it would take more than `limit` bytes, told before more than that is read; it is gone, shorter than it was, or
/// damaged.
pub fn read_whole(file: &InputFile, content: Content, limit: u64) -> Result<Vec<u8>, Cause> {
    let compression = match content {
        Content::Raw => Compression::Plain,
        Content::Text => file.compression,
    };
    if content == Content::Text {
        refuse_unsupported(&file.path)?;
    }
    let mut reader = match compression {
        Compression::Plain => FileReader::open_raw(&file.path, 0, file.length)?,
        compression => FileReader::open(&file.path, compression, file.length)?,
    };
    let expected = if compression == Compression::Plain { file.length } else { 0 };
    let mut bytes = Vec::with_capacity(expected.min(limit) as usize);
    let count = reader.fill(&mut bytes, limit.saturating_add(1))?;
    if count > limit {
        return Err(Cause::Invalid(format!(
            "{} holds more than {limit} bytes, which is the limit for a file that is read in one piece; raise the limit, \
             or read it by lines or records",
            file.path.display()
        )));
    }
    if count < expected {
        return Err(shrunk(&file.path));
    }
    Ok(bytes)
}

fn total(files: &[InputFile]) -> u64 {
    files.iter().map(|file| file.length).sum()
}

#[cfg(test)]
mod tests;

//! Compression: which files are compressed, and reading and writing them so that damage is noticed.
//!
//! The name decides, as with Hadoop's codecs: `.gz`, `.bz2`, `.zst`. Files made of several members (gzip), streams (bzip2)
//! or frames (zstd) one after the other, as parallel compressors and `cat` make them, are read as one text.
//!
//! A compressed file that ends early or holds something else is an error, never a shorter text. One case cannot be seen:
//! a file of several members that was cut exactly between two of them is a complete file.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use crate::Cause;

/// How many compressed bytes are read from a file at a time; large, since the files are read from start to end.
const READ_AHEAD: usize = 256 << 10;

/// How many bytes are collected before they are written to a file.
const WRITE_BEHIND: usize = 256 << 10;

/// Suffixes that Hadoop reads through a codec which is not in this build.
const UNSUPPORTED: [&str; 5] = ["snappy", "lz4", "deflate", "lzo", "xz"];

/// How the bytes of a file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Compression {
    /// Not at all. The only kind of file that is split.
    Plain,
    /// gzip, `.gz`.
    Gzip,
    /// bzip2, `.bz2`.
    Bzip2,
    /// Zstandard, `.zst`.
    Zstd,
}

impl Compression {
    /// How the file at `path` is compressed, by its name alone.
    pub fn of(path: &Path) -> Compression {
        match path.extension().and_then(|suffix| suffix.to_str()) {
            Some("gz") => Compression::Gzip,
            Some("bz2") => Compression::Bzip2,
            Some("zst") => Compression::Zstd,
            _ => Compression::Plain,
        }
    }

    /// The compression that `name` stands for: a short name (`gzip`, `bzip2`, `zstd`, `none`) or the name of the Hadoop
    /// codec class that Spark programs hand to `saveAsTextFile`.
    ///
    /// An unknown name is an error that lists the known ones.
    pub fn named(name: &str) -> Result<Compression, Cause> {
        match name.rsplit('.').next().unwrap_or(name) {
            "none" | "uncompressed" => Ok(Compression::Plain),
            "gzip" | "gz" | "GzipCodec" => Ok(Compression::Gzip),
            "bzip2" | "bz2" | "BZip2Codec" => Ok(Compression::Bzip2),
            "zstd" | "zst" | "ZStandardCodec" => Ok(Compression::Zstd),
            _ => Err(Cause::Invalid(format!(
                "there is no compression codec `{name}` in this build; use one of gzip, bzip2, zstd, none"
            ))),
        }
    }

    /// What the names of such files end in: "" or a dot and letters.
    pub fn suffix(self) -> &'static str {
        match self {
            Compression::Plain => "",
            Compression::Gzip => ".gz",
            Compression::Bzip2 => ".bz2",
            Compression::Zstd => ".zst",
        }
    }
}

/// The decompressed bytes of one file. Its errors name the file.
pub struct FileReader {
    path: PathBuf,
    bytes: Box<dyn Read + Send>,
}

impl FileReader {
    /// Opens the file at `path`, whose bytes are compressed as `compression` says and which had `length` bytes when it was
    /// listed.
    ///
    /// Errors: the file cannot be opened, or is shorter now; it is compressed in a way that this build cannot read; it is an
    /// empty file with the name of a compressed one, which no compressor writes.
    pub fn open(path: &Path, compression: Compression, length: u64) -> Result<FileReader, Cause> {
        refuse_unsupported(path)?;
        let (file, length) = open_listed(path, length)?;
        if compression != Compression::Plain && length == 0 {
            return Err(Cause::Damaged { path: path.into(), why: "a compressed file is never empty; write it again" });
        }
        let bytes: Box<dyn Read + Send> = match compression {
            Compression::Plain => Box::new(file),
            Compression::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(READ_AHEAD, file))),
            Compression::Bzip2 => Box::new(MultiBzDecoder::new(BufReader::with_capacity(READ_AHEAD, file))),
            Compression::Zstd => Box::new(
                zstd::stream::read::Decoder::with_buffer(BufReader::with_capacity(READ_AHEAD, file))
                    .map_err(|e| Cause::file("read", path, e))?,
            ),
        };
        Ok(FileReader { path: path.into(), bytes })
    }

    /// Opens the file at `path`, which had `length` bytes when it was listed, to be read as it is, from byte `offset` on.
    ///
    /// Errors: the file cannot be opened, or is shorter now.
    pub fn open_raw(path: &Path, offset: u64, length: u64) -> Result<FileReader, Cause> {
        let (mut file, _) = open_listed(path, length)?;
        file.seek(SeekFrom::Start(offset)).map_err(|e| Cause::file("read", path, e))?;
        Ok(FileReader { path: path.into(), bytes: Box::new(file) })
    }

    /// Appends the next `want` bytes to `into`, or fewer if the file ends before. Returns how many.
    ///
    /// After an error, what was appended is of no use.
    pub fn fill(&mut self, into: &mut Vec<u8>, want: u64) -> Result<u64, Cause> {
        match (&mut self.bytes).take(want).read_to_end(into) {
            Ok(count) => Ok(count as u64),
            Err(error) => Err(self.failure(error)),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An error of the operating system is about the file; any other comes from a decoder and is about what it holds.
    fn failure(&self, error: io::Error) -> Cause {
        if error.raw_os_error().is_some() {
            return Cause::file("read", &self.path, error);
        }
        let why = if error.kind() == io::ErrorKind::UnexpectedEof {
            "its compressed data ends too early; it was cut off or is still being written: write it elsewhere and move it \
             here when it is complete"
        } else {
            "its bytes are not what its name promises, or were changed; write it again, or rename it if it is not \
             compressed"
        };
        Cause::Damaged { path: self.path.clone(), why }
    }
}

/// Opens a file that had `listed` bytes and still must. Returns its length as well.
fn open_listed(path: &Path, listed: u64) -> Result<(File, u64), Cause> {
    let file = File::open(path).map_err(|e| Cause::file("read", path, gone(e)))?;
    let length = file.metadata().map_err(|e| Cause::file("read", path, e))?.len();
    if length < listed { Err(shrunk(path)) } else { Ok((file, length)) }
}

/// Refuses a file whose name says that it needs a codec which is not in this build: as text it would be noise.
pub(crate) fn refuse_unsupported(path: &Path) -> Result<(), Cause> {
    match path.extension().and_then(|suffix| suffix.to_str()) {
        Some(suffix) if UNSUPPORTED.contains(&suffix) => Err(Cause::Invalid(format!(
            "{} cannot be read: .{suffix} files are not supported in this build; compress it with gzip, bzip2 or zstd",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// The error for a file that was longer when it was listed.
pub(crate) fn shrunk(path: &Path) -> Cause {
    let why = "it is shorter than when it was listed; input files must not change while a job reads them: write new files \
               instead, and run the job again";
    Cause::Damaged { path: path.into(), why }
}

/// Says what to do about a file that was listed and is not there.
fn gone(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::NotFound {
        return error;
    }
    io::Error::new(
        io::ErrorKind::NotFound,
        "it was there when the input was listed and is gone, or this machine does not see it; keep input files until the \
         job is over, where every executor sees them at the same path",
    )
}

/// A buffered file that compresses what is written to it.
pub(crate) enum CompressingFile {
    Plain(BufWriter<File>),
    Gzip(flate2::write::GzEncoder<BufWriter<File>>),
    Bzip2(bzip2::write::BzEncoder<BufWriter<File>>),
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<File>>),
}

impl CompressingFile {
    /// Compresses into `file` at the usual level of each tool: 6 for gzip, 9 for bzip2, 3 for zstd.
    pub(crate) fn new(file: File, compression: Compression) -> io::Result<CompressingFile> {
        let file = BufWriter::with_capacity(WRITE_BEHIND, file);
        Ok(match compression {
            Compression::Plain => CompressingFile::Plain(file),
            Compression::Gzip => {
                CompressingFile::Gzip(flate2::write::GzEncoder::new(file, flate2::Compression::default()))
            }
            Compression::Bzip2 => {
                CompressingFile::Bzip2(bzip2::write::BzEncoder::new(file, bzip2::Compression::best()))
            }
            Compression::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(file, 0)?;
                // Without it a changed byte can pass as data.
                encoder.include_checksum(true)?;
                CompressingFile::Zstd(encoder)
            }
        })
    }

    /// Writes what is left, the end mark included, and hands back the file.
    pub(crate) fn finish(self) -> io::Result<File> {
        let file = match self {
            CompressingFile::Plain(file) => file,
            CompressingFile::Gzip(encoder) => encoder.finish()?,
            CompressingFile::Bzip2(encoder) => encoder.finish()?,
            CompressingFile::Zstd(encoder) => encoder.finish()?,
        };
        file.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

impl Write for CompressingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            CompressingFile::Plain(file) => file.write(bytes),
            CompressingFile::Gzip(encoder) => encoder.write(bytes),
            CompressingFile::Bzip2(encoder) => encoder.write(bytes),
            CompressingFile::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            CompressingFile::Plain(file) => file.flush(),
            CompressingFile::Gzip(encoder) => encoder.flush(),
            CompressingFile::Bzip2(encoder) => encoder.flush(),
            CompressingFile::Zstd(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
mod tests;

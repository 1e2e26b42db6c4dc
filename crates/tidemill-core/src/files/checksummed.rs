//! Checksummed files: what `Rdd::checkpoint` writes, one file a partition, there as a whole or not at all.
//!
//! ```text
//! file    := header stream            nothing after the stream
//! header  := "TMRC" version:u16 type:u64 check:u32
//! stream  := as in `frames`
//! ```
//!
//! Numbers are little-endian. `type` is the 64-bit FNV-1a hash of the name of the elements' type, so that a program which
//! changed the type is told so instead of decoding noise. `check` is the crc32 of the 14 bytes before it.
//!
//! A file is written under a hidden name next to its place, synced, renamed into its place, and its folder is synced. So
//! whatever dies when, a reader finds the old file, the new file, or none; a killed writer may leave its hidden
//! `.*.writing` file, which no listing shows. Only its owner may read and write the file.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::Cause;
use crate::files::frames::{FrameError, FrameReader, FrameWriter};
use crate::files::output::write_failure;

const MAGIC: &[u8; 4] = b"TMRC";
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 18;

/// How many bytes are read or written at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// Writes one checksummed file. Dropped without [`publish`](ChecksummedWriter::publish), it leaves nothing behind.
pub struct ChecksummedWriter {
    path: PathBuf,
    frames: FrameWriter<BufWriter<NamedTempFile>>,
}

impl ChecksummedWriter {
    /// Starts a file that is to appear at `path`, whose folder must exist, with elements of the type `type_name`.
    pub fn create(path: &Path, type_name: &str) -> Result<ChecksummedWriter, Cause> {
        let failed = |error| write_failure("create", path, error);
        let file =
            tempfile::Builder::new().prefix(".").suffix(".writing").tempfile_in(folder_of(path)).map_err(failed)?;
        let frames = frames(BufWriter::with_capacity(BUFFER_BYTES, file), type_name).map_err(failed)?;
        Ok(ChecksummedWriter { path: path.into(), frames })
    }

    /// Writes one frame.
    pub fn write(&mut self, payload: &[u8]) -> Result<(), Cause> {
        self.frames.write(payload).map_err(|e| write_failure("write", &self.path, e))
    }

    /// Makes the file appear at its place, instead of one that is there. When this returns, it survives a power failure.
    /// Returns the length of the file in bytes.
    pub fn publish(self) -> Result<u64, Cause> {
        let path = self.path;
        let failed = |error| write_failure("write", &path, error);
        let writer = self.frames.finish().map_err(failed)?;
        let file = writer.into_inner().map_err(|error| failed(error.into_error()))?;
        file.as_file().sync_all().map_err(failed)?;
        let length = file.as_file().metadata().map_err(failed)?.len();
        file.persist(&path).map_err(|error| failed(error.error))?;
        File::open(folder_of(&path)).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(length)
    }
}

/// Starts the content of such a file with elements of the type `type_name` in any stream, for files that reach their place
/// in another way.
pub(crate) fn frames<W: Write>(mut writer: W, type_name: &str) -> io::Result<FrameWriter<W>> {
    writer.write_all(&header(type_name))?;
    Ok(FrameWriter::new(writer))
}

/// Reads one checksummed file.
pub struct ChecksummedReader {
    path: PathBuf,
    frames: FrameReader<BufReader<File>>,
}

impl ChecksummedReader {
    /// Opens the file at `path`, which must hold elements of the type `type_name`.
    ///
    /// Errors: it cannot be opened; it is no such file; it was written by a later version, or with another type.
    pub fn open(path: &Path, type_name: &str) -> Result<ChecksummedReader, Cause> {
        let file = File::open(path).map_err(|e| Cause::file("read", path, e))?;
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
        let mut found = Vec::with_capacity(HEADER_BYTES);
        (&mut reader).take(HEADER_BYTES as u64).read_to_end(&mut found).map_err(|e| Cause::file("read", path, e))?;
        check_header(&found, path, type_name)?;
        Ok(ChecksummedReader { path: path.into(), frames: FrameReader::new(reader) })
    }

    /// Puts the payload of the next frame into `into`, whose content is dropped. `false`: that was all, and nothing is
    /// missing.
    pub fn next(&mut self, into: &mut Vec<u8>) -> Result<bool, Cause> {
        match self.frames.next(into) {
            Ok(true) => Ok(true),
            Ok(false) => self.expect_end(),
            Err(FrameError::Io(error)) => Err(Cause::file("read", &self.path, error)),
            Err(FrameError::Damaged(why)) => Err(Cause::Damaged { path: self.path.clone(), why }),
        }
    }

    fn expect_end(&mut self) -> Result<bool, Cause> {
        match self.frames.get_mut().read(&mut [0]) {
            Ok(0) => Ok(false),
            Ok(_) => Err(Cause::Damaged { path: self.path.clone(), why: "bytes follow its end" }),
            Err(error) => Err(Cause::file("read", &self.path, error)),
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn header(type_name: &str) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(MAGIC);
    header[4..6].copy_from_slice(&VERSION.to_le_bytes());
    header[6..14].copy_from_slice(&name_hash(type_name).to_le_bytes());
    let check = crc32fast::hash(&header[..14]);
    header[14..].copy_from_slice(&check.to_le_bytes());
    header
}

fn check_header(found: &[u8], path: &Path, type_name: &str) -> Result<(), Cause> {
    let expected = header(type_name);
    if found == expected {
        return Ok(());
    }
    let damaged = |why| Err(Cause::Damaged { path: path.into(), why });
    if found.len() < HEADER_BYTES {
        return damaged("it is too short to be a checkpoint; it was cut off");
    }
    if found[..4] != *MAGIC {
        return damaged("it is no checkpoint: it does not begin with TMRC");
    }
    if crc32fast::hash(&found[..14]).to_le_bytes() != found[14..] {
        return damaged("the check sum of its header does not fit");
    }
    let why = if found[4..6] != expected[4..6] {
        format!("has version {}, and this build reads version {VERSION}", u16::from_le_bytes([found[4], found[5]]))
    } else {
        format!("was written with elements of another type than {type_name}")
    };
    Err(Cause::Invalid(format!(
        "the checkpoint {} {why}; read it with the program that wrote it, or remove it and compute the data again",
        path.display()
    )))
}

/// 64-bit FNV-1a. Part of the format: it must never change.
fn name_hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(path: &Path, payloads: &[&[u8]]) -> ChecksummedWriter {
        let mut writer = ChecksummedWriter::create(path, "i32").unwrap();
        payloads.iter().for_each(|payload| writer.write(payload).unwrap());
        writer
    }

    fn read(path: &Path, type_name: &str) -> Result<Vec<Vec<u8>>, Cause> {
        let (mut reader, mut payloads, mut payload) = (ChecksummedReader::open(path, type_name)?, vec![], vec![]);
        while reader.next(&mut payload)? {
            payloads.push(payload.clone());
        }
        Ok(payloads)
    }

    #[test]
    fn the_format_is_pinned() {
        assert_eq!(name_hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(name_hash("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(&header("a")[..14], b"TMRC\x01\0\x8c\xec\x01\x86\x4c\xdc\x63\xaf");
    }

    #[test]
    fn a_file_appears_when_it_is_published_and_replaces_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part-00000");
        let first = write(&path, &[b"one", b"", b"two"]);
        assert!(!path.exists());
        assert_eq!(first.publish().unwrap(), fs::metadata(&path).unwrap().len());
        assert_eq!(read(&path, "i32").unwrap(), [&b"one"[..], b"", b"two"]);
        drop(write(&path, &[b"given up"]));
        assert_eq!(read(&path, "i32").unwrap().len(), 3);
        write(&path, &[]).publish().unwrap();
        assert_eq!(read(&path, "i32").unwrap().len(), 0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn torn_and_changed_files_are_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part-00000");
        write(&path, &[b"one", b"two"]).publish().unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let error = read(&path, "i32").unwrap_err();
            assert!(matches!(&error, Cause::Damaged { path: named, .. } if *named == path), "cut at {length}: {error}");
        }
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, bytes).unwrap();
            assert!(matches!(read(&path, "i32"), Err(Cause::Damaged { .. })), "bit {bit}");
        }
        fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
        assert!(read(&path, "i32").unwrap_err().to_string().contains("bytes follow its end"));
    }

    #[test]
    fn other_types_and_versions_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part-00000");
        write(&path, &[]).publish().unwrap();
        let error = read(&path, "alloc::string::String").unwrap_err().to_string();
        assert!(error.contains("another type than alloc::string::String"), "{error}");
        let mut later = fs::read(&path).unwrap();
        later[4] = 9;
        let check = crc32fast::hash(&later[..14]);
        later[14..18].copy_from_slice(&check.to_le_bytes());
        fs::write(&path, later).unwrap();
        let error = read(&path, "i32").unwrap_err().to_string();
        assert!(error.contains("version 9"), "{error}");
        assert!(matches!(read(&folder.path().join("none"), "i32"), Err(Cause::File { .. })));
    }
}

//! Files of dead letters: text that people can read and programs can read back.
//!
//! ```text
//! file   := "tidemill dead letters 1" TAB source LF letter*
//! letter := reason TAB bytes LF
//! ```
//!
//! Each field is UTF-8 in which `\\`, `\t`, `\n` and `\r` stand for these characters, and `\xNN` for other control
//! characters and for bytes that are no UTF-8.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tidemill_core::{Cause, Timestamp};

use crate::dead_letter::DeadLetter;

/// How a file begins: what it is, and the version of its form.
const MAGIC: &str = "tidemill dead letters 1";

/// Where the letters of one stream and batch are: `<directory>/<source>/<batch time in milliseconds>`. Characters of the
/// source that do not belong into names of files become `_`.
pub fn letters_path(directory: &Path, source: &str, batch: Timestamp) -> PathBuf {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '[' | ']' | ' ');
    let name: String = source.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    directory.join(if name.is_empty() { "_".to_owned() } else { name }).join(batch.millis().to_string())
}

/// Writes the letters of one stream and batch to [`letters_path`] and returns that path. The file appears as a whole; one
/// that is there already, of the same batch run before, is replaced.
///
/// # Errors
/// What the system says of the folder or the file.
pub fn write_letters<'a>(
    directory: &Path,
    source: &str,
    batch: Timestamp,
    letters: impl IntoIterator<Item = &'a DeadLetter>,
) -> Result<PathBuf, Cause> {
    let path = letters_path(directory, source, batch);
    let folder = path.parent().unwrap_or(directory);
    let written = fs::create_dir_all(folder)
        .and_then(|()| tempfile::NamedTempFile::with_prefix_in(".letters-", folder))
        .and_then(|file| {
            write_to(file.as_file(), source, letters)?;
            file.persist(&path).map_err(|error| error.error).map(drop)
        });
    written.map(|()| path.clone()).map_err(|error| Cause::file("write", path, error))
}

fn write_to<'a>(file: &File, source: &str, letters: impl IntoIterator<Item = &'a DeadLetter>) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    writeln!(out, "{MAGIC}\t{}", escaped(source.as_bytes()))?;
    for letter in letters {
        writeln!(out, "{}\t{}", escaped(letter.reason.as_bytes()), escaped(&letter.bytes))?;
    }
    out.flush()?;
    drop(out);
    file.sync_all() // letters are data: the records themselves are nowhere else
}

/// Reads a file of dead letters.
///
/// # Errors
/// What the system says of the file, and [`Cause::Damaged`] where it is no such file.
pub fn read_letters(path: &Path) -> Result<Vec<DeadLetter>, Cause> {
    let text = fs::read_to_string(path).map_err(|error| Cause::file("read", path, error))?;
    let damaged = |why| Cause::Damaged { path: path.to_owned(), why };
    let mut lines = text.lines();
    let source = lines.next().and_then(|line| line.strip_prefix(MAGIC)?.strip_prefix('\t'));
    let source = source.and_then(unescaped_text).ok_or(damaged("it does not begin as files of dead letters do"))?;
    let letter = |line: &str| {
        let (reason, bytes) = line.split_once('\t')?;
        Some(DeadLetter { source: source.clone(), reason: unescaped_text(reason)?, bytes: unescaped(bytes)? })
    };
    lines.map(|line| letter(line).ok_or(damaged("a line is no dead letter"))).collect()
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => text.push_str(r"\\"),
                '\t' => text.push_str(r"\t"),
                '\n' => text.push_str(r"\n"),
                '\r' => text.push_str(r"\r"),
                '\0'..='\x1f' | '\x7f' => text.push_str(&hexadecimal(c as u8)),
                c => text.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&hexadecimal(*byte)));
    }
    text
}

fn hexadecimal(byte: u8) -> String {
    format!(r"\x{byte:02x}")
}

fn unescaped_text(text: &str) -> Option<String> {
    String::from_utf8(unescaped(text)?).ok()
}

fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let (byte, length) = match escape.as_bytes().first()? {
            b'\\' => (b'\\', 1),
            b't' => (b'\t', 1),
            b'n' => (b'\n', 1),
            b'r' => (b'\r', 1),
            b'x' => (u8::from_str_radix(escape.get(1..3)?, 16).ok()?, 3),
            _ => return None,
        };
        bytes.push(byte);
        rest = escape.get(length..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BATCH: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn a_file_is_text_at_a_known_place() {
        let folder = tempfile::tempdir().unwrap();
        let letters =
            [DeadLetter::new("no number", *b"12x"), DeadLetter::new("not\tUTF-8", *b"\xff\n\\\xe6\xb0\xb4\0")];
        for _ in 0..2 {
            let path = write_letters(folder.path(), "a/b-0", BATCH, &letters).unwrap();
            assert_eq!(path, folder.path().join("a_b-0").join("1700000000000"));
            // The form of version 1, for ever.
            let fossil = "tidemill dead letters 1\ta/b-0\nno number\t12x\nnot\\tUTF-8\t\\xff\\n\\\\水\\x00\n";
            assert_eq!(fs::read_to_string(&path).unwrap(), fossil);
            let read = read_letters(&path).unwrap();
            assert_eq!(read, letters.clone().map(|letter| letter.from_source("a/b-0")));
        }
        let files = fs::read_dir(folder.path().join("a_b-0")).unwrap().count();
        assert_eq!(files, 1, "the second writing replaced the first");
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1");
        assert!(matches!(read_letters(&path), Err(Cause::File { .. })));
        for text in ["", "other\n", "tidemill dead letters 1\ta\nno tab\n", "tidemill dead letters 1\ta\nb\t\\q\n"] {
            fs::write(&path, text).unwrap();
            assert!(matches!(read_letters(&path), Err(Cause::Damaged { .. })), "{text}");
        }
        fs::write(folder.path().join("taken"), "").unwrap();
        let error = write_letters(&folder.path().join("taken"), "s", BATCH, []).unwrap_err();
        assert!(error.to_string().starts_with("cannot write "), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..40), text in ".{0,20}") {
            let line = escaped(&bytes);
            prop_assert!(!line.contains(['\n', '\t', '\r']));
            prop_assert_eq!(unescaped(&line), Some(bytes));
            prop_assert_eq!(unescaped_text(&escaped(text.as_bytes())), Some(text));
        }
    }
}

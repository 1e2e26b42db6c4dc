//! Paths: from what a program hands to `textFile` to the list of files that it means.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Cause;
use crate::files::compression::Compression;
use crate::files::globs::{self, is_hidden};
use crate::files::remote::RemotePath;

/// A file to be read, as it was when it was listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// Where it is; absolute.
    pub path: PathBuf,
    /// How many bytes it holds, compressed.
    pub length: u64,
    /// How it is compressed, by its name.
    pub compression: Compression,
}

/// The files that `list` means, as Spark and Hadoop read it: paths separated by commas, each a file, a folder or a
/// [glob](globs). Files come in the order of the list, and sorted by path within one entry of it; a file that is listed twice
/// is there twice.
///
/// A folder means the files in it, without hidden ones (`_x`, `.x`). A hidden file is read if its name is written out,
/// which Spark does not do.
///
/// Errors, in Spark's words: `Input path does not exist`, `Input Pattern ... matches 0 files`, `Not a file` for a folder in
/// a folder; and an error for a path on another machine, which this build cannot read. All that is missing is told at once.
pub fn find(list: &str) -> Result<Vec<InputFile>, Cause> {
    let (mut files, mut missing) = (Vec::new(), Vec::new());
    for entry in globs::split_outside_braces(list) {
        let pattern = without_scheme(entry)?;
        let matches = globs::matches(pattern)?;
        if matches.paths.is_empty() {
            missing.push(nothing_found(pattern, matches.is_pattern));
        }
        for path in matches.paths {
            add(&path, &mut files)?;
        }
    }
    if missing.is_empty() { Ok(files) } else { Err(Cause::Invalid(missing.join("\n"))) }
}

/// The files that stand at one path, which is taken as it is: no list, no pattern. A folder means the files in it, as in
/// [`find`], and a hidden file is read, as there.
///
/// Errors: those of [`find`]; of a path where nothing is, it is said that something was there, because whoever knows the
/// exact path has found it before.
pub fn at(path: &Path) -> Result<Vec<InputFile>, Cause> {
    if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Err(Cause::Invalid(format!(
            "Input path does not exist: {}; it was there when the input was listed and is gone: let files stay where they are \
             until they are read",
            uri(path)
        )));
    }
    let mut files = Vec::new();
    add(path, &mut files)?;
    Ok(files)
}

/// Where an output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On a disk of this machine; absolute.
    Local(PathBuf),
    /// On another machine.
    Remote(RemotePath),
}

/// The one place that `path` means, without reading it as a pattern: where output goes.
///
/// Errors: it is empty, or holds credentials.
pub fn place(path: &str) -> Result<Place, Cause> {
    match scheme_of(path) {
        Some((scheme, rest)) if !scheme.eq_ignore_ascii_case("file") => {
            RemotePath::new(scheme, rest).map(Place::Remote)
        }
        _ => local(path).map(Place::Local),
    }
}

/// The one local path that `path` means, absolute, without reading it as a pattern.
///
/// Errors: it is empty, or on another machine.
pub fn local(path: &str) -> Result<PathBuf, Cause> {
    let path = without_scheme(path)?;
    std::path::absolute(path).map_err(|e| Cause::file("find", path, e))
}

/// `path` as Spark shows it and hands it out as the key of `wholeTextFiles`: `file:/folder/file`.
pub fn uri(path: &Path) -> String {
    format!("file:{}", path.display())
}

/// Takes `file:` or `file://` off a path and refuses every other scheme.
fn without_scheme(path: &str) -> Result<&str, Cause> {
    if path.trim().is_empty() {
        return Err(Cause::Invalid(
            "Can not create a Path from an empty string; check for a comma too many in the list of paths".into(),
        ));
    }
    let Some((scheme, rest)) = scheme_of(path) else { return Ok(path) };
    if !scheme.eq_ignore_ascii_case("file") {
        let path = RemotePath::new(scheme, rest)?; // which refuses credentials and does not repeat them
        return Err(Cause::Invalid(format!(
            "{path} cannot be used here: {scheme}: paths are for what is saved and for checkpoints of streams; copy the files to \
             a disk that every machine sees, or mount that file system, and give the path there"
        )));
    }
    let Some(after_slashes) = rest.strip_prefix("//") else { return Ok(rest) };
    let local = after_slashes.strip_prefix("localhost").unwrap_or(after_slashes);
    if !local.starts_with('/') {
        return Err(Cause::Invalid(format!(
            "{path} names a machine; a local path has three slashes (file:///folder/file) or just one (file:/folder/file)"
        )));
    }
    Ok(local)
}

/// Splits `scheme:rest`. A colon that no slash follows belongs to a file's name, unless the scheme is `file`.
fn scheme_of(path: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = path.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    (is_scheme && (rest.starts_with('/') || scheme.eq_ignore_ascii_case("file"))).then_some((scheme, rest))
}

fn nothing_found(pattern: &str, is_pattern: bool) -> String {
    let shown = std::path::absolute(pattern).map_or_else(|_| pattern.into(), |path| uri(&path));
    if is_pattern {
        return format!(
            "Input Pattern {shown} matches 0 files; check the folder and the pattern (names that begin with _ or . are \
             never matched by a wildcard)"
        );
    }
    let blank =
        if pattern.trim() == pattern { "" } else { " - it begins or ends with a blank, which is taken literally" };
    format!(
        "Input path does not exist: {shown}; check its spelling{blank}, that this program may see its folder, and that it is \
         on this machine: relative paths start at the working directory"
    )
}

/// Adds what stands at `path`: the file itself, or the files of a folder.
fn add(path: &Path, files: &mut Vec<InputFile>) -> Result<(), Cause> {
    let Some(metadata) = metadata(path)? else { return Ok(()) };
    if !metadata.is_dir() {
        files.push(input_file(path, &metadata)?);
        return Ok(());
    }
    let entries = fs::read_dir(path).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let entries = entries.map_err(|e| Cause::file("list", path, e))?;
    let mut inside: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    inside.retain(|path| path.file_name().is_some_and(|name| !is_hidden(&name.to_string_lossy())));
    inside.sort();
    for path in inside {
        if let Some(metadata) = self::metadata(&path)? {
            files.push(input_file(&path, &metadata)?);
        }
    }
    Ok(())
}

/// What the system knows of the file at `path`, links followed; nothing if it vanished since its folder was listed.
fn metadata(path: &Path) -> Result<Option<fs::Metadata>, Cause> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(path) {
            Ok(target) => Err(Cause::Invalid(format!(
                "Input path does not exist: {} is a link to {}, where nothing is; mend or remove the link",
                uri(path),
                target.display()
            ))),
            Err(_) => Ok(None),
        },
        Err(error) => Err(Cause::file("read", path, error)),
    }
}

fn input_file(path: &Path, metadata: &fs::Metadata) -> Result<InputFile, Cause> {
    if !metadata.is_file() {
        let advice = if metadata.is_dir() {
            "folders are read without the folders inside them: list those too, or read them with a pattern that ends in /*"
        } else {
            "only regular files can be read, not pipes, sockets or devices"
        };
        return Err(Cause::Invalid(format!("Not a file: {}; {advice}", uri(path))));
    }
    Ok(InputFile { path: path.into(), length: metadata.len(), compression: Compression::of(path) })
}

#[cfg(test)]
mod tests;

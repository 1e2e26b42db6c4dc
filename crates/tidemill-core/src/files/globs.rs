//! Globs: file name patterns as Hadoop reads them.
//!
//! | pattern | matches |
//! | --- | --- |
//! | `*` | any text without `/` |
//! | `?` | one character |
//! | `[a-z]`, `[!a-z]`, `[^a-z]` | one character of the set, or one outside it |
//! | `{a,b/c}` | either; may be nested and may hold `/` |
//! | `\x` | the character `x` itself |
//!
//! `**` is an ordinary `*`: patterns never go down into folders of unknown depth.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use glob::Pattern;

use crate::Cause;

/// The most paths that the braces of one pattern may stand for. Each costs a look at the file system, and a pattern of a
/// few dozen braces would stand for more than can ever be looked at.
const MAX_ALTERNATIVES: usize = 10_000;

/// The paths that a pattern stands for.
#[derive(Debug, PartialEq, Eq)]
pub struct Matches {
    /// Files and folders that exist, absolute, sorted, each once.
    pub paths: Vec<PathBuf>,
    /// Whether the pattern held a wildcard or braces: then finding nothing means that nothing matches, not that a file is
    /// missing.
    pub is_pattern: bool,
}

/// Finds what `pattern` stands for. A relative pattern starts at the working directory.
///
/// A wildcard in the last part of the pattern skips hidden names (`_x`, `.x`); to read such a file, write out its name.
/// Errors: the pattern is malformed, or a folder cannot be listed.
pub fn matches(pattern: &str) -> Result<Matches, Cause> {
    let mut paths = Vec::new();
    let mut is_pattern = false;
    let alternatives = expand_braces(pattern)?;
    for alternative in &alternatives {
        let parts = alternative.split('/').filter(|part| !part.is_empty() && *part != ".");
        let parts = parts.map(|part| Part::parse(part, pattern)).collect::<Result<Vec<Part>, Cause>>()?;
        is_pattern |= parts.iter().any(|part| matches!(part, Part::Wild(_)));
        let start = if alternative.starts_with('/') { PathBuf::from("/") } else { working_directory()? };
        paths.extend(walk(start, &parts)?);
    }
    is_pattern |= alternatives.len() > 1;
    paths.sort();
    paths.dedup();
    Ok(Matches { paths, is_pattern })
}

/// Whether `pattern` is well formed, without looking for what it stands for.
pub fn check(pattern: &str) -> Result<(), Cause> {
    for alternative in expand_braces(pattern)? {
        alternative.split('/').try_for_each(|part| Part::parse(part, pattern).map(drop))?;
    }
    Ok(())
}

/// Whether a name is hidden from listings and wildcards: `_SUCCESS`, `_temporary`, `.part-00000.crc`.
pub fn is_hidden(name: &str) -> bool {
    name.starts_with(['_', '.'])
}

/// One part of a path: what stands between two `/`.
#[derive(Debug)]
enum Part {
    Name(String),
    Wild(Pattern),
}

impl Part {
    /// Reads one part; `whole` is the pattern that an error shows.
    fn parse(part: &str, whole: &str) -> Result<Part, Cause> {
        let (mut name, mut glob, mut is_wild) = (String::new(), String::new(), false);
        let mut rest = part.chars().peekable();
        while let Some(character) = rest.next() {
            match character {
                '*' => {
                    while rest.next_if_eq(&'*').is_some() {}
                    glob.push('*');
                    is_wild = true;
                }
                '?' => {
                    glob.push('?');
                    is_wild = true;
                }
                '[' => {
                    glob.push('[');
                    if rest.next_if(|c| matches!(c, '!' | '^')).is_some() {
                        glob.push('!');
                    }
                    // A `]` that comes first belongs to the set.
                    let first = rest.next().ok_or_else(|| malformed(whole, "`[` without `]`"))?;
                    glob.push(first);
                    glob.extend(std::iter::from_fn(|| rest.next_if(|c| *c != ']')));
                    rest.next().ok_or_else(|| malformed(whole, "`[` without `]`"))?;
                    glob.push(']');
                    is_wild = true;
                }
                character => {
                    let plain = if character == '\\' { rest.next().unwrap_or('\\') } else { character };
                    name.push(plain);
                    glob.push_str(&Pattern::escape(plain.encode_utf8(&mut [0; 4])));
                }
            }
        }
        if !is_wild {
            return Ok(Part::Name(name));
        }
        Pattern::new(&glob).map(Part::Wild).map_err(|error| malformed(whole, error.msg))
    }
}

fn malformed(pattern: &str, why: &str) -> Cause {
    Cause::Invalid(format!(
        "the path pattern {pattern} is malformed: {why}; write a backslash before a character that stands for itself"
    ))
}

fn working_directory() -> Result<PathBuf, Cause> {
    std::env::current_dir().map_err(|e| Cause::file("find", ".", e))
}

/// Follows `parts` from `start` through the file system; only paths that exist are returned.
fn walk(start: PathBuf, parts: &[Part]) -> Result<Vec<PathBuf>, Cause> {
    let mut found = vec![start];
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Name(name) => found.iter_mut().for_each(|path| path.push(name)),
            Part::Wild(pattern) => {
                let with_hidden = index + 1 < parts.len();
                let mut next = Vec::new();
                for folder in &found {
                    next.extend(list_matching(folder, pattern, with_hidden)?);
                }
                found = next;
            }
        }
    }
    // A link that leads nowhere stays in, so that whoever reads it is told.
    found.retain(|path| path.symlink_metadata().is_ok());
    Ok(found)
}

fn list_matching(folder: &Path, pattern: &Pattern, with_hidden: bool) -> Result<Vec<PathBuf>, Cause> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(Cause::file("list", folder, error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(|e| Cause::file("list", folder, e))?.file_name();
        let text = name.to_string_lossy();
        if pattern.matches(&text) && (with_hidden || !is_hidden(&text)) {
            found.push(folder.join(&name));
        }
    }
    Ok(found)
}

/// The patterns without braces that `pattern` stands for, in the order in which they are written.
fn expand_braces(pattern: &str) -> Result<Vec<String>, Cause> {
    let mut finished = Vec::new();
    let mut open = vec![pattern.to_string()];
    // The last of `open` comes first in the order of the text, so alternatives are pushed from the last to the first.
    while let Some(next) = open.pop() {
        match first_braces(&next).map_err(|why| malformed(pattern, why))? {
            None => finished.push(next),
            Some((before, inside, after)) => {
                let alternatives = split_outside_braces(inside);
                open.extend(alternatives.iter().rev().map(|alternative| format!("{before}{alternative}{after}")));
            }
        }
        if finished.len() + open.len() > MAX_ALTERNATIVES {
            return Err(malformed(pattern, "its braces stand for more than 10,000 paths"));
        }
    }
    Ok(finished)
}

/// What stands before, inside and after the first outermost pair of braces.
fn first_braces(pattern: &str) -> Result<Option<(&str, &str, &str)>, &'static str> {
    let (mut depth, mut start) = (0usize, 0);
    for (at, character) in syntax(pattern) {
        match character {
            '{' => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            '}' if depth == 1 => return Ok(Some((&pattern[..start], &pattern[start + 1..at], &pattern[at + 1..]))),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    if depth > 0 { Err("`{` without `}`") } else { Ok(None) }
}

/// The parts of `list` between the commas that stand outside of braces: a list of patterns, or the inside of braces.
pub fn split_outside_braces(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0usize, 0, Vec::new());
    for (at, character) in syntax(list) {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts
}

/// The characters of a pattern that may mean something, with their places: without those after a backslash.
fn syntax(pattern: &str) -> impl Iterator<Item = (usize, char)> {
    let mut escaped = false;
    pattern.char_indices().filter(move |(_, character)| {
        let is_syntax = !escaped;
        escaped = is_syntax && *character == '\\';
        is_syntax
    })
}

#[cfg(test)]
mod tests;

//! Settings keep their word: what is marked as without effect is read by nobody, and everything else by somebody.

use std::collections::HashSet;

use super::assert_none;
use super::source::Source;
use super::tree::{File, python_files, rust_files};

/// Where settings are declared, and where they are resolved: what reads them only to check them is no effect.
const DECLARED: &str = "crates/tidemill-core/src/settings/keys/";
const RESOLVED: &str = "crates/tidemill-core/src/settings/";
/// Settings that nobody reads and nobody is warned of: `(key, reason)`.
const HARMLESS: [(&str, &str); 1] =
    [("APP_NAME", "every program of Spark's sets it, and its sentence says that nothing shows it")];

/// A setting of the table.
struct Declared {
    key: String,
    /// The name that programs know.
    name: String,
    /// Whether it is marked as without effect, or as refused.
    without_effect: bool,
}

/// The settings that a file declares.
fn declared(text: &str) -> Vec<Declared> {
    let entries = text.split(";\n").filter_map(|entry| {
        let is_key = |line: &&str| line.starts_with("    ") && !line.trim_start().starts_with("//");
        let start = entry.lines().position(|line| is_key(&line))?;
        let entry: Vec<&str> = entry.lines().skip(start).collect();
        let (key, rest) = entry.first()?.trim_start().split_once(": ")?;
        let whole = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        let name = rest.split('"').nth(1).unwrap_or_default().to_owned();
        let entry = entry.concat();
        let without_effect = entry.contains("no_effect(") || entry.contains("refused(");
        whole.then(|| Declared { key: key.to_owned(), name, without_effect })
    });
    entries.collect()
}

/// The identifiers of a file's code, without its tests.
fn read(file: &File) -> HashSet<String> {
    let source = Source::new(&file.text);
    let tests = source.test_ranges();
    let words = source.words().filter(|(at, _)| !tests.iter().any(|test| test.contains(at)));
    words.map(|(_, word)| word.to_owned()).collect()
}

fn broken_promises(files: &[File]) -> Vec<String> {
    let rust = |file: &&File| !file.is_test() && file.path.ends_with(".rs");
    let code = || files.iter().filter(rust).filter(|file| !file.path.starts_with(DECLARED));
    let anywhere: HashSet<String> = code().flat_map(read).collect();
    // Python's part of the package asks for settings by name.
    let python = |file: &&File| !file.is_test() && file.path.ends_with(".py");
    let by_name = |name: &str| files.iter().filter(python).any(|file| file.text.contains(&format!("\"{name}\"")));
    let outside: HashSet<String> = code().filter(|file| !file.path.starts_with(RESOLVED)).flat_map(read).collect();
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with(DECLARED)) {
        for Declared { key, name, without_effect } in declared(&file.text) {
            if without_effect && outside.contains(&key) {
                findings.push(format!("{}: {key} is read by now: take its `no_effect` away", file.path));
            }
            let is_read = anywhere.contains(&key) || by_name(&name);
            if !without_effect && !is_read && !HARMLESS.iter().any(|(harmless, _)| *harmless == key) {
                findings.push(format!("{}: nobody reads {key}: mark it with `no_effect` and the reason", file.path));
            }
        }
    }
    findings
}

#[test]
fn settings_have_an_effect_or_say_that_they_have_none() {
    let files = rust_files();
    let keys: usize =
        files.iter().filter(|file| file.path.starts_with(DECLARED)).map(|file| declared(&file.text).len()).sum();
    assert!(keys > 50, "the table of settings was not found: only {keys} keys");
    let files = [files, python_files()].concat();
    assert_none(&broken_promises(&files), "a setting that does nothing says so");
}

#[test]
fn broken_promises_are_found() {
    let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
    let table = "settings! {\n    /// Read.\n    ONE: u8 = \"one\";\n    /// Not read.\n    TWO: u8 = \"two\";\n    /// Marked.\n    \
                 THREE: u8 = \"three\",\n        no_effect(\"why\");\n    /// Marked, and read.\n    \
                 FOUR: u8 = \"four\", no_effect(\"why\");\n    /// Read by name.\n    \
                 FIVE: u8 = \"a.five\";\n}\n";
    let code = "fn a() { get(keys::ONE); get(keys::FOUR); }\n#[cfg(test)]\nmod tests { fn b() { get(keys::TWO); } }\n";
    let check = "fn a() { check(keys::THREE) }";
    let files = [
        file(&format!("{DECLARED}core.rs"), table),
        file("crates/a/src/b.rs", code),
        file(&format!("{RESOLVED}config.rs"), check),
        file("crates/a/python/a.py", "five = conf.get(\"a.five\")"),
    ];
    let path = format!("{DECLARED}core.rs");
    assert_eq!(
        broken_promises(&files),
        [
            format!("{path}: nobody reads TWO: mark it with `no_effect` and the reason"),
            format!("{path}: FOUR is read by now: take its `no_effect` away"),
        ]
    );
}

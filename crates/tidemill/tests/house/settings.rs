//! Settings keep their word: what is marked as without effect is read by nobody, and everything else by somebody.

use std::collections::HashSet;

use super::assert_none;
use super::source::Source;
use super::tree::{File, rust_files};

/// Where settings are declared, and where they are resolved: what reads them only to check them is no effect.
const DECLARED: &str = "crates/tidemill-core/src/settings/keys/";
const RESOLVED: &str = "crates/tidemill-core/src/settings/";
/// Settings that nobody reads and nobody is warned of: `(key, reason)`.
const HARMLESS: [(&str, &str); 1] =
    [("APP_NAME", "every program of Spark's sets it, and its sentence says that nothing shows it")];

/// The keys that a file declares, each with whether it is marked as without effect.
fn declared(text: &str) -> Vec<(String, bool)> {
    let entries = text.split(";\n").filter_map(|entry| {
        let is_key = |line: &&str| line.starts_with("    ") && !line.trim_start().starts_with("//");
        let start = entry.lines().position(|line| is_key(&line))?;
        let entry: Vec<&str> = entry.lines().skip(start).collect();
        let (key, _) = entry.first()?.trim_start().split_once(": ")?;
        let whole = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        whole.then(|| (key.to_owned(), entry.concat().contains("no_effect(")))
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
    let code = || files.iter().filter(|file| !file.is_test() && !file.path.starts_with(DECLARED));
    let anywhere: HashSet<String> = code().flat_map(read).collect();
    let outside: HashSet<String> = code().filter(|file| !file.path.starts_with(RESOLVED)).flat_map(read).collect();
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with(DECLARED)) {
        for (key, without_effect) in declared(&file.text) {
            if without_effect && outside.contains(&key) {
                findings.push(format!("{}: {key} is read by now: take its `no_effect` away", file.path));
            }
            if !without_effect && !anywhere.contains(&key) && !HARMLESS.iter().any(|(harmless, _)| *harmless == key) {
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
    assert_none(&broken_promises(&files), "a setting that does nothing says so");
}

#[test]
fn broken_promises_are_found() {
    let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
    let table = "settings! {\n    /// Read.\n    ONE: u8 = \"one\";\n    /// Not read.\n    TWO: u8 = \"two\";\n    /// Marked.\n    \
                 THREE: u8 = \"three\",\n        no_effect(\"why\");\n    /// Marked, and read.\n    \
                 FOUR: u8 = \"four\", no_effect(\"why\");\n}\n";
    let code = "fn a() { get(keys::ONE); get(keys::FOUR); }\n#[cfg(test)]\nmod tests { fn b() { get(keys::TWO); } }\n";
    let check = "fn a() { check(keys::THREE) }";
    let files = [
        file(&format!("{DECLARED}core.rs"), table),
        file("crates/a/src/b.rs", code),
        file(&format!("{RESOLVED}config.rs"), check),
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

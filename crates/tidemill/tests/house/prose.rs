//! The rules for every text file: what must not be in a repository that strangers read.

use super::assert_none;
use super::source::line_of;
use super::tree::{File, text_files};

/// Starts of absolute paths that exist on one machine only.
const MACHINE_PATHS: [&str; 5] = ["/work/", "/root/", "/home/", "/Users/", "/tmp/wt"];
/// Words about how a text came to be; what it says must stand without them. Written in halves: this file is read too.
const ORIGINS: [&str; 5] = [
    concat!("cla", "ude"),
    concat!("anth", "ropic"),
    concat!("chat", "gpt"),
    concat!("agent", " session"),
    concat!("sub", "agent"),
];

fn trailing_spaces(file: &File) -> Vec<String> {
    let lines = file.text.lines().enumerate().filter(|(_, line)| line.ends_with([' ', '\t']));
    lines.map(|(number, _)| format!("{}:{}", file.path, number + 1)).collect()
}

fn machine_paths(file: &File) -> Vec<String> {
    let mut findings = Vec::new();
    for path in MACHINE_PATHS {
        for (at, _) in file.text.match_indices(path) {
            // `target/work/` and `$HOME/root/` are not absolute.
            let before = file.text[..at].chars().next_back().unwrap_or(' ');
            if !(before.is_alphanumeric() || "_.-/~}".contains(before)) {
                findings.push(format!("{}:{}: `{path}`", file.path, line_of(&file.text, at)));
            }
        }
    }
    findings
}

fn origins(file: &File) -> Vec<String> {
    let lower = file.text.to_ascii_lowercase();
    let places = ORIGINS.iter().flat_map(|word| lower.match_indices(word));
    places.map(|(at, word)| format!("{}:{}: `{word}`", file.path, line_of(&file.text, at))).collect()
}

#[test]
fn texts_keep_the_rules() {
    let files = text_files();
    let mut findings = Vec::new();
    for file in files {
        findings.extend(trailing_spaces(&file).into_iter().map(|place| format!("{place}: the line ends in spaces")));
        findings.extend(origins(&file).into_iter().map(|place| format!("{place}: a text stands without its making")));
        // This file is where the paths themselves are listed.
        if file.path != "crates/tidemill/tests/house/prose.rs" {
            findings.extend(machine_paths(&file).into_iter().map(|place| format!("{place}: a path of one machine")));
        }
    }
    assert_none(&findings, "texts are fit for strangers");
}

#[test]
fn every_rule_can_fail() {
    type Rule = fn(&File) -> Vec<String>;
    let origin = format!("written by {}", ORIGINS[0].to_uppercase());
    let table: [(Rule, &str, usize); 8] = [
        (trailing_spaces, "a \nb\t\nc\n", 2),
        (trailing_spaces, "a\n\nb", 0),
        (machine_paths, "see /root/.cargo", 1),
        (machine_paths, "(`/home/someone`)", 1),
        (machine_paths, "/work/x", 1),
        (machine_paths, "target/work/x and ~/root/x", 0),
        (origins, &origin, 1),
        (origins, "a user agent and a session", 0),
    ];
    for (rule, text, expected) in table {
        let file = File { path: "a.md".to_owned(), text: text.to_owned() };
        assert_eq!(rule(&file).len(), expected, "{text:?}");
    }
}

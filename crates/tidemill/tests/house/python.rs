//! The rules for Python files: first lines, names and sizes.

use super::assert_none;
use super::tree::{File, python_files};

/// A file longer than this tells more than one story. Stubs list what another file holds.
const FILE_LINES_MAX: usize = 500;
/// File names that say nothing about what is inside.
const EMPTY_FILE_NAMES: [&str; 6] = ["utils", "common", "helper", "helpers", "manager", "misc"];

fn first_line(file: &File) -> Vec<String> {
    let text = file.text.trim_start_matches('\u{feff}');
    let mut lines = text.lines().skip_while(|line| line.starts_with("#!"));
    let opens = lines.next().is_none_or(|line| line.starts_with("\"\"\"") || line.starts_with("r\"\"\""));
    if opens {
        Vec::new()
    } else {
        vec![format!("{}:1: the file opens with a docstring that says what it is", file.path)]
    }
}

fn file_name(file: &File) -> Vec<String> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let empty = EMPTY_FILE_NAMES.contains(&stem);
    if empty { vec![format!("{}: name the file after what is in it", file.path)] } else { Vec::new() }
}

fn file_size(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    if lines <= FILE_LINES_MAX || file.is_test() || file.path.ends_with(".pyi") {
        return Vec::new();
    }
    vec![format!("{}: {lines} lines, more than {FILE_LINES_MAX}: it tells two stories", file.path)]
}

type Rule = fn(&File) -> Vec<String>;

/// Every rule, with the sentence that a broken one prints.
const RULES: [(&str, Rule); 3] = [
    ("every file opens with a sentence on what it is", first_line),
    ("a file's name says what is in it", file_name),
    ("a file tells one story", file_size),
];

#[test]
fn python_files_keep_the_rules() {
    let files = python_files();
    let mut findings = Vec::new();
    for (name, rule) in RULES {
        findings.extend(files.iter().flat_map(rule).map(|finding| format!("{finding} ({name})")));
    }
    assert_none(&findings, "Python files keep the rules of STYLE.md");
}

#[test]
fn every_rule_can_fail() {
    let long = "\"\"\"A.\"\"\"\n".to_owned() + &"a = 1\n".repeat(FILE_LINES_MAX);
    let table: [(Rule, &str, &str, usize); 8] = [
        (first_line, "a.py", "\"\"\"Says what it is.\"\"\"\n", 0),
        (first_line, "a.py", "#!/usr/bin/env python3\n\"\"\"Says what it is.\"\"\"\n", 0),
        (first_line, "a.py", "import os\n", 1),
        (first_line, "__init__.py", "", 0),
        (file_name, "python/utils.py", "", 1),
        (file_name, "python/streaming/util.py", "", 0), // PySpark's own name
        (file_size, "a.py", &long, 1),
        (file_size, "crates/a/tests/b.py", &long, 0),
    ];
    for (rule, path, text, expected) in table {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        assert_eq!(rule(&file).len(), expected, "{path}: {text:.80}");
    }
}

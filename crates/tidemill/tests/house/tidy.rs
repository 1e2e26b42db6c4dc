//! The rules for Rust files: first lines, names, sizes, `unsafe`, and how errors are printed.

use super::assert_none;
use super::source::{Source, line_of};
use super::tree::{File, rust_files};

/// A file longer than this (without its test modules) tells more than one story.
const FILE_LINES_MAX: usize = 500;
/// A function longer than this does not fit a screen.
const FUNCTION_LINES_MAX: usize = 70;
/// Functions that may be longer: `(path, function, reason)`. Only tables belong here: one arm a variant, one row a setting.
const LONG_FUNCTIONS: [(&str, &str, &str); 0] = [];
/// The files that may hold `unsafe`. Each names the rule it relies on beside every block.
const UNSAFE_FILES: [&str; 1] = ["crates/tidemill-core/src/ship.rs"];
/// File names that say nothing about what is inside.
const EMPTY_FILE_NAMES: [&str; 9] = ["mod", "util", "utils", "common", "helper", "helpers", "manager", "types", "misc"];
/// Parts of identifiers that say nothing, and what to say instead.
const EMPTY_WORDS: [(&str, &str); 6] = [
    ("util", "what it does"),
    ("utils", "what they do"),
    ("helper", "what it does"),
    ("helpers", "what they do"),
    ("manager", "what it keeps: a store, a table, a queue, a tracker"),
    ("misc", "one name for each thing"),
];

/// `path:line: what`, as compilers write it.
fn finding(file: &File, at: usize, what: impl std::fmt::Display) -> String {
    format!("{}:{}: {what}", file.path, line_of(&file.text, at))
}

fn first_line(file: &File, _: &Source) -> Vec<String> {
    let first = file.text.lines().next().unwrap_or_default();
    let sentence = first.strip_prefix("//! ").map(str::trim_end);
    if sentence.is_some_and(|sentence| sentence.ends_with(['.', ':'])) {
        return Vec::new();
    }
    vec![finding(file, 0, "the file must start with `//! ` and one sentence on that line, closed by `.` or `:`")]
}

fn file_name(file: &File, _: &Source) -> Vec<String> {
    let name = file.path.rsplit('/').next().and_then(|name| name.strip_suffix(".rs")).unwrap_or_default();
    match name {
        "mod" => vec![finding(file, 0, "a module `foo` is `foo.rs`, its children are in `foo/`")],
        name if EMPTY_FILE_NAMES.contains(&name) => vec![finding(file, 0, "name the file after what is in it")],
        _ => Vec::new(),
    }
}

fn identifiers(file: &File, source: &Source) -> Vec<String> {
    let parts = |word: &str| -> Vec<String> {
        let spaced: String =
            word.chars().flat_map(|c| c.is_uppercase().then_some('_').into_iter().chain([c])).collect();
        spaced.split('_').map(str::to_lowercase).collect()
    };
    let mut findings = Vec::new();
    for (at, word) in source.words() {
        let parts = parts(word);
        if let Some((empty, instead)) = EMPTY_WORDS.iter().find(|(empty, _)| parts.iter().any(|part| part == empty)) {
            findings.push(finding(file, at, format!("`{word}`: for `{empty}` say {instead}")));
        }
    }
    findings
}

fn file_size(file: &File, source: &Source) -> Vec<String> {
    if file.is_test() {
        return Vec::new();
    }
    let tests: usize = source.test_ranges().into_iter().map(|range| source.code[range].lines().count()).sum();
    let lines = source.code.lines().count() - tests;
    if lines <= FILE_LINES_MAX {
        return Vec::new();
    }
    vec![finding(file, 0, format!("{lines} lines without tests, more than {FILE_LINES_MAX}: it tells two stories"))]
}

fn function_size(file: &File, source: &Source) -> Vec<String> {
    let exempt = |name: &str| LONG_FUNCTIONS.iter().any(|(path, long, _)| *path == file.path && *long == name);
    let long = source.functions().into_iter().filter(|it| it.lines > FUNCTION_LINES_MAX && !exempt(&it.name));
    long.map(|it| {
        format!("{}:{}: `{}` has {} lines, more than {FUNCTION_LINES_MAX}", file.path, it.line, it.name, it.lines)
    })
    .collect()
}

fn unsafe_code(file: &File, source: &Source) -> Vec<String> {
    if UNSAFE_FILES.contains(&file.path.as_str()) {
        return Vec::new();
    }
    let blocks = source.words().filter(|(_, word)| *word == "unsafe");
    blocks.map(|(at, _)| finding(file, at, format!("`unsafe` lives in {UNSAFE_FILES:?} alone"))).collect()
}

/// An error printed with `Debug` shows field names to a user; one kept as text can no longer be decided on.
fn debug_of_errors(file: &File, source: &Source) -> Vec<String> {
    if file.is_test() {
        return Vec::new();
    }
    let tests = source.test_ranges();
    let mut findings = Vec::new();
    for name in ["e", "err", "error"] {
        for form in ["{NAME:?}", "{NAME:#?}"] {
            let form = form.replace("NAME", name);
            let places = file.text.match_indices(&form).filter(|(at, _)| !tests.iter().any(|test| test.contains(at)));
            findings.extend(places.map(|(at, _)| finding(file, at, format!("print an error with `{{{name}}}`"))));
        }
    }
    findings
}

fn unfinished(file: &File, source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    for mark in ["TODO", "FIXME", "XXX", "HACK"] {
        for (at, _) in source.comments.match_indices(mark) {
            let rest = source.comments[at + mark.len()..].lines().next().unwrap_or_default();
            let says_what = rest.strip_prefix(": ").is_some_and(|text| text.split_whitespace().count() >= 3);
            if mark != "TODO" || !says_what {
                findings.push(finding(file, at, "write `TODO: ` and what is missing, in words"));
            }
        }
    }
    findings
}

fn example_command(file: &File, _: &Source) -> Vec<String> {
    let Some((_, example)) = file.path.split_once("/examples/") else { return Vec::new() };
    let is_program = !example.contains('/') || example.ends_with("/main.rs");
    let name = example.split('/').next().unwrap_or_default().trim_end_matches(".rs");
    let opening: Vec<&str> = file.text.lines().take_while(|line| line.starts_with("//!")).collect();
    let mut after = opening.iter().skip_while(|line| !line.starts_with("//! Run with:"));
    if !is_program || after.any(|line| line.contains(&format!("--example {name}"))) {
        return Vec::new();
    }
    let wanted = format!("`//! Run with: cargo run --example {name}`");
    vec![finding(file, 0, format!("an example's opening comment has a line {wanted}"))]
}

type Rule = fn(&File, &Source) -> Vec<String>;

/// Every rule, with the sentence that a broken one prints.
const RULES: [(&str, Rule); 9] = [
    ("every file opens with one sentence on what it is", first_line),
    ("a file's name says what is in it", file_name),
    ("an identifier says what it is", identifiers),
    ("a file tells one story", file_size),
    ("a function fits a screen", function_size),
    ("`unsafe` has one home", unsafe_code),
    ("an error is printed in words", debug_of_errors),
    ("what is unfinished says what is missing", unfinished),
    ("an example says how to run it", example_command),
];

#[test]
fn rust_files_keep_the_rules() {
    let files: Vec<(Source, File)> = rust_files().into_iter().map(|file| (Source::new(&file.text), file)).collect();
    let mut findings = Vec::new();
    for (name, rule) in RULES {
        let broken = files.iter().flat_map(|(source, file)| rule(file, source));
        findings.extend(broken.map(|finding| format!("{finding} ({name})")));
    }
    assert_none(&findings, "Rust files keep the rules of STYLE.md");
}

#[test]
fn exemptions_are_still_needed() {
    let files = rust_files();
    for (path, name, reason) in LONG_FUNCTIONS {
        let file = files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path} is gone"));
        let long = |name: &str| {
            Source::new(&file.text).functions().iter().any(|it| it.name == name && it.lines > FUNCTION_LINES_MAX)
        };
        assert!(long(name), "{path}: `{name}` is short now; take it off the list");
        assert!(!reason.is_empty(), "{path}: `{name}` needs a reason");
    }
}

#[test]
fn every_rule_can_fail() {
    let ok = "//! Says what it is.\nfn f() {}\n";
    let long_body = "    f();\n".repeat(FUNCTION_LINES_MAX);
    let long_function = format!("//! A.\nfn long() {{\n{long_body}}}\n");
    let long_file = format!("//! A.\n{}", "fn f() {}\n".repeat(FILE_LINES_MAX));
    let long_test = format!("//! A.\n#[cfg(test)]\nmod tests {{\n{}}}\n", "fn f() {}\n".repeat(FILE_LINES_MAX));
    let table: [(Rule, &str, &str, usize); 25] = [
        (first_line, "a.rs", ok, 0),
        (first_line, "a.rs", "// Says what it is.\n", 1),
        (first_line, "a.rs", "//! A sentence that goes on\n//! here.\n", 1),
        (file_name, "src/mod.rs", ok, 1),
        (file_name, "src/utils.rs", ok, 1),
        (file_name, "src/model.rs", ok, 0),
        (identifiers, "a.rs", "fn read_utils() {} struct BlockManager;", 2),
        (identifiers, "a.rs", "fn utilisation() {} // a manager\nconst A: &str = \"helper\";", 0),
        (file_size, "a.rs", &long_file, 1),
        (file_size, "a.rs", &long_test, 0),
        (file_size, "crates/a/tests/b.rs", &long_file, 0),
        (function_size, "a.rs", &long_function, 1),
        (function_size, "a.rs", ok, 0),
        (unsafe_code, "a.rs", "fn f() { unsafe { g() } }", 1),
        (unsafe_code, "a.rs", "#![forbid(unsafe_code)] // unsafe", 0),
        (unsafe_code, UNSAFE_FILES[0], "fn f() { unsafe { g() } }", 0),
        (debug_of_errors, "a.rs", "fn f() { format!(\"{error:?}\"); }", 1),
        (debug_of_errors, "a.rs", "fn f() { format!(\"{error}\"); }", 0),
        (debug_of_errors, "a.rs", "#[cfg(test)]\nmod tests { fn f() { format!(\"{e:?}\"); } }", 0),
        (unfinished, "a.rs", "// TODO\n// FIXME: text is not enough here\n", 2),
        (unfinished, "a.rs", "// TODO: say which block was lost\n", 0),
        (example_command, "crates/a/examples/b.rs", ok, 1),
        (example_command, "crates/a/examples/b.rs", "//! B.\n//!\n//! Run with: `cargo run --example b`\n", 0),
        (example_command, "crates/a/examples/b.rs", "//! B.\n//!\n//! Run with: `cargo run --example c`\n", 1),
        (example_command, "crates/a/examples/b/lines.rs", ok, 0),
    ];
    for (rule, path, text, expected) in table {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        let findings = rule(&file, &Source::new(text));
        assert_eq!(findings.len(), expected, "{path}: {text:.80}\n{findings:?}");
    }
}

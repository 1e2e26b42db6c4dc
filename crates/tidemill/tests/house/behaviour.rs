//! Spark's behaviour, row by row: `docs/behaviour.md` says it, and a test that cites the row holds it.
//!
//! A row is cited by a comment with the word behaviour and the row's id, several of them separated by commas. The page
//! has two tables: the rows that tests hold, and those that are known and not built yet. What is cited outside tests
//! must be on the page, in either.

use super::assert_none;
use super::source::{Source, line_of};
use super::tree::{File, python_files, rust_files, text_files};

/// The page, and the headings of its tables.
const PAGE: &str = "docs/behaviour.md";
const HELD: &str = "## Held by tests";
const NOT_BUILT: &str = "## Known, not built yet";

/// The row ids at the start of `text`: `3.21, 3.22`.
fn ids(text: &str) -> Vec<&str> {
    let mut ids = Vec::new();
    let mut rest = text;
    loop {
        let len = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let id = rest[..len].trim_end_matches('.');
        let is_id = id.split_once('.').is_some_and(|(chapter, row)| !chapter.is_empty() && row.parse::<u32>().is_ok());
        if !is_id {
            return ids;
        }
        ids.push(id);
        rest = match rest[id.len()..].strip_prefix(", ").or_else(|| rest[id.len()..].strip_prefix(" and ")) {
            Some(rest) => rest,
            None => return ids,
        };
    }
}

/// A place where a row is cited.
struct Citation {
    id: String,
    place: String,
    in_test: bool,
}

fn citations(file: &File) -> Vec<Citation> {
    let source = Source::new(&file.text);
    let tests = source.test_ranges();
    let mut citations = Vec::new();
    for (at, word) in source.comments.match_indices("behaviour ") {
        let in_test = file.is_test() || tests.iter().any(|test| test.contains(&at));
        let place = format!("{}:{}", file.path, line_of(&file.text, at));
        for id in ids(&source.comments[at + word.len()..]) {
            citations.push(Citation { id: id.to_owned(), place: place.clone(), in_test });
        }
    }
    citations
}

/// What a Python file cites, in comments and docstrings; its tests are files of their own.
fn python_citations(file: &File) -> Vec<Citation> {
    let mut citations = Vec::new();
    for (at, word) in file.text.match_indices("behaviour ") {
        let place = format!("{}:{}", file.path, line_of(&file.text, at));
        for id in ids(&file.text[at + word.len()..]) {
            citations.push(Citation { id: id.to_owned(), place: place.clone(), in_test: file.is_test() });
        }
    }
    citations
}

/// The ids of the rows under a heading of the page.
fn rows(page: &str, heading: &str) -> Vec<String> {
    let section = page.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !line.starts_with("## "));
    section.filter_map(|line| Some(ids(line.strip_prefix("| ")?).first()?.to_string())).collect()
}

fn disagreements(page: &str, citations: &[Citation]) -> Vec<String> {
    let (held, not_built) = (rows(page, HELD), rows(page, NOT_BUILT));
    let mut findings = Vec::new();
    for Citation { id, place, in_test } in citations.iter().filter(|citation| !held.contains(&citation.id)) {
        match (not_built.contains(id), in_test) {
            (false, _) => findings.push(format!("{place} cites behaviour {id}: add the row to {PAGE}")),
            (true, true) => {
                findings.push(format!("{place} tests behaviour {id}: move the row to the held ones in {PAGE}"))
            }
            (true, false) => {}
        }
    }
    let untested = held.iter().filter(|id| !citations.iter().any(|citation| citation.in_test && citation.id == **id));
    findings.extend(untested.map(|id| format!("no test cites {id} of {PAGE}")));
    let mut all = [held, not_built].concat();
    all.sort();
    findings
        .extend(all.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| format!("{PAGE} has {} twice", pair[0])));
    findings
}

#[test]
fn rows_and_tests_agree() {
    let files = text_files();
    let page = &files.iter().find(|file| file.path == PAGE).expect("the behaviour page is there").text;
    for heading in [HELD, NOT_BUILT] {
        assert!(page.lines().any(|line| line == heading), "{PAGE} has no heading `{heading}`");
    }
    let mut citations: Vec<Citation> = rust_files().iter().flat_map(citations).collect();
    citations.extend(python_files().iter().flat_map(python_citations));
    assert_none(
        &disagreements(page, &citations),
        "a row of the page is held by a test, and a cited row is on the page",
    );
}

#[test]
fn disagreements_are_found() {
    let page = format!(
        "{HELD}\n\n| id | what |\n| --- | --- |\n| 1.1 | a |\n| 1.2 | b |\n{NOT_BUILT}\n| 2.1 | c |\n| 2.2 | d |\n| 2.2 | e |\n"
    );
    let text =
        "fn a() {} // behaviour 9.9, 1.2 and 2.2\n#[cfg(test)]\nmod tests {\n // behaviour 1.1, 2.1 and 3.1.\n}\n";
    let file = File { path: "crates/a/src/b.rs".to_owned(), text: text.to_owned() };
    let findings = disagreements(&page, &citations(&file));
    assert_eq!(
        findings,
        [
            format!("crates/a/src/b.rs:1 cites behaviour 9.9: add the row to {PAGE}"),
            format!("crates/a/src/b.rs:4 tests behaviour 2.1: move the row to the held ones in {PAGE}"),
            format!("crates/a/src/b.rs:4 cites behaviour 3.1: add the row to {PAGE}"),
            format!("no test cites 1.2 of {PAGE}"),
            format!("{PAGE} has 2.2 twice"),
        ]
    );
}

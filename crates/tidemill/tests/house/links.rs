//! Links between the documents: each leads to a file that is there, and to a heading that it has.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use super::assert_none;
use super::source::line_of;
use super::tree::{File, root, text_files};

/// The text with its fenced code and inline code blanked, so that offsets stay.
fn without_code(text: &str) -> String {
    let mut fenced = false;
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let fence = line.trim_start().starts_with("```");
        let mut inline = false;
        for c in line.chars() {
            inline ^= c == '`';
            let kept = c == '\n' || !(fenced || fence || inline);
            out.extend(std::iter::repeat_n(if kept { c } else { ' ' }, if kept { 1 } else { c.len_utf8() }));
        }
        fenced ^= fence;
    }
    out
}

/// The targets of `[text](target)`, with their offsets.
fn targets(text: &str) -> Vec<(usize, String)> {
    let code_free = without_code(text);
    let starts = code_free.match_indices("](").map(|(at, _)| at + 2);
    starts.filter_map(|at| Some((at, code_free[at..][..code_free[at..].find(')')?].to_owned()))).collect()
}

/// The anchors of a document's headings, as the usual renderers make them.
fn anchors(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut anchors = Vec::new();
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        if !fenced && line.starts_with('#') {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            anchors.push(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
        }
    }
    anchors
}

/// `folder/../name` without its dots.
fn joined(from: &str, to: &str) -> String {
    let mut path = PathBuf::new();
    for part in Path::new(from).parent().unwrap_or(Path::new("")).join(to).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(part) => path.push(part),
            _ => {}
        }
    }
    path.to_string_lossy().into_owned()
}

fn broken(file: &File, documents: &HashMap<&str, &str>, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut findings = Vec::new();
    for (at, target) in targets(&file.text) {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (to, anchor) = target.split_once('#').map_or((target.as_str(), None), |(to, anchor)| (to, Some(anchor)));
        let path = if to.is_empty() { file.path.clone() } else { joined(&file.path, to) };
        let anchors = documents.get(path.as_str()).map(|text| anchors(text)).unwrap_or_default();
        let place = format!("{}:{}", file.path, line_of(&file.text, at));
        if !exists(&path) {
            findings.push(format!("{place}: there is no {path}"));
        } else if anchor.is_some_and(|anchor| !anchors.iter().any(|it| it == anchor)) {
            findings.push(format!("{place}: {path} has no heading #{}", anchor.unwrap_or_default()));
        }
    }
    findings
}

#[test]
fn links_resolve() {
    let files: Vec<File> = text_files().into_iter().filter(|file| file.path.ends_with(".md")).collect();
    assert!(files.iter().any(|file| file.path == "README.md"), "the documents were not found");
    let documents = files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect();
    let findings: Vec<String> =
        files.iter().flat_map(|file| broken(file, &documents, |path| root().join(path).exists())).collect();
    assert_none(&findings, "every link leads somewhere");
}

#[test]
fn broken_links_are_found() {
    let text = "# The Title\n[a](b.md) [c](../d.md#e-f) [g](#the-title) [h](https://x.org) `[i](j)`\n```\n[k](l)\n```\n[é](#no)";
    let file = File { path: "docs/a.md".to_owned(), text: text.to_owned() };
    let documents = HashMap::from([("docs/a.md", text), ("d.md", "## E: f")]);
    let findings = broken(&file, &documents, |path| path == "docs/a.md" || path == "d.md");
    assert_eq!(findings, ["docs/a.md:2: there is no docs/b.md", "docs/a.md:6: docs/a.md has no heading #no"]);
}

//! The walls between the crates: who may use whom, and which outside library belongs to which room.

use cargo_metadata::{Metadata, MetadataCommand};

use super::assert_none;
use super::source::{Source, line_of};
use super::tree::{root, rust_files};

/// What each crate of the workspace may use of ours.
const EDGES: [(&str, &[&str]); 4] = [
    ("tidemill-core", &[]),
    ("tidemill-streaming", &["tidemill-core"]),
    ("tidemill", &["tidemill-core", "tidemill-streaming"]),
    ("tidemill-python", &["tidemill", "tidemill-core", "tidemill-streaming"]),
];

/// Outside libraries (by the start of their name) and the only crates that may name them.
const ONLY_IN: [(&str, &[&str], &str); 15] = [
    (
        "tokio",
        &["tidemill-streaming"],
        "requests to other machines have a thread with a runtime; the engine's park by themselves",
    ),
    ("arrow", &[], "records are the user's own types"),
    ("datafusion", &[], "queries are a crate of their own"),
    ("ballista", &[], "a cluster is a crate of its own"),
    ("pyo3", &["tidemill-python"], "Python is a crate of its own"),
    ("rdkafka", &[], "outside systems are a crate of their own"),
    ("aws-", &[], "outside systems are a crate of their own"),
    (
        "object_store",
        &["tidemill-streaming"],
        "checkpoints and outputs are kept there; other outside systems are a crate of their own",
    ),
    ("hdfs-native", &["tidemill-streaming"], "outputs are kept there; other outside systems are a crate of their own"),
    ("axum", &[], "pages and metrics are a crate of their own"),
    ("hyper", &[], "pages and metrics are a crate of their own"),
    ("tonic", &[], "a cluster is a crate of its own"),
    ("anyhow", &["tidemill"], "libraries have typed errors; only the command gives up on them"),
    ("clap", &["tidemill"], "there is one command line"),
    ("signal-hook", &["tidemill-streaming"], "what stops a stream belongs to streams"),
];

/// Words of the standard library that a crate's own code does without: `(crate, word, reason)`.
const ABSENT: [(&str, &str, &str); 8] = [
    ("tidemill-core", "std::net", "the core knows no sockets"),
    ("tidemill-core", "TcpStream", "the core knows no sockets"),
    ("tidemill-core", "println!", "a library prints nothing"),
    ("tidemill-core", "eprintln!", "a library prints nothing; `tracing` tells whoever listens"),
    ("tidemill-core", "DStream", "the core knows no streams"),
    ("tidemill-streaming", "println!", "a library prints nothing"),
    ("tidemill-streaming", "eprintln!", "a library prints nothing; `tracing` tells whoever listens"),
    ("tidemill-streaming", "process::exit", "only the command ends the process"),
];

fn metadata() -> Metadata {
    let manifest = root().join("Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).no_deps().exec().expect("cargo describes the workspace")
}

/// The dependencies of each crate of the workspace: normal, build and development ones.
fn dependencies() -> Vec<(String, Vec<String>)> {
    let packages = metadata().packages.into_iter();
    packages.map(|it| (it.name.to_string(), it.dependencies.into_iter().map(|it| it.name).collect())).collect()
}

fn forbidden_edges(crates: &[(String, Vec<String>)]) -> Vec<String> {
    let ours = |name: &str| crates.iter().any(|(it, _)| it == name);
    let mut findings = Vec::new();
    for (name, uses) in crates {
        let Some((_, allowed)) = EDGES.iter().find(|(it, _)| it == name) else {
            findings.push(format!("{name} has no row in the table of edges"));
            continue;
        };
        for used in uses.iter().filter(|used| ours(used) && !allowed.contains(&used.as_str())) {
            findings.push(format!("{name} may not use {used}"));
        }
        for (prefix, homes, reason) in ONLY_IN.iter().filter(|(_, homes, _)| !homes.contains(&name.as_str())) {
            let strangers = uses.iter().filter(|used| used.starts_with(prefix));
            findings.extend(strangers.map(|used| format!("{name} may not use {used} (only {homes:?} may): {reason}")));
        }
    }
    findings
}

#[test]
fn crates_use_only_what_is_below_them() {
    let crates = dependencies();
    for (name, _) in EDGES {
        assert!(crates.iter().any(|(it, _)| it == name), "{name} is in the table and not in the workspace");
    }
    assert_none(&forbidden_edges(&crates), "a crate uses what the table of edges allows");
}

#[test]
fn a_crate_lives_in_the_folder_of_its_name() {
    let packages = metadata().packages;
    let findings: Vec<String> = packages
        .iter()
        .filter(|it| it.manifest_path.parent().and_then(|folder| folder.file_name()) != Some(it.name.as_str()))
        .map(|it| format!("{} lies in {}", it.name, it.manifest_path))
        .collect();
    assert_none(&findings, "a crate's folder has the crate's name");
}

#[test]
fn code_does_without_what_is_not_its_business() {
    let mut findings = Vec::new();
    for file in rust_files().iter().filter(|file| !file.is_test()) {
        let source = Source::new(&file.text);
        let tests = source.test_ranges();
        for (name, word, reason) in ABSENT {
            if file.path.starts_with(&format!("crates/{name}/src/")) {
                let places = word_starts(&source.code, word).filter(|at| !tests.iter().any(|test| test.contains(at)));
                findings
                    .extend(places.map(|at| format!("{}:{}: `{word}`: {reason}", file.path, line_of(&file.text, at))));
            }
        }
    }
    assert_none(&findings, "what is deliberately absent stays absent");
}

/// Where `word` stands in `code` and is not the end of a longer one.
fn word_starts(code: &str, word: &'static str) -> impl Iterator<Item = usize> {
    let longer = |at: usize| code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    code.match_indices(word).map(|(at, _)| at).filter(move |at| !longer(*at))
}

#[test]
fn forbidden_edges_are_found() {
    let of = |name: &str, uses: &[&str]| (name.to_owned(), uses.iter().map(|it| it.to_string()).collect());
    let crates = [
        of("tidemill-core", &["serde", "tidemill-streaming", "tokio-util"]),
        of("tidemill-streaming", &["tidemill-core"]),
        of("tidemill-new", &[]),
    ];
    let findings = forbidden_edges(&crates);
    assert_eq!(findings[0], "tidemill-core may not use tidemill-streaming");
    assert!(
        findings[1].starts_with("tidemill-core may not use tokio-util (only [\"tidemill-streaming\"] may)"),
        "{findings:?}"
    );
    assert_eq!(findings[2..], ["tidemill-new has no row in the table of edges"]);
    assert_eq!(word_starts("eprintln!(); println!();", "println!").collect::<Vec<_>>(), [13]);
}

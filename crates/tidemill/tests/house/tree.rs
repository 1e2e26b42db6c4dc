//! The files of the repository, as the rules see them: path from the root, and text.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold no source: builds, and data that tests read as it is.
const SKIPPED: [&str; 6] = ["target", "node_modules", "fixtures", "proptest-regressions", "__pycache__", "dist"];
/// The only hidden folders that belong to the repository's source.
const HIDDEN_KEPT: [&str; 3] = [".ci", ".cargo", ".github"];

/// One text file.
#[derive(Clone)]
pub(crate) struct File {
    /// The path from the root of the repository, with `/` between its parts.
    pub(crate) path: String,
    /// What the file says.
    pub(crate) text: String,
}

impl File {
    /// Whether all of the file is test code.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace has a root")
}

/// Every text file of the repository, sorted by path.
pub(crate) fn text_files() -> Vec<File> {
    let root = root();
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository can be listed") {
            let entry = entry.expect("a folder of the repository can be listed");
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().expect("a file of the repository has a type");
            if kind.is_dir() {
                let hidden = name.starts_with('.') && !HIDDEN_KEPT.contains(&name.as_str());
                if !hidden && !SKIPPED.contains(&name.as_str()) {
                    folders.push(entry.path());
                }
            } else if kind.is_file() && name != ".git" {
                // What is not UTF-8 is data (a picture, a fixture), and no rule speaks of it.
                let Ok(text) = fs::read_to_string(entry.path()) else { continue };
                let path = entry.path().strip_prefix(&root).expect("the file is below the root").to_path_buf();
                files.push(File { path: path.to_string_lossy().into_owned(), text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Every Rust file of the workspace, sorted by path.
pub(crate) fn rust_files() -> Vec<File> {
    let files: Vec<File> = text_files().into_iter().filter(|file| file.path.ends_with(".rs")).collect();
    assert!(files.len() > 5, "the tree was not found: only {} Rust files", files.len());
    files
}

/// Every Python file of the repository, sorted by path.
pub(crate) fn python_files() -> Vec<File> {
    let python = |file: &File| file.path.ends_with(".py") || file.path.ends_with(".pyi");
    let files: Vec<File> = text_files().into_iter().filter(python).collect();
    assert!(files.len() > 5, "the tree was not found: only {} Python files", files.len());
    files
}

//! What `docs/guarantees.md` promises is held by tests that exist.

use super::assert_none;
use super::tree::root;

/// The citations of a text: "`tests/a/b.rs`: `name_of_a_test`".
fn citations(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for part in text.split("`tests/").skip(1) {
        let Some((file, rest)) = part.split_once("`: `") else { continue };
        let Some((name, _)) = rest.split_once('`') else { continue };
        found.push((format!("tests/{file}"), name.to_owned()));
    }
    found
}

/// Whether some crate has that test in that file.
fn exists(file: &str, name: &str) -> bool {
    let Ok(crates) = std::fs::read_dir(root().join("crates")) else { return false };
    let texts = crates.flatten().filter_map(|it| std::fs::read_to_string(it.path().join(file)).ok());
    let (rust, python) = (format!("fn {name}("), format!("def {name}("));
    texts.into_iter().any(|text| text.contains(&rust) || text.contains(&python))
}

#[test]
fn each_promise_has_its_test() {
    let text = std::fs::read_to_string(root().join("docs/guarantees.md")).expect("the page is there");
    let cited = citations(&text);
    assert!(cited.len() > 10, "the page cites its tests");
    let missing = cited.iter().filter(|(file, name)| !exists(file, name));
    let findings: Vec<String> = missing.map(|(file, name)| format!("{file} has no test {name}")).collect();
    assert_none(&findings, "a test that docs/guarantees.md names is there");
}

#[test]
fn a_missing_test_is_found() {
    let cited = citations("| x | `tests/house/guarantees.rs`: `no_such_test` |");
    assert_eq!(cited, [("tests/house/guarantees.rs".to_owned(), "no_such_test".to_owned())]);
    assert!(!exists(&cited[0].0, &cited[0].1) && exists(&cited[0].0, "a_missing_test_is_found"));
}

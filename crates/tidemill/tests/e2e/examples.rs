//! The examples do what their first line says.

use crate::program::{Program, example};

fn output(name: &str) -> Vec<String> {
    let (status, lines) = Program::start(&mut example(name)).end();
    assert!(status.success(), "{name}: {status}\n{}", lines.join("\n"));
    lines
}

#[test]
fn pi_is_about_pi_and_the_same_every_time() {
    let lines = output("pi");
    let pi: f64 = lines[0].rsplit(' ').next().unwrap().parse().unwrap();
    assert!((pi - std::f64::consts::PI).abs() < 0.005, "{lines:?}");
    assert!(lines[0].contains("of 4000000 darts hit"), "{lines:?}");
    assert_eq!(lines, output("pi"));
}

#[test]
fn rdd_operators_agree_with_a_plain_count() {
    let lines = output("rdd_operators");
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../LICENSE")).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    let count = |word: &str| words.iter().filter(|it| **it == word).count();
    let distinct: std::collections::HashSet<&str> = words.iter().copied().collect();
    let first = text.lines().next().unwrap().trim();
    let expected = [
        format!("{} lines in 2 partitions; the first: {first}", text.lines().count()),
        format!("{} lines are longer than 70 bytes", text.lines().filter(|line| line.len() > 70).count()),
        format!("{} words, ", words.len()),
        "lines of each partition: [(0, ".to_owned(),
        format!("most frequent: [({}, \"the\"), ", count("the")),
        "(length, (different words, occurrences)): [(1, (".to_owned(),
        format!("found: [(\"License\", {}), (\"Work\", {})]", count("License"), count("Work")),
        "missing: [\"tide\"]".to_owned(),
        format!("{} words with the wanted ones, {} distinct", distinct.len() + 3, distinct.len() + 1),
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(expected) {
        assert!(line.starts_with(&start), "{line:?} is not {start:?}");
    }
}

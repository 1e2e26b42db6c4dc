//! What tasks get and give.

use super::*;

const UPPER: &str = "('map', lambda line: line.upper(), 'map at app.py:1')";

#[test]
fn records_go_through_functions() {
    let kit = Kit::new();
    assert_eq!(kit.run(UPPER, &["a\nb\n", "", "c"]).unwrap(), ["A", "B", "C"]);
    assert_eq!(kit.run(UPPER, &[]).unwrap(), [""; 0]);
    let pid = kit.pid();
    assert_eq!(kit.run("('filter', lambda line: line != 'a', '')", &["a\nb\nc"]).unwrap(), ["b", "c"]);
    assert_eq!(kit.pid(), pid, "the worker stays");
}

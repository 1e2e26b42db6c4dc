//! Weights of values whose memory can be told by hand.

use std::collections::HashMap;

use super::*;
use crate::Local;

#[derive(Serialize)]
enum Shape {
    Named { name: String, sides: Vec<u32> },
    Pair(String, u8),
    One(Vec<u8>),
    Empty,
}

#[test]
fn weights_are_what_a_person_would_count() {
    let string = size_of::<String>() as u64;
    let shape = size_of::<Shape>() as u64;
    let cases: Vec<(&str, u64, u64)> = vec![
        ("integers", weight(&7u64), 8),
        ("tuples", weight(&(1u32, 2u32, [3u64; 4])), 40),
        ("text", weight(&"tide".to_string()), string + 4),
        ("vectors", weight(&vec![1u32, 2, 3]), 24 + 12),
        ("vectors of text", weight(&vec!["a".to_string(), "bc".to_string()]), 24 + 2 * string + 3),
        ("options", weight(&Some("abc".to_string())), string + 3),
        ("nothing", weight(&None::<String>), string),
        ("tuples of text", weight(&("ab".to_string(), vec![1.5f64])), string + 2 + 24 + 8),
        ("fields", weight(&Shape::Named { name: "sea".into(), sides: vec![1, 2] }), shape + 3 + 8),
        ("variants", weight(&Shape::Pair("sea".into(), 1)), shape + 3),
        ("newtype variants", weight(&Shape::One(vec![1, 2, 3])), shape + 3),
        ("empty variants", weight(&Shape::Empty), shape),
        ("maps", weight(&HashMap::from([(1u64, 2u64), (3, 4)])), size_of::<HashMap<u64, u64>>() as u64 + 2 * 24),
        ("what cannot be written", weight(&Local(String::from("sea"))), string),
        ("vectors of it", weight(&vec![Local(1u64), Local(2), Local(3)]), 24 + 3 * 8),
        ("what comes after it", weight(&(Local(1u64), "sea".to_string())), 8 + string + 3),
    ];
    for (what, weighed, expected) in cases {
        assert_eq!(weighed, expected, "{what}");
    }
}

#[test]
fn a_sample_of_equal_values_weighs_what_all_do() {
    let words = vec!["seven b".to_string(); 16_000];
    assert_eq!(sampled(&words), words.iter().map(weight).sum::<u64>());
    assert_eq!(sampled(&words[..50]), 50 * (size_of::<String>() as u64 + 7));
    let mut weigher = Weigher::new();
    let by_runs: u64 = words.chunks(5).map(|run| weigher.owned(run.len(), |index| run.get(index))).sum();
    assert_eq!(by_runs, 16_000 * 7);
    assert_eq!(Weigher::new().owned(3, |_| -> Option<&u64> { unreachable!("a number owns nothing") }), 0);
}

//! `reduce`: the records of each batch merged into one.

use tidemill_streaming::testing::{TestContext, check};

use crate::received;

#[test]
fn a_batch_becomes_one_record_and_an_empty_one_none() {
    // behaviour 1.28
    check([vec![1, 2, 3], vec![], vec![7]], |s| s.reduce(|a, b| a + b), [vec![6], vec![], vec![7]]);
}

#[test]
fn records_are_merged_in_the_order_of_partitions() {
    // behaviour 1.28
    let words = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
    check([words("a b c d e")], |s| s.reduce(|a, b| a + &b), [vec!["abcde".to_string()]]);
}

#[test]
fn there_is_one_partition() {
    // behaviour 1.28
    check([vec![1, 2, 3], vec![]], |s| s.reduce(|a, b| a.max(b)).glom(), [vec![vec![3]], vec![vec![]]]);
    let test = TestContext::new();
    let (_, numbers) = received::<i32>(&test);
    let seen = test.collect(&numbers.reduce(|a, b| a + b));
    test.tick().unwrap();
    assert_eq!(seen.values(), [Vec::<i32>::new()], "no error for a batch without partitions");
}

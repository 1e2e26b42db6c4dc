//! `reduce_by_key_and_window`.

use tidemill_streaming::testing::TestContext;

use crate::{all, run, seconds};

#[test]
fn values_are_merged_over_the_window_and_keys_that_left_are_gone() {
    // behaviour 2.18, 1.55
    let batches = || all([vec![('a', 1), ('b', 2), ('a', 3)], vec![('a', 10)], vec![], vec![('c', 5)]]);
    let seen = run(batches(), |pairs| pairs.reduce_by_key_and_window(|a, b| a + b, seconds(2), seconds(1)));
    let expected =
        [(1, vec![('a', 4), ('b', 2)]), (2, vec![('a', 14), ('b', 2)]), (3, vec![('a', 10)]), (4, vec![('c', 5)])];
    assert_eq!(seen, expected);
    let seen = run(batches(), |pairs| pairs.reduce_by_key_and_window(|a, b| a + b, seconds(3), seconds(2)));
    assert_eq!(seen, [(2, vec![('a', 14), ('b', 2)]), (4, vec![('a', 10), ('c', 5)])]);
}

#[test]
fn values_are_merged_in_the_order_of_their_arrival() {
    // behaviour 2.18
    let join = |earlier: String, later: String| earlier + &later;
    let batch = |letters: &[&str]| letters.iter().map(|letter| (0, letter.to_string())).collect();
    let batches = all([batch(&["a", "b", "c"]), batch(&["d", "e"]), batch(&["f"])]);
    let seen = run(batches, |pairs| pairs.reduce_by_key_and_window(join, seconds(2), seconds(1)));
    let last = seen.into_iter().map(|(_, batch)| batch[0].1.clone()).collect::<Vec<_>>();
    assert_eq!(last, ["abc", "abcde", "def"]);
}

#[test]
fn the_result_has_as_many_partitions_as_were_asked_for() {
    // behaviour 2.18
    for (asked, partitions) in [(3, 3), (0, 1)] {
        let test = TestContext::new();
        let (feed, pairs) = test.input::<(i64, i64)>();
        let reduced = pairs.reduce_by_key_and_window_into(|a, b| a + b, seconds(2), seconds(1), asked).unwrap();
        let glommed = test.collect(&reduced.transform(|rdd, _| rdd.glom()));
        feed.push((0..9).map(|key| (key, 1)));
        test.tick().unwrap();
        assert_eq!(glommed.values()[0].len(), partitions);
    }
}

#[test]
fn batches_without_an_rdd_are_as_empty_ones() {
    // behaviour 10.9
    let seen = run([Some(vec![('a', 1)]), None, None], |pairs| {
        pairs.reduce_by_key_and_window(|a, b| a + b, seconds(2), seconds(1))
    });
    assert_eq!(seen, [(1, vec![('a', 1)]), (2, vec![('a', 1)]), (3, vec![])]);
}

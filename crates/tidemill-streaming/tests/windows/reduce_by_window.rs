//! `reduce_by_window`.

use crate::{all, run, seconds};

#[test]
fn all_records_of_a_window_become_one_and_no_records_none() {
    // behaviour 1.51, 2.17
    let batches = all([vec![1, 2], vec![10], vec![], vec![], vec![5]]);
    let seen = run(batches, |numbers| numbers.reduce_by_window(|a, b| a + b, seconds(2), seconds(1)));
    assert_eq!(seen, [(1, vec![3]), (2, vec![13]), (3, vec![10]), (4, vec![]), (5, vec![5])]);
}

#[test]
fn records_are_merged_in_the_order_of_their_arrival() {
    // behaviour 1.51
    let batch = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
    let seen = run(all([batch("a b c"), batch("d e"), batch("f")]), |letters| {
        letters.reduce_by_window(|earlier, later| earlier + &later, seconds(3), seconds(3))
    });
    assert_eq!(seen, [(3, vec!["abcdef".to_string()])]);
}

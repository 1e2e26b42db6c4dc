//! `count_by_window` and `count_by_value_and_window`.

use tidemill_streaming::dstream::{Sliding, WindowOptions};

use crate::{all, run, seconds};

#[test]
fn an_empty_window_counts_nothing_once_there_was_something() {
    // behaviour 2.17; for a window computed anew behaviour 1.52, 10.4
    let batches = || all([vec![], vec![7, 8, 9], vec![7], vec![], vec![], vec![1]]);
    let zero_or_nothing =
        |empty: Vec<u64>| vec![(1, vec![]), (2, vec![3]), (3, vec![4]), (4, vec![1]), (5, empty), (6, vec![1])];
    let table = [
        (Sliding::Inverse, zero_or_nothing(vec![0])),
        (Sliding::InverseIfLong, zero_or_nothing(vec![])), // two slides are not long
        (Sliding::Recompute, zero_or_nothing(vec![])),
    ];
    for (sliding, expected) in table {
        let seen = run(batches(), |numbers| numbers.count_by_window_with(seconds(2), seconds(1), sliding));
        assert_eq!(seen, expected, "{sliding:?}");
    }
    assert_eq!(run(batches(), |numbers| numbers.count_by_window(seconds(2), seconds(1))), zero_or_nothing(vec![0]));
}

#[test]
fn five_slides_are_a_long_window() {
    // behaviour 1.52, 10.4
    let batches = || all([vec![1], vec![], vec![], vec![], vec![], vec![], vec![]]);
    for (window, last) in [(4, vec![]), (5, vec![0])] {
        let count = |numbers: &tidemill_streaming::DStream<i32>| {
            numbers.count_by_window_with(seconds(window), seconds(1), Sliding::InverseIfLong)
        };
        assert_eq!(run(batches(), count).pop().unwrap(), (7, last), "{window} slides");
    }
}

#[test]
fn values_are_counted_and_those_that_left_are_gone() {
    // behaviour 1.53, 2.17
    let batches = || all([vec!['x', 'x', 'y'], vec!['x'], vec![]]);
    let expected = [(1, vec![('x', 2), ('y', 1)]), (2, vec![('x', 3), ('y', 1)]), (3, vec![('x', 1)])];
    for sliding in [Sliding::Inverse, Sliding::InverseIfLong, Sliding::Recompute] {
        let options = WindowOptions::new().sliding(sliding).partitions(3);
        let seen = run(batches(), |it| it.count_by_value_and_window_with(seconds(2), seconds(1), options));
        assert_eq!(seen, expected, "{sliding:?}");
    }
    let seen = run(batches(), |it| it.count_by_value_and_window(seconds(2), seconds(1)));
    assert_eq!(seen, expected);
    let all_kept = WindowOptions::new().filter(|_, _| true);
    let seen = run(batches(), |it| it.count_by_value_and_window_with(seconds(2), seconds(1), all_kept));
    assert_eq!(seen[2], (3, vec![('x', 1), ('y', 0)]), "a filter of the program's own");
}

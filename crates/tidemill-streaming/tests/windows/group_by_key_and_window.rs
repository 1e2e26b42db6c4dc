//! `group_by_key_and_window`.

use crate::{all, run, seconds};

#[test]
fn values_come_oldest_first_and_keys_that_left_are_gone() {
    // behaviour 1.54, 2.18
    let batches = all([vec![('a', 3), ('b', 1), ('a', 2)], vec![('a', 1)], vec![]]);
    let seen = run(batches, |pairs| pairs.group_by_key_and_window(seconds(2), seconds(1)));
    let expected = [
        (1, vec![('a', vec![3, 2]), ('b', vec![1])]),
        (2, vec![('a', vec![3, 2, 1]), ('b', vec![1])]),
        (3, vec![('a', vec![1])]),
    ];
    assert_eq!(seen, expected);
}

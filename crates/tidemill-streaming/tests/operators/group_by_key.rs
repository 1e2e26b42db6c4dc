//! `group_by_key`: all values of each key of a batch in one list.

use tidemill_streaming::testing::check;

use crate::{pairs, sorted};

#[test]
fn lists_are_in_the_order_of_arrival() {
    // behaviour 1.40
    check(
        [pairs("b1 a2 b3 b0"), vec![], pairs("b5")],
        |s| s.group_by_key_into(1),
        [vec![('b', vec![1, 3, 0]), ('a', vec![2])], vec![], vec![('b', vec![5])]],
    );
}

#[test]
fn partitions_are_the_default_or_as_asked_for() {
    // behaviour 1.40
    for (partitions, expected) in [(None, 2), (Some(4), 4), (Some(0), 1)] {
        check(
            [pairs("b1 a2 b3")],
            move |s| {
                let lists = partitions.map_or_else(|| s.group_by_key(), |n| s.group_by_key_into(n));
                let parts = lists.glom().map(|part| (1, part)).reduce(|(n, a), (m, b)| (n + m, [a, b].concat()));
                parts.map(|(n, all)| (n, sorted(all)))
            },
            [vec![(expected, vec![('a', vec![2]), ('b', vec![1, 3])])]],
        );
    }
}

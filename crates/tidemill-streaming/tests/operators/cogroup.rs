//! `cogroup`: the values of each key in two streams, side by side.

use crate::{check_two, pairs, sorted};

#[test]
fn values_of_both_sides_are_listed() {
    // behaviour 1.47
    check_two(
        [(pairs("a1 b2 a3"), pairs("c7 a8")), (vec![], pairs("b9")), (pairs("b1"), vec![]), (vec![], vec![])],
        |one, two| one.cogroup_into(two, 1),
        [
            vec![('a', (vec![1, 3], vec![8])), ('b', (vec![2], vec![])), ('c', (vec![], vec![7]))],
            vec![('b', (vec![], vec![9]))],
            vec![('b', (vec![1], vec![]))],
            vec![],
        ],
    );
}

#[test]
fn partitions_are_the_default_or_as_asked_for() {
    // behaviour 1.47
    for (asked, expected) in [(None, 2), (Some(5), 5), (Some(0), 1)] {
        check_two(
            [(pairs("a1 b2"), pairs("b3"))],
            move |one, two| {
                let both = asked.map_or_else(|| one.cogroup(two), |n| one.cogroup_into(two, n))?;
                let parts = both.glom().map(|part| (1, part)).reduce(|(n, a), (m, b)| (n + m, [a, b].concat()));
                Ok(parts.map(|(n, all)| (n, sorted(all))))
            },
            [vec![(expected, vec![('a', (vec![1], vec![])), ('b', (vec![2], vec![3]))])]],
        );
    }
}

#[test]
fn a_layout_of_one_side_is_kept() {
    // behaviour 1.47, 3.24
    check_two(
        [(pairs("a1 b2 c3"), pairs("a4"))],
        |one, two| {
            let both = one.partition_by_hash(7).cogroup(two)?;
            Ok(both.glom().map(|_| 1).reduce(|a, b| a + b))
        },
        [vec![7]],
    );
}

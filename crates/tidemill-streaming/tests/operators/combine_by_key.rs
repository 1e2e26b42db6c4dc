//! `combine_by_key`: what all aggregations by key are made of.

use tidemill_streaming::testing::check;

use crate::{pairs, sorted};

#[test]
fn three_functions_make_one_value_a_key() {
    // behaviour 1.30: created once a partition, then merged
    let written = |v: i32| format!("<{v}");
    check(
        [pairs("a1 a2 b3 a4 b5 b6"), vec![], pairs("c7")], // in two partitions of three
        |s| s.combine_by_key_into(written, |c, v| format!("{c},{v}"), |c, d| format!("{c}|{d}"), 1),
        [vec![('a', "<1,2|<4".to_string()), ('b', "<3|<5,6".to_string())], vec![], vec![('c', "<7".to_string())]],
    );
}

#[test]
fn partitions_are_the_default_or_as_asked_for() {
    // behaviour 1.30
    for (partitions, expected) in [(None, 2), (Some(4), 4), (Some(0), 1)] {
        check(
            [pairs("a1 b2 c3 a4")],
            move |s| {
                let lists = match partitions {
                    None => s.combine_by_key(|v| vec![v], |l, v| [l, vec![v]].concat(), |l, m| [l, m].concat()),
                    Some(n) => {
                        s.combine_by_key_into(|v| vec![v], |l, v| [l, vec![v]].concat(), |l, m| [l, m].concat(), n)
                    }
                };
                let parts = lists.glom().map(|part| (1, part)).reduce(|(n, a), (m, b)| (n + m, [a, b].concat()));
                parts.map(|(n, all)| (n, sorted(all)))
            },
            [vec![(expected, vec![('a', vec![1, 4]), ('b', vec![2]), ('c', vec![3])])]],
        );
    }
}

//! `left_outer_join`, `right_outer_join` and `full_outer_join`: joins that keep keys which one stream lacks.

use crate::{check_two, pairs, sorted};

fn batches() -> [(Vec<(char, i32)>, Vec<(char, i32)>); 3] {
    [(pairs("a1 b2 a3"), pairs("c7 a8")), (vec![], pairs("b9")), (pairs("b1"), vec![])]
}

#[test]
fn a_left_join_keeps_the_left_side() {
    // behaviour 1.48
    check_two(
        batches(),
        |one, two| one.left_outer_join_into(two, 1),
        [vec![('a', (1, Some(8))), ('a', (3, Some(8))), ('b', (2, None))], vec![], vec![('b', (1, None))]],
    );
}

#[test]
fn a_right_join_keeps_the_right_side() {
    // behaviour 1.48
    check_two(
        batches(),
        |one, two| one.right_outer_join_into(two, 1),
        [vec![('a', (Some(1), 8)), ('a', (Some(3), 8)), ('c', (None, 7))], vec![('b', (None, 9))], vec![]],
    );
}

#[test]
fn a_full_join_keeps_both_sides() {
    // behaviour 1.48
    check_two(
        batches(),
        |one, two| one.full_outer_join_into(two, 1),
        [
            vec![('a', (Some(1), Some(8))), ('a', (Some(3), Some(8))), ('b', (Some(2), None)), ('c', (None, Some(7)))],
            vec![('b', (None, Some(9)))],
            vec![('b', (Some(1), None))],
        ],
    );
}

#[test]
fn default_partitions_give_the_same_pairs() {
    // behaviour 1.48
    let same = |left: bool| {
        check_two(
            batches(),
            move |one, two| {
                let (one, two) = if left { (one, two) } else { (two, one) };
                let all = one.left_outer_join(two)?.map(|(k, (v, w))| (k, Some(v), w));
                let mirrored = two.right_outer_join(one)?.map(|(k, (w, v))| (k, Some(v), w));
                let both = all.union(&mirrored)?.count_by_value_into(1);
                Ok(both.map(|(_, count)| count % 2).filter(|odd| *odd > 0))
            },
            [vec![], vec![], vec![]],
        );
    };
    same(true);
    same(false);
    check_two(
        batches(),
        |one, two| Ok(one.full_outer_join(two)?.repartition(1).glom().map(sorted).map(|all| all.len())),
        [vec![4], vec![1], vec![1]],
    );
}

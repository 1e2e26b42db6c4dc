//! `join`: the pairs of values that two streams have under one key.

use tidemill_streaming::testing::TestContext;

use crate::{check_two, pairs, sorted};

#[test]
fn values_are_crossed_in_order_of_arrival() {
    // behaviour 1.48
    check_two(
        [(pairs("a1 b2 a3"), pairs("a7 c9 a8")), (pairs("b5"), pairs("a6")), (vec![], pairs("a1"))],
        |one, two| one.join_into(two, 1),
        [vec![('a', (1, 7)), ('a', (1, 8)), ('a', (3, 7)), ('a', (3, 8))], vec![], vec![]],
    );
}

#[test]
fn batches_do_not_see_each_other() {
    // behaviour 1.48
    check_two(
        [(pairs("a1"), vec![]), (vec![], pairs("a2")), (pairs("a3"), pairs("a4"))],
        |one, two| one.join(two),
        [vec![], vec![], vec![('a', (3, 4))]],
    );
}

#[test]
fn a_key_of_none_matches_none() {
    // behaviour 1.48
    check_two(
        [(vec![(None, 1), (Some(2), 2)], vec![(None, 'x'), (Some(3), 'y')])],
        |one, two| one.join(two),
        [vec![(None, (1, 'x'))]],
    );
}

#[test]
fn partitions_are_the_default_or_as_asked_for() {
    // behaviour 1.48
    for (asked, expected) in [(None, 2), (Some(5), 5), (Some(0), 1)] {
        check_two(
            [(pairs("a1 b2"), pairs("b3 a4"))],
            move |one, two| {
                let both = asked.map_or_else(|| one.join(two), |n| one.join_into(two, n))?;
                let parts = both.glom().map(|part| (1, part)).reduce(|(n, a), (m, b)| (n + m, [a, b].concat()));
                Ok(parts.map(|(n, all)| (n, sorted(all))))
            },
            [vec![(expected, vec![('a', (1, 4)), ('b', (2, 3))])]],
        );
    }
}

#[test]
fn a_side_without_an_rdd_loses_the_batch() {
    // behaviour 1.48, 2.10: Scala's form; PySpark's is `Missing::IsEmpty`
    let test = TestContext::new();
    let ((one, ones), (two, twos)) = (test.input(), test.input());
    let seen = test.collect(&ones.join(&twos).unwrap());
    for batch in 1..=3 {
        two.push(pairs("a7"));
        if batch == 2 {
            one.push_none()
        } else {
            one.push(pairs("a1"))
        }
        assert_eq!(test.tick().is_err(), batch == 2);
    }
    assert_eq!(seen.values(), [[('a', (1, 7))], [('a', (1, 7))]]);
}

//! `count_by_value`: how often each record occurs in each batch.

use tidemill_streaming::testing::check;

use crate::sorted;

#[test]
fn each_different_record_is_counted() {
    // behaviour 1.41
    check(
        [vec!['b', 'a', 'b'], vec![], vec!['a']],
        |s| s.count_by_value_into(1),
        [vec![('b', 2), ('a', 1)], vec![], vec![('a', 1)]],
    );
    check(
        [vec![Some(1), None, None]], // none is a value too
        |s| s.count_by_value().repartition(1).glom().map(sorted),
        [vec![vec![(None, 2), (Some(1), 1)]]],
    );
}

#[test]
fn partitions_are_the_default_or_as_asked_for() {
    // behaviour 1.41, 4.54
    check([vec!['a'], vec![]], |s| s.count_by_value().glom().map(|_| 1).reduce(|a, b| a + b), [vec![2], vec![2]]);
    check([vec!['a']], |s| s.count_by_value_into(5).glom().map(|_| 1).reduce(|a, b| a + b), [vec![5]]);
    check([vec!['a']], |s| s.count_by_value_into(0).glom().map(|_| 1).reduce(|a, b| a + b), [vec![1]]);
}

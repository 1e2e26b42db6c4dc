//! `filter`: keeps the records that a function says yes to.

use tidemill_streaming::testing::check;

#[test]
fn records_are_kept_in_their_order_and_partitions() {
    // behaviour 1.23
    let batches = [vec![1, 2, 3, 4, 5, 6], vec![], vec![7]];
    check(batches.clone(), |s| s.filter(|x| x % 3 != 0), [vec![1, 2, 4, 5], vec![], vec![7]]);
    check(
        batches.clone(),
        |s| s.filter(|x| x % 3 != 0).glom(),
        [vec![vec![1, 2], vec![4, 5]], vec![vec![], vec![]], vec![vec![], vec![7]]],
    );
    check(batches, |s| s.filter_with(4, |limit, x| x > limit), [vec![5, 6], vec![], vec![7]]);
}

#[test]
fn the_layout_stays() {
    // behaviour 1.23
    check(
        [crate::pairs("a1 b2 a3")],
        |s| {
            let filtered = s.partition_by_hash(3).filter(|(_, v)| v % 2 == 1);
            filtered.transform(|rdd, _| {
                assert_eq!(rdd.layout().map(|layout| layout.partitions()), Some(3));
                rdd
            })
        },
        [crate::pairs("a1 a3")],
    );
}

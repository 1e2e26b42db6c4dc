//! `glom`: each partition as one record.

use tidemill_streaming::testing::{TestContext, check};

use crate::received;

#[test]
fn each_partition_is_a_list() {
    // behaviour 1.36
    check(
        [vec![1, 2, 3], vec![], vec![4]],
        |s| s.glom(),
        [vec![vec![1], vec![2, 3]], vec![vec![], vec![]], vec![vec![], vec![4]]],
    );
}

#[test]
fn without_partitions_there_are_no_lists() {
    // behaviour 1.36
    let test = TestContext::new();
    let (feed, numbers) = received::<i32>(&test);
    let seen = test.collect(&numbers.glom());
    test.tick().unwrap();
    feed.push([1]);
    test.tick().unwrap();
    assert_eq!(seen.values(), [vec![], vec![vec![], vec![1]]]);
}

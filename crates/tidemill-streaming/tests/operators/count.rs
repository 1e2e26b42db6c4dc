//! `count`: how many records each batch holds.

use tidemill_streaming::dstream::NoPartitions;
use tidemill_streaming::testing::{TestContext, check};

use crate::received;

#[test]
fn an_empty_batch_counts_0() {
    // behaviour 1.22
    check([vec![5, 5, 7], vec![], vec![1]], |s| s.count(), [vec![3], vec![0], vec![1]]);
    check([vec![5, 5, 7], vec![]], |s| s.count().glom(), [vec![vec![3]], vec![vec![0]]]);
}

#[test]
fn a_batch_without_partitions_counts_0_or_nothing() {
    // behaviour 1.22: Scala's form, and PySpark's
    let test = TestContext::new();
    let (feed, numbers) = received(&test);
    let scala = test.collect(&numbers.count());
    let python = test.collect(&numbers.count_with(NoPartitions::Nothing));
    for batch in [vec![1, 2], vec![], vec![3]] {
        feed.push(batch);
        test.tick().unwrap();
    }
    assert_eq!(scala.values(), [vec![2], vec![0], vec![1]]);
    assert_eq!(python.values(), [vec![2], vec![], vec![1]]);
    assert_eq!(NoPartitions::default(), NoPartitions::Zero);
}

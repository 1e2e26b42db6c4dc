//! `map_partitions`: a function over the whole of each partition.

use tidemill_streaming::testing::{TestContext, check};

#[test]
fn the_function_is_called_once_a_partition_even_an_empty_one() {
    // behaviour 1.26
    let batches = [vec![1, 2, 3], vec![], vec![9]];
    check(
        batches.clone(),
        |s| s.map_partitions(|elements| [elements.collect::<Vec<_>>()]),
        [vec![vec![1], vec![2, 3]], vec![vec![], vec![]], vec![vec![], vec![9]]],
    );
    check(batches.clone(), |s| s.map_partitions_with(1, |n, elements| elements.skip(*n)), [vec![3], vec![], vec![]]);
    check(
        batches,
        |s| s.map_partitions_with_index(|index, elements| elements.map(move |x| (index, x))),
        [vec![(0, 1), (1, 2), (1, 3)], vec![], vec![(1, 9)]],
    ); // behaviour 1.27
}

#[test]
fn indices_are_those_of_the_partitions() {
    // behaviour 1.27
    let test = TestContext::new();
    let (feed, numbers) = test.input_in(4);
    let seen = test.collect(&numbers.map_partitions_with_index(|index, elements| [(index, elements.sum::<i32>())]));
    feed.push(1..=8);
    test.tick().unwrap();
    test.tick().unwrap();
    let sums = |sums: [i32; 4]| sums.into_iter().enumerate().collect::<Vec<_>>();
    assert_eq!(seen.values(), [sums([3, 7, 11, 15]), sums([0; 4])]);
}

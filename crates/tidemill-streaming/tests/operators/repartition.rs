//! `repartition`: another number of partitions.

use tidemill_streaming::testing::check;

use crate::sorted;

#[test]
fn records_are_dealt_out_evenly() {
    // behaviour 1.45
    for (asked, partitions) in [(0, 1), (1, 1), (3, 3), (12, 12)] {
        let spread = |(least, most, count): (usize, usize, usize), (l, m, c)| (least.min(l), most.max(m), count + c);
        check(
            [(0..120).collect(), vec![]],
            move |s| {
                let sizes = s.repartition(asked).glom().map(|part: Vec<i32>| (part.len(), part.len(), 1));
                // Each of the two partitions before deals its own out: of each a partition may get one more.
                sizes.reduce(spread).map(|(least, most, count)| (most - least <= 2, count))
            },
            [vec![(true, partitions)], vec![(true, partitions)]],
        );
    }
}

#[test]
fn no_record_is_lost_or_doubled() {
    // behaviour 1.45
    check(
        [(0..100).collect(), vec![5, 5]],
        |s| s.repartition(7).repartition(1).glom().map(sorted),
        [vec![(0..100).collect()], vec![vec![5, 5]]],
    );
}

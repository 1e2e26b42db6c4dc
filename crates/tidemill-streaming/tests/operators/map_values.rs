//! `map_values` and `flat_map_values`: values become others, keys stay where they are.

use tidemill_streaming::testing::check;

use crate::pairs;

#[test]
fn values_become_others() {
    let batches = [pairs("a1 b2 a3"), vec![]];
    // behaviour 1.34
    check(batches.clone(), |s| s.map_values(|v| v * 10), [pairs("a10 b20 a30"), vec![]]);
    check(batches.clone(), |s| s.map_values_with(5, |more, v| v + more), [pairs("a6 b7 a8"), vec![]]);
    // behaviour 1.35
    check(batches, |s| s.flat_map_values(|v| 1..v), [pairs("b1 a1 a2"), vec![]]);
}

#[test]
fn the_layout_stays() {
    // behaviour 1.34, 1.35
    check(
        [pairs("a1 b2")],
        |s| {
            let laid_out = s.partition_by_hash(3);
            let mapped = laid_out.map_values(|v| v + 1).flat_map_values(|v| [v]).map_values_with(1, |by, v| v - by);
            mapped
                .transform_with(&laid_out, |mapped, laid_out, _| {
                    assert!(mapped.layout().is_some());
                    assert_eq!(mapped.layout(), laid_out.layout());
                    mapped.coalesce(1).map(|(_, v)| v).reduce_to_sum()
                })
                .unwrap()
        },
        [vec![3]],
    );
}

/// The sum of an RDD as one of a single partition, so that the order does not show.
trait Sum {
    fn reduce_to_sum(&self) -> tidemill_core::Rdd<i32>;
}

impl Sum for tidemill_core::Rdd<i32> {
    fn reduce_to_sum(&self) -> tidemill_core::Rdd<i32> {
        self.map_partitions(|elements| [elements.sum::<i32>()])
    }
}

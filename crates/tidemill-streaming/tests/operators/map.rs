//! `map`: each record becomes another.

use tidemill_streaming::testing::check;

#[test]
fn each_record_becomes_another_in_its_partition() {
    // behaviour 1.25
    check([vec![1, 2, 3], vec![], vec![-4]], |s| s.map(|x| x * 2), [vec![2, 4, 6], vec![], vec![-8]]);
    check([vec![1, 2, 3]], |s| s.map(|x| x * 2).glom(), [vec![vec![2], vec![4, 6]]]);
}

#[test]
fn results_of_none_are_kept() {
    // behaviour 1.25
    check([vec![1, 0, 4], vec![0]], |s| s.map(|x| 12_i32.checked_div(x)), [vec![Some(12), None, Some(3)], vec![None]]);
}

#[test]
fn a_value_can_be_given_to_every_task() {
    // behaviour 1.25
    let factors = vec![10, 100];
    check(
        [vec![1, 2], vec![3]],
        |s| s.map_with(factors, |factors, x| factors.iter().sum::<i32>() * x),
        [vec![110, 220], vec![330]],
    );
}

#[test]
fn what_stands_between_needs_no_serde() {
    struct Reading(f64);
    check([vec![1.5, 2.0]], |s| s.map(Reading).map(|reading| reading.0 * 2.0), [vec![3.0, 4.0]]);
}

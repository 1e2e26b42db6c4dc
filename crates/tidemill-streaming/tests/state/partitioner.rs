//! Partitioners of a program's own, for state and for windows.

use serde::{Deserialize, Serialize};
use tidemill_core::layout::Partitioner;
use tidemill_streaming::dstream::{StateSpec, UpdateOptions, WindowOptions};
use tidemill_streaming::state::State;
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{DStream, Error};

use crate::seconds;

/// Even keys lie in partition 0, odd ones in 1, and so many partitions are empty.
#[derive(Clone, Serialize, Deserialize)]
struct EvenOdd {
    empty: usize,
}

impl Partitioner<i64> for EvenOdd {
    fn partitions(&self) -> usize {
        if self.empty == usize::MAX { 0 } else { 2 + self.empty }
    }

    fn partition(&self, key: &i64) -> usize {
        key.rem_euclid(2) as usize
    }
}

/// The partitions of each batch of what `program` gives, each sorted.
#[track_caller]
fn partitions(program: impl FnOnce(&DStream<(i64, i64)>) -> DStream<(i64, i64)>) -> Vec<Vec<Vec<(i64, i64)>>> {
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let seen = test.collect(&program(&pairs).glom());
    for batch in [vec![(1, 1), (2, 2), (3, 3)], vec![(1, 10), (4, 4)], vec![]] {
        feed.push(batch);
        test.tick().unwrap();
    }
    let mut batches = seen.values();
    batches.iter_mut().flatten().for_each(|partition| partition.sort());
    batches
}

#[test]
fn state_lies_where_the_partitioner_says() {
    // behaviour 2.19, 2.21
    let expected = [
        vec![vec![(2, 2)], vec![(1, 1), (3, 3)], vec![]],
        vec![vec![(2, 2), (4, 4)], vec![(1, 11), (3, 3)], vec![]],
        vec![vec![(2, 2), (4, 4)], vec![(1, 11), (3, 3)], vec![]],
    ];
    let updated = partitions(|pairs| {
        let options = UpdateOptions::new().partitioner(EvenOdd { empty: 1 }).unwrap();
        pairs.update_state_by_key_with(options, |_, _, values, sum| crate::sum(values, sum))
    });
    assert_eq!(updated, expected);
    let mapped = partitions(|pairs| {
        let sum = |_: &i64, value: Option<i64>, state: &mut State<i64>| {
            state.update(state.get().copied().unwrap_or(0) + value.unwrap_or(0));
        };
        let spec = StateSpec::function(sum).partitioner(EvenOdd { empty: 1 }).unwrap();
        pairs.map_with_state(spec).state_snapshots()
    });
    assert_eq!(mapped, expected);
}

#[test]
fn windows_lie_where_the_partitioner_says_by_the_inverse_and_anew() {
    // behaviour 2.18
    use tidemill_streaming::dstream::Sliding;
    for sliding in [Sliding::Inverse, Sliding::Recompute] {
        let windows = partitions(|pairs| {
            let options = WindowOptions::new().sliding(sliding).filter(|_, sum| *sum != 0);
            let options = options.partitioner(EvenOdd { empty: 0 }).unwrap();
            let (add, subtract) = (|a, b| a + b, |a, b| a - b);
            pairs.reduce_by_key_and_window_with(add, subtract, seconds(2), seconds(1), options).unwrap()
        });
        let expected = [
            vec![vec![(2, 2)], vec![(1, 1), (3, 3)]],
            vec![vec![(2, 2), (4, 4)], vec![(1, 11), (3, 3)]],
            vec![vec![(4, 4)], vec![(1, 10)]],
        ];
        assert_eq!(windows, expected);
    }
}

#[test]
fn a_partitioner_without_partitions_is_refused() {
    let error = UpdateOptions::<i64, i64>::new().partitioner(EvenOdd { empty: usize::MAX }).err().unwrap();
    assert!(matches!(error, Error::Argument { .. }), "{error}");
    assert!(error.to_string().contains(file!()), "{error}");
}

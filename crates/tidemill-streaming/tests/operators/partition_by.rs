//! `partition_by`: brings the pairs of each batch to a layout.

use serde::{Deserialize, Serialize};
use tidemill_core::layout::Partitioner;
use tidemill_streaming::Error;
use tidemill_streaming::testing::{TestContext, check};

use crate::pairs;

/// By the distance of a letter from `a`.
#[derive(Clone, Serialize, Deserialize)]
struct Letters {
    partitions: usize,
    /// Which keys are answered with a partition that is not there.
    wrong: Option<char>,
}

impl Partitioner<char> for Letters {
    fn partitions(&self) -> usize {
        self.partitions
    }

    fn partition(&self, key: &char) -> usize {
        if self.wrong == Some(*key) { self.partitions } else { (*key as usize - 'a' as usize) % self.partitions }
    }
}

#[test]
fn pairs_lie_as_the_partitioner_says() {
    // behaviour 1.31
    check(
        [pairs("d1 a2 b3 d4"), vec![]],
        |s| s.partition_by(Letters { partitions: 3, wrong: None }).unwrap().glom(),
        [vec![pairs("d1 a2 d4"), pairs("b3"), vec![]], vec![vec![], vec![], vec![]]],
    );
    for (asked, partitions) in [(0, 1), (1, 1), (4, 4)] {
        check(
            [pairs("a1 b2 a3")],
            move |s| s.partition_by_hash(asked).glom().map(|_| 1).reduce(|a, b| a + b),
            [vec![partitions]],
        );
    }
}

#[test]
fn a_partitioner_without_partitions_is_refused_at_once() {
    // behaviour 1.31
    let test = TestContext::new();
    let (_, stream) = test.input::<(char, i32)>();
    let error = stream.partition_by(Letters { partitions: 0, wrong: None }).err().unwrap();
    assert!(matches!(error, Error::Argument { .. }), "{error}");
    assert!(error.to_string().starts_with("partition_by at "), "{error}");
}

#[test]
fn a_partition_that_is_not_there_fails_its_batch() {
    // behaviour 1.31
    let test = TestContext::new();
    let (feed, stream) = test.input();
    let seen = test.collect(&stream.partition_by(Letters { partitions: 2, wrong: Some('x') }).unwrap());
    for (batch, fails) in [(pairs("a1"), false), (pairs("x1"), true), (pairs("b2"), false)] {
        feed.push(batch);
        assert_eq!(test.tick().is_err(), fails);
    }
    assert_eq!(seen.values(), [pairs("a1"), pairs("b2")]);
}

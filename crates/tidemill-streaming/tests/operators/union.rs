//! `union`: the records of several streams, batch by batch.

use tidemill_streaming::Error;
use tidemill_streaming::testing::{TestContext, check};

use crate::check_two;

#[test]
fn records_come_in_the_order_of_the_streams() {
    // behaviour 1.46
    check_two(
        [(vec![1, 2], vec![3]), (vec![], vec![4]), (vec![5], vec![]), (vec![], vec![])],
        |one, two| one.union(two),
        [vec![1, 2, 3], vec![4], vec![5], vec![]],
    );
    check_two(
        [(vec![1, 2], vec![3])],
        |one, two| Ok(two.union(one)?.glom()),
        [vec![vec![], vec![3], vec![1], vec![2]]],
    );
    check([vec![1], vec![]], |s| s.union(s).unwrap(), [vec![1, 1], vec![]]);
}

#[test]
fn many_streams_become_one() {
    // behaviour 1.18
    let test = TestContext::new();
    let inputs: Vec<_> = (0..3).map(|_| test.input_in(1)).collect();
    let streams: Vec<_> = inputs.iter().map(|(_, stream)| stream.clone()).collect();
    let seen = test.collect(&test.streaming().union(&streams).unwrap().glom());
    for batch in 0..2 {
        for (number, (feed, _)) in inputs.iter().enumerate() {
            feed.push([batch * 10 + number as i32]);
        }
        test.tick().unwrap();
    }
    assert_eq!(seen.values(), [[[0], [1], [2]], [[10], [11], [12]]]);
}

#[test]
fn of_one_stream_it_is_that_stream_and_of_none_an_error() {
    // behaviour 1.18
    let test = TestContext::new();
    let (_, stream) = test.input::<i32>();
    let only = test.streaming().union(std::slice::from_ref(&stream)).unwrap();
    assert_eq!(only.operator(), stream.operator());
    let none = test.streaming().union::<i32>(&[]).err().unwrap();
    assert!(matches!(none, Error::NoStreams { .. }), "{none}");
    assert!(none.to_string().contains("at least one"), "{none}");
}

#[test]
fn a_stream_without_an_rdd_loses_the_batch() {
    // behaviour 1.18, 1.43
    let test = TestContext::new();
    let ((one, ones), (two, twos)) = (test.input(), test.input());
    let seen = test.collect(&ones.union(&twos).unwrap());
    for batch in 1..=3 {
        one.push([batch]);
        if batch == 2 {
            two.push_none()
        } else {
            two.push([batch * 10])
        }
        let ended = test.tick();
        assert_eq!(ended.is_err(), batch == 2);
        if let Err(error) = ended {
            assert!(matches!(&error, Error::MissingRdd { time, .. } if *time == test.time(2)), "{error}");
            assert!(error.to_string().contains("Couldn't generate RDD from parent at time 2000 ms"), "{error}");
        }
    }
    assert_eq!(seen.values(), [[1, 10], [3, 30]]);
}

#[test]
fn one_layout_stays() {
    // behaviour 1.46, 3.24
    check(
        [crate::pairs("a1 b2")],
        |s| {
            let (one, two) = (s.partition_by_hash(3), s.map_values(|v| v * 10).partition_by_hash(3));
            one.union(&two).unwrap().transform(|rdd, _| {
                assert_eq!((rdd.num_partitions(), rdd.layout().is_some()), (3, true));
                rdd.reduce_by_key(|a, b| a + b).map(|(_, v)| v).repartition(1).map_partitions(|e| [e.sum::<i32>()])
            })
        },
        [vec![33]],
    );
}

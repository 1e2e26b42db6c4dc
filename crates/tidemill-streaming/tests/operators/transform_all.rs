//! `StreamingContext::transform`: any operation on the RDDs that several streams have for a batch.

use tidemill_core::Rdd;
use tidemill_streaming::Error;
use tidemill_streaming::testing::{Feed, TestContext};

/// Three streams.
fn three(test: &TestContext) -> (Vec<Feed<i32>>, Vec<tidemill_streaming::DStream<i32>>) {
    (0..3).map(|_| test.input_in(1)).unzip()
}

#[test]
fn rdds_come_in_the_order_of_the_streams() {
    // behaviour 1.17
    let test = TestContext::new();
    let (feeds, streams) = three(&test);
    let zipped = test.streaming().transform(&streams, |rdds, time| {
        let numbered = rdds.iter().enumerate().map(|(number, rdd)| rdd.map(move |x| (number, time.millis(), x)));
        rdds[0].context().union(&numbered.collect::<Vec<_>>())
    });
    let seen = test.collect(&zipped.unwrap());
    for (number, feed) in feeds.iter().enumerate() {
        feed.push([10 * number as i32]);
    }
    test.tick().unwrap();
    feeds[2].push([7]);
    feeds[0].push([5]);
    test.tick().unwrap();
    assert_eq!(seen.values(), [vec![(0, 1000, 0), (1, 1000, 10), (2, 1000, 20)], vec![(0, 2000, 5), (2, 2000, 7)]]);
}

#[test]
fn no_streams_are_an_error() {
    // behaviour 1.17
    let test = TestContext::new();
    let none = test.streaming().transform(&[], |rdds: &[Rdd<i32>], _| rdds[0].clone()).err().unwrap();
    assert!(matches!(none, Error::NoStreams { .. }), "{none}");
}

#[test]
fn one_stream_without_an_rdd_loses_the_batch() {
    // behaviour 1.17
    let test = TestContext::new();
    let (feeds, streams) = three(&test);
    let all = test.streaming().transform(&streams, |rdds, _| rdds[0].context().union(rdds)).unwrap();
    let seen = test.collect(&all);
    for batch in 1..=3 {
        feeds[0].push([batch]);
        if batch == 2 {
            feeds[1].push_none()
        } else {
            feeds[1].push([])
        }
        let ended = test.tick();
        assert_eq!(ended.is_err(), batch == 2);
        if let Err(error) = ended {
            let text = error.to_string();
            assert!(text.contains(&all.operator().to_string()), "{text}");
            assert!(text.contains(&streams[1].operator().to_string()), "{text}");
            assert!(text.contains("Couldn't generate RDD from parent at time 2000 ms"), "{text}");
        }
    }
    assert_eq!(seen.values(), [[1], [3]]);
}

#[test]
fn an_error_loses_its_batch() {
    // behaviour 1.17, 2.10
    let test = TestContext::new();
    let (feeds, streams) = three(&test);
    let all = test.streaming().try_transform(&streams, |rdds, time| {
        if time.millis() == 1000 { Err("too early".into()) } else { Ok(rdds[0].clone()) }
    });
    let all = all.unwrap();
    let seen = test.collect(&all);
    for batch in 1..=2 {
        feeds[0].push([batch]);
        let ended = test.tick();
        assert_eq!(ended.is_err(), batch == 1);
        if let Err(error) = ended {
            let text = error.to_string();
            assert!(text.contains("too early") && text.contains(&all.operator().to_string()), "{text}");
        }
    }
    assert_eq!(seen.values(), [[2]]);
}

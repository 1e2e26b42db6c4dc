//! `transform_with`: any operation on the RDDs that two streams have for a batch.

use tidemill_streaming::dstream::Missing;
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{DStream, Error};

use crate::check_two;

#[test]
fn the_function_is_given_both_rdds_and_the_time() {
    // behaviour 1.44, 2.10
    check_two(
        [(vec![1, 2], vec!["a"]), (vec![], vec!["b"]), (vec![3], vec![])]
            .map(|(numbers, words)| (numbers, words.into_iter().map(String::from).collect())),
        |numbers, words: &DStream<String>| {
            numbers.transform_with(words, |numbers, words, time| {
                numbers.map(move |x| format!("{x} at {time}")).union(&words.map(|word| word + "!"))
            })
        },
        [vec!["1 at 1000 ms", "2 at 1000 ms", "a!"], vec!["b!"], vec!["3 at 3000 ms"]]
            .map(|batch| batch.into_iter().map(String::from).collect()),
    );
}

#[test]
fn a_missing_rdd_fails_the_batch_or_counts_as_empty() {
    // behaviour 1.44, 2.10: Scala's form, and PySpark's
    for (missing, expected) in [
        (Missing::Fails, vec![vec![1, 10], vec![4, 40]]),
        (Missing::IsEmpty, vec![vec![1, 10], vec![20], vec![3], vec![4, 40]]),
    ] {
        let test = TestContext::new();
        let ((one, ones), (two, twos)) = (test.input(), test.input());
        let both = ones.try_transform_with(&twos, missing, |one, two, _| Ok(Some(one.union(&two)))).unwrap();
        let seen = test.collect(&both);
        for batch in 1..=4 {
            if batch == 2 {
                one.push_none()
            } else {
                one.push([batch])
            }
            if batch == 3 {
                two.push_none()
            } else {
                two.push([batch * 10])
            }
            let ended = test.tick();
            let fails = missing == Missing::Fails && [2, 3].contains(&batch);
            assert_eq!(ended.is_err(), fails, "batch {batch}, {missing:?}");
            if let Err(error) = ended {
                assert!(matches!(error, Error::MissingRdd { .. }), "{error}");
            }
        }
        assert_eq!(seen.values(), expected);
    }
    assert_eq!(Missing::default(), Missing::Fails);
}

#[test]
fn it_may_have_no_rdd_and_may_fail() {
    // behaviour 2.10
    let test = TestContext::new();
    let ((one, ones), (_, twos)) = (test.input(), test.input::<i32>());
    let both = ones.try_transform_with(&twos, Missing::Fails, |one, _, time| match time.millis() {
        1000 => Ok(None),
        2000 => Err("not today".into()),
        _ => Ok(Some(one)),
    });
    let both = both.unwrap();
    let seen = test.collect(&both);
    for batch in 1..=3 {
        one.push([batch]);
        let ended = test.tick();
        assert_eq!(ended.is_err(), batch == 2);
        if let Err(error) = ended {
            let text = error.to_string();
            assert!(text.contains("not today") && text.contains(&both.operator().to_string()), "{text}");
        }
    }
    assert_eq!(seen.values(), [[3]]);
}

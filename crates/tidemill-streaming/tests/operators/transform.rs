//! `transform` and `try_transform`: any RDD operation on each batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tidemill_streaming::Error;
use tidemill_streaming::testing::{TestContext, check};

#[test]
fn the_function_is_given_rdd_and_time() {
    // behaviour 1.43
    check(
        [vec![1, 2], vec![], vec![3]],
        |s| s.transform(|rdd, time| rdd.map(move |x| (time.millis(), x))),
        [vec![(1000, 1), (1000, 2)], vec![], vec![(3000, 3)]],
    );
}

#[test]
fn it_may_run_jobs() {
    // behaviour 1.43
    check(
        [vec![3, 1, 2], vec![], vec![9, 8]],
        |s| s.try_transform(|rdd, _| Ok(Some(rdd.sort_by(|x| *x, true, 2)?))),
        [vec![1, 2, 3], vec![], vec![8, 9]],
    );
}

#[test]
fn it_is_called_once_a_batch_however_many_read_the_result() {
    // behaviour 1.57, 10.13: unlike PySpark, which folds transforms
    let test = TestContext::new();
    let (feed, numbers) = test.input();
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let shared = numbers.transform(move |rdd, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        rdd.map(|x| x + 1)
    });
    let (doubled, negative) = (shared.transform(|rdd, _| rdd.map(|x: i32| x * 2)), shared.map(|x| -x));
    let (one, two) = (test.collect(&doubled), test.collect(&negative));
    for batch in 1..=3 {
        feed.push([batch]);
        test.tick().unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), batch as u32);
    }
    assert_eq!(one.values(), [[4], [6], [8]]);
    assert_eq!(two.values(), [[-2], [-3], [-4]]);
}

#[test]
fn without_an_rdd_outputs_have_nothing_to_do() {
    // behaviour 1.43, 10.13
    let test = TestContext::new();
    let (feed, numbers) = test.input();
    let odd = numbers.try_transform(|rdd, time| Ok((time.millis() % 2000 != 0).then_some(rdd)));
    let after = odd.map(|x| x * 10).cache().unwrap().transform(|rdd, _| rdd.map(|x| x + 1));
    let (direct, derived) = (test.collect(&odd), test.collect(&after));
    for batch in 1..=4 {
        feed.push([batch]);
        test.tick().unwrap();
    }
    assert_eq!(direct.take(), [(test.time(1), vec![1]), (test.time(3), vec![3])]);
    assert_eq!(derived.take(), [(test.time(1), vec![11]), (test.time(3), vec![31])]);
}

#[test]
fn an_error_loses_its_batch_and_says_where() {
    // behaviour 2.10, 2.40
    let test = TestContext::new();
    let (feed, numbers) = test.input();
    let strict = numbers.try_transform(|rdd, time| match time.millis() {
        2000 => Err("no such table".into()),
        3000 => Ok(Some(rdd.context().text_file("/no/such/file", None)?.map(|_| 0))),
        _ => Ok(Some(rdd)),
    });
    let seen = test.collect(&strict);
    let unharmed = test.collect(&numbers);
    let expect = [None, Some("no such table"), Some("/no/such/file"), None];
    for (batch, expected) in expect.into_iter().enumerate() {
        feed.push([batch]);
        match (test.tick(), expected) {
            (Ok(()), None) => {}
            (Err(error), Some(why)) => {
                let text = error.to_string();
                assert!(text.contains(why) && text.contains(&strict.operator().to_string()), "{text}");
                assert!(matches!(error, Error::Generate { .. } | Error::Batch { .. }), "{text}");
            }
            (ended, _) => panic!("batch {batch}: {:?}", ended.err()),
        }
    }
    assert_eq!(seen.values(), [[0], [3]]);
    assert_eq!(unharmed.values(), [[0], [3]], "a batch that cannot be made is lost as a whole");
}

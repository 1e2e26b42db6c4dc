//! `foreach_rdd`: an output that does with each batch's RDD what the user's function does.

use std::sync::{Arc, Mutex};

use tidemill_streaming::testing::TestContext;

#[test]
fn outputs_run_in_order_of_registration_with_the_time_of_the_batch() {
    // behaviour 1.32, 2.15, 2.38
    let test = TestContext::new();
    let (feed, numbers) = test.input();
    let log = Arc::new(Mutex::new(Vec::new()));
    for name in ["first", "second"] {
        let log = Arc::clone(&log);
        numbers.foreach_rdd(move |rdd, time| {
            log.lock().unwrap().push((name, time.millis(), rdd.count()?));
            Ok(())
        });
    }
    feed.push([1, 2]);
    test.tick().unwrap();
    test.tick().unwrap();
    let expected = [("first", 1000, 2), ("second", 1000, 2), ("first", 2000, 0), ("second", 2000, 0)];
    assert_eq!(*log.lock().unwrap(), expected);
}

#[test]
fn it_is_not_called_for_a_batch_without_an_rdd() {
    // behaviour 1.43, 2.13
    let test = TestContext::new();
    let (feed, numbers) = test.input::<i32>();
    let seen = test.collect(&numbers);
    feed.push_none();
    test.tick().unwrap();
    feed.push([1]);
    test.tick().unwrap();
    assert_eq!(seen.take(), [(test.time(2), vec![1])]);
}

#[test]
fn operators_know_their_context() {
    let test = TestContext::new();
    let (_, numbers) = test.input::<i32>();
    let context = numbers.map(|x| x + 1).context().unwrap();
    assert_eq!(context.interval(), test.streaming().interval());
    assert!(context.checkpoint_directory().is_some());
}

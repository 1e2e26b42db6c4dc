//! `cache` and `persist`: RDDs of a stream that are kept when they were computed first.

use tidemill_core::{Accumulator, Element, StorageLevel};
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{DStream, Error};

/// Two outputs on one stream that counts how often its records are computed.
fn computed(test: &TestContext, keep: impl Fn(&DStream<i32>) -> DStream<i32>) -> u64 {
    let (feed, numbers) = test.input();
    let counter: Accumulator<u64> = test.context().counter();
    let counted = counter.clone();
    let stream = keep(&numbers.map(move |x| {
        counted.add(1);
        x
    }));
    let seen = [test.collect(&stream), test.collect(&stream.map(|x| x * 2))];
    feed.push([1, 2, 3]);
    test.tick().unwrap();
    assert_eq!(seen[0].values(), [[1, 2, 3]]);
    assert_eq!(seen[1].values(), [[2, 4, 6]]);
    counter.value()
}

#[test]
fn a_persisted_stream_is_computed_once_a_batch() {
    // behaviour 1.37, 1.38
    let table: [(u64, fn(&DStream<i32>) -> DStream<i32>); 4] = [
        (6, DStream::clone),
        (3, |s| s.cache().unwrap()),
        (3, |s| s.persist(StorageLevel::DISK_ONLY).unwrap()),
        (6, |s| s.cache().unwrap().persist(StorageLevel::NONE).unwrap()), // the later one holds
    ];
    for (expected, keep) in table {
        assert_eq!(computed(&TestContext::new(), keep), expected);
    }
}

#[test]
fn the_stream_itself_is_given_back_at_the_level() {
    // behaviour 1.37, 1.38
    fn level<T: Element>(test: &TestContext, stream: &DStream<T>) -> StorageLevel {
        stream.rdd(test.time(1)).unwrap().unwrap().storage_level()
    }
    let test = TestContext::new();
    test.streaming().remember(std::time::Duration::from_secs(10)).unwrap();
    let (_, numbers) = test.input::<i32>();
    let (plain, cached, on_disk) = (numbers.map(|x| x), numbers.map(|x| x), numbers.map(|x| x));
    assert_eq!(cached.cache().unwrap().operator(), cached.operator());
    on_disk.persist(StorageLevel::DISK_ONLY).unwrap();
    let _seen = [test.collect(&plain), test.collect(&cached), test.collect(&on_disk)];
    test.tick().unwrap();
    assert_eq!(level(&test, &plain), StorageLevel::NONE);
    assert_eq!(level(&test, &cached), StorageLevel::MEMORY_ONLY);
    assert_eq!(level(&test, &on_disk), StorageLevel::DISK_ONLY);
}

#[test]
fn what_is_kept_goes_when_the_stream_forgets_it() {
    // behaviour 2.14
    let test = TestContext::new();
    let (feed, numbers) = test.input();
    let _seen = test.collect(&numbers.map(|x| x).cache().unwrap());
    let stored = || test.context().environment().memory.used(tidemill_core::memory::Pool::Stored);
    let mut levels = Vec::new();
    for batch in 0..5 {
        feed.push(vec![batch; 1000]);
        test.tick().unwrap();
        levels.push(stored());
    }
    assert!(levels[0] > 0, "{levels:?}");
    assert!(levels.iter().all(|level| *level <= 2 * levels[0]), "no more than what two batches keep: {levels:?}");
}

#[test]
fn levels_cannot_change_after_the_start() {
    // behaviour 1.38, 1.39
    let test = TestContext::new();
    let (_, numbers) = test.input::<i32>();
    let _seen = test.collect(&numbers);
    test.tick().unwrap();
    let second = std::time::Duration::from_secs(1);
    for (answer, text) in [
        (numbers.persist(StorageLevel::DISK_ONLY), "Cannot change storage level of a DStream"),
        (numbers.cache(), "Cannot change storage level of a DStream"),
        (numbers.checkpoint(second), "Cannot change checkpoint interval of a DStream"),
    ] {
        let error = answer.err().unwrap();
        assert!(matches!(error, Error::Unchangeable { .. }), "{error}");
        assert!(error.to_string().contains(&format!("{text} after streaming context has started")), "{error}");
    }
}

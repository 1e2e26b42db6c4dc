//! Direct sources: exact ranges, failures in between, starts and limits. The source is a log that the test shares.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidemill_core::{Local, Settings};
use tidemill_streaming::input::{DirectOptions, DirectSource, DirectStream, OffsetRange, Offsets, Start};
use tidemill_streaming::testing::{Collected, TestContext};

use super::failure;
use super::watch::watch;

/// A log in partitions of letters, as broken as the test wants it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Log(Local<Arc<Mutex<State>>>);

#[derive(Default)]
pub(crate) struct State {
    pub(crate) records: BTreeMap<char, Vec<u64>>,
    /// The offset of the first record that each partition still has, where it is not 0.
    pub(crate) earliest: BTreeMap<char, u64>,
    /// So many questions are not answered.
    pub(crate) silent: u32,
    /// The next question makes it panic.
    pub(crate) panics: bool,
    /// So many reads fail, after their first record.
    pub(crate) torn: u32,
    /// What tasks were asked to read.
    pub(crate) asked: Vec<OffsetRange<char>>,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Broken(&'static str);

impl Log {
    pub(crate) fn new() -> Log {
        Log(Local(Arc::default()))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(|broken| broken.into_inner())
    }

    /// Adds records to a partition.
    pub(crate) fn push(&self, partition: char, records: impl IntoIterator<Item = u64>) {
        self.state().records.entry(partition).or_default().extend(records);
    }
}

impl DirectSource for Log {
    type Partition = char;
    type Item = (char, u64);
    type Error = Broken;

    fn latest(&self) -> Result<Offsets<char>, Broken> {
        let mut state = self.state();
        assert!(!std::mem::take(&mut state.panics), "a bug of the source");
        if state.silent > 0 {
            state.silent -= 1;
            return Err(Broken("the log is silent"));
        }
        Ok(state.records.iter().map(|(partition, records)| (*partition, records.len() as u64)).collect())
    }

    fn earliest(&self, partition: &char) -> Result<u64, Broken> {
        Ok(self.state().earliest.get(partition).copied().unwrap_or(0))
    }

    fn read(
        &self,
        range: OffsetRange<char>,
    ) -> Result<impl Iterator<Item = Result<(char, u64), Broken>> + 'static, Broken> {
        let mut state = self.state();
        state.asked.push(range.clone());
        let is_torn = state.torn > 0;
        state.torn = state.torn.saturating_sub(1);
        let records = &state.records[&range.partition][range.from as usize..range.until as usize];
        let records: Vec<_> = records.iter().map(|record| (range.partition, *record)).collect();
        Ok(records.into_iter().enumerate().map(move |(at, record)| {
            if is_torn && at > 0 { Err(Broken("the connection was torn")) } else { Ok(record) }
        }))
    }
}

/// A test with a stream of a log.
fn stream(
    log: &Log,
    start: Start<char>,
    options: DirectOptions,
) -> (TestContext, DirectStream<Log>, Collected<Vec<(char, u64)>>) {
    let mut settings = Settings::new();
    settings.set("spark.master", "local[2,3]");
    let test = TestContext::with(&settings, Duration::from_secs(1));
    let stream = test.streaming().direct_stream_with(log.clone(), start, options);
    let seen = super::partitions(&test, &stream);
    (test, stream, seen)
}

fn all() -> DirectOptions {
    DirectOptions::new()
}

fn range(partition: char, from: u64, until: u64) -> OffsetRange<char> {
    OffsetRange { partition, from, until }
}

#[test]
fn a_batch_has_what_is_new_in_a_partition_each() {
    // behaviour 1.63
    let log = Log::new();
    let (test, stream, seen) = stream(&log, Start::Earliest, all());
    let watch = watch(test.streaming(), || {});
    log.push('a', [1, 2]);
    log.push('b', [7]);
    test.tick().unwrap();
    log.push('a', [3]);
    test.tick().unwrap();
    test.tick().unwrap();
    let batches = [vec![vec![('a', 1), ('a', 2)], vec![('b', 7)]], vec![vec![('a', 3)]], vec![]];
    assert_eq!(seen.values(), batches);
    assert_eq!(stream.next_offsets(), Offsets::from([('a', 3), ('b', 1)]));
    let told = watch.take();
    let told: Vec<(u64, &str)> = told.iter().map(|it| (it[&0].records, &*it[&0].metadata["offsets"])).collect();
    assert_eq!(told, [(3, "a\toffsets: 0 to 2\nb\toffsets: 0 to 1"), (1, "a\toffsets: 2 to 3"), (0, "")]);
}

#[test]
fn a_batch_keeps_its_ranges() {
    let log = Log::new();
    let (test, stream, seen) = stream(&log, Start::Earliest, all());
    test.streaming().remember(Duration::from_secs(10)).unwrap();
    log.push('a', [1, 2]);
    test.tick().unwrap();
    log.push('a', [3]);
    test.tick().unwrap();
    assert_eq!(stream.ranges(test.time(1)), Some(vec![range('a', 0, 2)]));
    assert_eq!(stream.ranges(test.time(3)), None);
    let again = stream.rdd(test.time(1)).unwrap().unwrap().collect().unwrap();
    assert_eq!(again, [('a', 1), ('a', 2)]);
    assert_eq!(seen.values(), [[[('a', 1), ('a', 2)].to_vec()], [[('a', 3)].to_vec()]]);
    assert_eq!(log.state().asked, [range('a', 0, 2), range('a', 2, 3), range('a', 0, 2)]);
}

#[test]
fn a_source_that_does_not_answer_loses_a_batch_and_no_record() {
    // behaviour 2.40
    let log = Log::new();
    let (test, stream, seen) = stream(&log, Start::Earliest, all());
    log.push('a', [1]);
    test.tick().unwrap();
    log.push('a', [2]);
    log.state().silent = 1;
    let error = failure(&test);
    for part in ["batch 2000 ms is lost: direct_stream at ", "direct.rs", "the log is silent", "nothing is skipped"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(stream.ranges(test.time(2)), None);
    log.state().panics = true;
    assert!(failure(&test).contains("a bug of the source"));
    log.push('a', [3]);
    test.tick().unwrap();
    assert_eq!(seen.values(), [[[('a', 1)].to_vec()], [[('a', 2), ('a', 3)].to_vec()]]);
}

#[test]
fn a_read_that_fails_is_tried_again_and_gives_each_record_once() {
    let log = Log::new();
    let (test, _, seen) = stream(&log, Start::Earliest, all());
    log.push('a', [1, 2, 3]);
    log.state().torn = 2;
    test.tick().unwrap();
    assert_eq!(seen.values(), [[[('a', 1), ('a', 2), ('a', 3)]]]);
    assert_eq!(log.state().asked, [range('a', 0, 3), range('a', 0, 3), range('a', 0, 3)]);
    log.push('a', [4, 5]);
    log.state().torn = 3;
    let error = failure(&test);
    for part in ["batch 2000 ms", "direct_stream at ", "direct.rs", "the connection was torn"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn it_begins_where_it_is_told() {
    let offsets = |offset| Start::At(Offsets::from([('a', offset)]));
    let table = [
        (Start::Earliest, vec![('a', 11), ('a', 12), ('b', 20)]),
        (Start::Latest, vec![('a', 12)]),
        (offsets(0), vec![('a', 10), ('a', 11), ('a', 12), ('b', 20)]),
        (offsets(2), vec![('a', 12), ('b', 20)]),
    ];
    for (start, expected) in table {
        let log = Log::new();
        log.push('a', [10, 11]);
        log.push('b', [20]);
        log.state().earliest.insert('a', 1);
        let (test, _, seen) = stream(&log, start.clone(), all());
        test.streaming().start().unwrap();
        log.push('a', [12]);
        test.tick().unwrap();
        assert_eq!(seen.values().concat().concat(), expected, "{start:?}");
    }
}

#[test]
fn a_new_partition_begins_with_its_first_record() {
    let log = Log::new();
    log.push('a', [1]);
    let (test, _, seen) = stream(&log, Start::Latest, all());
    test.tick().unwrap();
    log.push('b', [2, 3]);
    log.state().earliest.insert('b', 1);
    test.tick().unwrap();
    assert_eq!(seen.values(), [vec![], vec![vec![('b', 3)]]]);
}

#[test]
fn a_start_at_the_latest_needs_the_source() {
    let log = Log::new();
    log.state().silent = 1;
    let (test, ..) = stream(&log, Start::Latest, all());
    let error = test.streaming().start().unwrap_err().to_string();
    assert!(error.starts_with("direct_stream at ") && error.contains("the log is silent"), "{error}");
}

#[test]
fn a_partition_that_was_emptied_is_told_in_every_batch() {
    let log = Log::new();
    let (test, _, _seen) = stream(&log, Start::At(Offsets::from([('a', 5)])), all());
    log.push('a', [1, 2]);
    for _ in 0..2 {
        let error = failure(&test);
        assert!(error.contains("a ends at offset 2, and it is to be read from 5"), "{error}");
    }
    log.push('a', 3..=6);
    test.tick().unwrap();
}

#[test]
fn a_batch_holds_no_more_than_it_may() {
    let log = Log::new();
    let (test, _, seen) = stream(&log, Start::Earliest, all().max_rate_per_partition(2));
    log.push('a', 0..5);
    log.push('b', 0..1);
    (0..4).for_each(|_| test.tick().unwrap());
    let sizes: Vec<Vec<usize>> = seen.values().iter().map(|batch| batch.iter().map(Vec::len).collect()).collect();
    assert_eq!(sizes, [vec![2, 1], vec![2], vec![1], vec![]]);
}

#[test]
fn back_pressure_shares_what_batches_can_deal_with() {
    // behaviour 2.30, behaviour 4.1, behaviour 4.2
    let mut settings = Settings::new();
    settings.set("spark.streaming.backpressure.enabled", "true");
    settings.set("spark.streaming.backpressure.initialRate", "400");
    let test = TestContext::with(&settings, Duration::from_secs(1));
    let log = Log::new();
    log.push('a', 0..3000);
    log.push('b', 0..1000);
    let stream = test.streaming().direct_stream(log.clone(), Start::Earliest);
    let (sizes, clock, of) = (Arc::new(Mutex::new(Vec::new())), test.clock().clone(), stream.clone());
    let seen = Arc::clone(&sizes);
    stream.foreach_rdd(move |rdd, time| {
        let records = rdd.count()?;
        seen.lock().unwrap().push(of.ranges(time).unwrap().iter().map(OffsetRange::len).collect::<Vec<_>>());
        clock.advance(Duration::from_millis(records)); // a batch deals with 1000 records a second ...
        Ok(())
    });
    for _ in 0..2 {
        test.tick().unwrap();
    }
    let first = sizes.lock().unwrap().clone();
    assert_eq!(first, [vec![300, 100], vec![300, 100]]); // ... of which the first one only measures
    test.tick().unwrap();
    let third: Vec<u64> = sizes.lock().unwrap()[2].clone();
    assert_eq!(third, [750, 250]);
}

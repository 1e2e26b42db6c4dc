//! Listeners and statistics: what is told, in which order, and which figures.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has to stop")]

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tidemill_core::Timestamp;
use tidemill_streaming::event::{BatchInfo, OutputInfo};
use tidemill_streaming::listener::{StatsReportListener, StreamingListener};
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{State, StreamingContext};

/// Longer than any busy machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Notes each call as one line.
struct Notes(SyncSender<String>);

impl Notes {
    fn add_to(test: &TestContext) -> Receiver<String> {
        let (sender, notes) = sync_channel(1000);
        test.streaming().add_listener("notes", Notes(sender)).unwrap();
        notes
    }

    fn note(&self, line: String) {
        self.0.send(line).unwrap();
    }
}

fn delays(batch: &BatchInfo) -> String {
    let known = [batch.scheduling_delay(), batch.processing_delay(), batch.total_delay()].map(|delay| delay.is_some());
    format!("{} records={} delays={known:?}", batch.time, batch.records())
}

impl StreamingListener for Notes {
    fn on_streaming_started(&mut self, time: Timestamp) {
        self.note(format!("started {time}"));
    }

    fn on_batch_submitted(&mut self, batch: &BatchInfo) {
        self.note(format!("submitted {}", delays(batch)));
    }

    fn on_batch_started(&mut self, batch: &BatchInfo) {
        self.note(format!("started {}", delays(batch)));
    }

    fn on_batch_completed(&mut self, batch: &BatchInfo) {
        let failed = batch.outputs.iter().filter(|output| output.failure.is_some()).count();
        self.note(format!("completed {} outputs={} failed={failed}", delays(batch), batch.outputs.len()));
    }

    fn on_output_started(&mut self, output: &OutputInfo) {
        self.note(format!("output {} started", output.id));
    }

    fn on_output_completed(&mut self, output: &OutputInfo) {
        let failed = if output.failure.is_some() { "failed" } else { "ok" };
        self.note(format!("output {} {} {failed}", output.id, output.operator.name));
    }
}

#[track_caller]
fn next(notes: &Receiver<String>, count: usize) -> Vec<String> {
    (0..count).map(|_| notes.recv_timeout(PATIENCE).expect("the listener was not told")).collect()
}

#[test]
fn a_batch_is_told_step_by_step() {
    // behaviour 1.19, 1.59, 1.61, 1.62, 1.64
    let test = TestContext::new();
    let (feed, numbers) = test.input::<i32>();
    test.collect(&numbers);
    numbers.foreach_rdd(|_, _| Err("no".into()));
    let notes = Notes::add_to(&test);
    feed.push([1, 2, 3]);
    test.tick().unwrap_err();
    assert_eq!(
        next(&notes, 8),
        [
            "started 0 ms",
            "submitted 1000 ms records=3 delays=[false, false, false]",
            "started 1000 ms records=3 delays=[true, false, false]",
            "output 0 started",
            "output 0 foreach_rdd ok",
            "output 1 started",
            "output 1 foreach_rdd failed",
            "completed 1000 ms records=3 delays=[true, true, true] outputs=2 failed=1",
        ]
    );
    test.streaming().stop(true);
    assert!(notes.recv_timeout(PATIENCE).is_err(), "after the stop the listener is let go and told nothing more");
}

#[test]
fn statistics_miss_nothing() {
    // behaviour 1.63, 5.19
    let test = TestContext::new();
    let (one, numbers) = test.input::<i32>();
    let (other, words) = test.input::<String>();
    test.collect(&numbers);
    test.collect(&words);
    assert_eq!(test.streaming().statistics().input_rate, None);
    for batch in 1..=4 {
        one.push(0..batch);
        other.push(["word".to_string()]);
        test.tick().unwrap();
    }
    let statistics = test.streaming().statistics();
    assert_eq!(statistics.started, Some(Timestamp::from_millis(0)));
    assert_eq!((statistics.waiting_batches, statistics.running_batches, statistics.completed_batches), (0, 0, 4));
    assert_eq!((statistics.received_records, statistics.processed_records), (14, 14));
    assert_eq!(statistics.input_rate, Some(3.5));
    let inputs: Vec<_> = statistics.inputs.iter().map(|it| (it.stream, it.records, it.rate)).collect();
    assert_eq!(inputs, [(0, 10, Some(2.5)), (1, 4, Some(1.0))]);
    let zero = Some(Duration::ZERO); // the clock stands still while a batch runs
    assert_eq!([statistics.scheduling_delay, statistics.processing_time, statistics.total_delay], [zero; 3]);
    let retained: Vec<_> = statistics.retained.iter().map(|batch| batch.time).collect();
    assert_eq!(retained, (1..=4).map(|number| test.time(number)).collect::<Vec<_>>());
}

#[test]
fn delays_are_those_of_the_clock() {
    // behaviour 1.61
    let test = TestContext::new();
    let (feed, numbers) = test.input::<i32>();
    let clock = test.clock().clone();
    numbers.foreach_rdd(move |_, _| {
        clock.advance(Duration::from_millis(300));
        Ok(())
    });
    feed.push([1]);
    test.tick().unwrap();
    let statistics = test.streaming().statistics();
    assert_eq!(statistics.processing_time, Some(Duration::from_millis(300)));
    assert_eq!(statistics.total_delay, Some(Duration::from_millis(300)));
}

#[test]
fn a_listener_may_stop_the_context() {
    // behaviour 1.9: unlike Spark, which refuses
    struct Stops(StreamingContext);
    impl StreamingListener for Stops {
        fn on_batch_completed(&mut self, _: &BatchInfo) {
            self.0.stop(true);
        }
    }
    let test = TestContext::new();
    let (_, numbers) = test.input::<i32>();
    test.collect(&numbers);
    test.streaming().add_listener("stops", Stops(test.streaming().clone())).unwrap();
    test.tick().unwrap();
    test.streaming().await_termination().unwrap();
    assert_eq!(test.streaming().state(), State::Stopped);
}

#[test]
fn a_report_looks_back_ten_batches() {
    // behaviour 1.65
    let mut report = StatsReportListener::default();
    let at = Timestamp::from_millis;
    for number in 0..30 {
        let (submitted, started) = (at(number), Some(at(number + 1)));
        let completed = Some(at(number + 1 + number));
        let (inputs, outputs) = Default::default();
        report.on_batch_completed(&BatchInfo { time: submitted, inputs, submitted, started, completed, outputs });
    }
    let (total, processing) = report.report().unwrap();
    assert_eq!(processing.quantiles.first(), Some(&(0, Duration::from_millis(20))));
    assert_eq!(total.quantiles.last(), Some(&(100, Duration::from_millis(30))));
}

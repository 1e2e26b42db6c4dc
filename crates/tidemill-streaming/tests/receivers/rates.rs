//! Rates: what settings allow, and what back-pressure makes of it.

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use tidemill_streaming::receiver::{Receiver, ReceiverError, Supervisor};

use crate::{context, next_info, received_bytes, watch};

const SECOND: Duration = Duration::from_secs(1);

/// Stores numbers as fast as it may.
struct Fast;

impl Receiver for Fast {
    type Item = u64;

    fn run(&self, to: &Supervisor<u64>) -> Result<(), ReceiverError> {
        for number in 0.. {
            if to.is_stopped() {
                break;
            }
            to.store(number)?;
        }
        Ok(())
    }
}

#[test]
fn a_receiver_keeps_to_its_rate() {
    // behaviour 2.29, 4.2, 4.10
    let tables: [&[(&str, &str)]; 2] = [
        &[("spark.streaming.receiver.maxRate", "100")],
        &[
            ("spark.streaming.receiver.maxRate", "5000"),
            ("spark.streaming.backpressure.enabled", "true"),
            ("spark.streaming.backpressure.initialRate", "100"),
        ],
    ];
    for settings in tables {
        let test = context(settings, SECOND);
        let seen = test.collect(&test.streaming().receiver_stream(Fast));
        test.streaming().start().unwrap();
        let mut all = Vec::new();
        for second in 0..5 {
            assert!(test.clock().wait_for_waiters(3), "the receiver waits for its rate");
            test.tick().unwrap();
            all.extend(seen.values().into_iter().flatten());
            // A record of the second that just began may be in this batch or in the next.
            assert!((second * 100..=(second + 1) * 100).contains(&all.len()), "{} after {second} s", all.len());
        }
        test.streaming().stop(true);
        all.extend(seen.values().into_iter().flatten());
        assert!(all.iter().copied().eq(0..all.len() as u64), "none is lost");
    }
}

#[test]
fn lines_keep_to_the_rate_of_their_receiver() {
    // behaviour 2.29, 4.10: however many lines one read could bring
    let test = context(&[("spark.streaming.receiver.maxRate", "10")], SECOND);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = test.streaming().socket_text_stream("127.0.0.1", listener.local_addr().unwrap().port());
    let (seen, infos) = (test.collect(&stream.map(|line| line.to_string())), watch(test.streaming()));
    test.streaming().start().unwrap();
    let (mut sender, _) = listener.accept().unwrap();
    let lines: Vec<String> = (0..45).map(|number| format!("line {number}")).collect();
    sender.write_all(lines.join("\r\n").as_bytes()).unwrap();
    sender.write_all(b"\r\n").unwrap();
    let mut all = Vec::new();
    for second in 0..=5 {
        let waits = if second < 5 { 3 } else { 2 };
        assert!(test.clock().wait_for_waiters(waits));
        test.tick().unwrap();
        let batch: Vec<String> = seen.values().into_iter().flatten().collect();
        assert_eq!(next_info(&infos).0, batch.len() as u64);
        all.extend(batch);
        assert!(all.len() <= (second + 1) * 10, "{} after {second} s", all.len());
        assert!(all.len() >= second.saturating_sub(1) * 10);
    }
    drop(sender);
    test.streaming().stop(true);
    all.extend(seen.values().into_iter().flatten());
    assert_eq!(all, lines);
    assert_eq!(received_bytes(&test), 0);
}

#[test]
fn a_stop_ends_the_wait_for_the_rate() {
    let test = context(&[("spark.streaming.receiver.maxRate", "1")], SECOND);
    let seen = test.collect(&test.streaming().receiver_stream(Fast));
    test.streaming().start().unwrap();
    assert!(test.clock().wait_for_waiters(3));
    test.streaming().stop(true);
    assert_eq!(seen.values(), [[0]], "the one that waited is still taken");
}

#[test]
fn back_pressure_slows_a_receiver_whose_batches_take_too_long() {
    // behaviour 2.30, 4.1: a batch takes ten milliseconds a record, so a hundred a second can be dealt with
    let settings = [
        ("spark.streaming.backpressure.enabled", "true"),
        ("spark.streaming.backpressure.initialRate", "500"),
        ("spark.streaming.backpressure.pid.minRate", "20"),
    ];
    let test = context(&settings, SECOND);
    let infos = watch(test.streaming());
    let clock = test.clock().clone();
    test.streaming().receiver_stream(Fast).foreach_rdd(move |rdd, _| {
        clock.advance(Duration::from_millis(10) * rdd.count()? as u32);
        Ok(())
    });
    test.streaming().start().unwrap();
    let begun = test.clock().clone();
    let (mut records, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        assert!(begun.wait_for_waiters(3));
        test.clock().advance(SECOND);
        let batch = infos.recv_timeout(crate::PATIENCE).unwrap();
        records.push(batch.inputs.get(&1).unwrap().records);
        rates.push(batch.processing_delay().unwrap());
    }
    let late: u64 = records.iter().rev().take(10).sum();
    assert!(late <= 2000, "at most 200 a batch, where 500 came at first: {records:?}");
    assert!(late > 0, "{records:?}");
}

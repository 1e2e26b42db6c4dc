//! Sources that are too fast for the memory they may take.

use std::time::Duration;

use tidemill_streaming::receiver::{Receiver, ReceiverError, Supervisor};

use crate::{context, next_info, received_bytes, received_peak, watch};

const LIMIT: u64 = 256 << 10;
const SETTINGS: [(&str, &str); 2] =
    [("tidemill.memory.received.limit", "256k"), ("tidemill.receiver.block.size", "32k")];

/// Stores its records as fast as it can, then waits for the end.
struct Fast {
    records: u64,
    /// How many are stored as one block; 0 stores each for itself.
    block: u64,
}

fn record(number: u64) -> String {
    format!("{number} {}", "x".repeat((number * number % 300) as usize))
}

impl Receiver for Fast {
    type Item = String;

    fn run(&self, to: &Supervisor<String>) -> Result<(), ReceiverError> {
        let mut next = 0;
        while next < self.records && !to.is_stopped() {
            if self.block == 0 {
                to.store(record(next))?;
                next += 1;
            } else {
                let end = (next + self.block).min(self.records);
                to.store_block((next..end).map(record).collect())?;
                next = end;
            }
        }
        while to.wait(Duration::from_secs(1_000_000)) {}
        Ok(())
    }
}

#[test]
fn a_source_too_fast_for_the_memory_waits_and_loses_nothing() {
    // behaviour 2.26, 2.28: ten times and more what fits
    for block in [0, 100] {
        let test = context(&SETTINGS, Duration::from_millis(100));
        let records = 20_000;
        let stream = test.streaming().receiver_stream(Fast { records, block });
        let (seen, infos) = (test.collect(&stream), watch(test.streaming()));
        let (mut all, mut counted) = (Vec::new(), 0);
        while all.len() < records as usize {
            test.tick().unwrap();
            all.extend(seen.values().into_iter().flatten());
            counted += next_info(&infos).0;
        }
        assert_eq!(counted, records);
        assert!(all.into_iter().eq((0..records).map(record)), "in order");
        let peak = received_peak(&test);
        assert!(peak <= LIMIT && peak > LIMIT / 2, "{peak} bytes at once");
        test.tick().unwrap();
        assert_eq!(received_bytes(&test), 0);
    }
}

#[test]
fn a_stop_ends_the_wait_for_memory() {
    // behaviour 2.33: what was stored is run; of what came later nothing was promised
    for (block, graceful) in [(0, true), (100, true), (0, false), (100, false)] {
        let test = context(&SETTINGS, Duration::from_millis(100));
        let seen = test.collect(&test.streaming().receiver_stream(Fast { records: 1_000_000, block }));
        test.streaming().start().unwrap();
        while received_bytes(&test) < LIMIT * 3 / 4 {
            std::thread::yield_now();
        }
        test.streaming().stop(graceful);
        let all: Vec<String> = seen.values().into_iter().flatten().collect();
        assert_eq!(graceful, !all.is_empty());
        let count = all.len() as u64;
        assert!(all.into_iter().eq((0..count).map(record)), "in order, without a gap");
        assert_eq!(received_bytes(&test), 0);
    }
}

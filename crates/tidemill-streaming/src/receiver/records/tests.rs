//! Records in, blocks out, held against a list of lists.

use std::time::Duration;

use proptest::prelude::*;
use tidemill_core::environment::Environment;
use tidemill_core::memory::{Memory, MemoryLimits};
use tidemill_core::settings::{Config, Rate, Settings};
use tidemill_core::spill::SpillDir;
use tidemill_core::store::Place;
use tidemill_core::{HashSeed, ManualClock, Timestamp};

use super::*;
use crate::dead_letter::OnError;
use crate::input::InputId;
use crate::rate::RateLimiter;
use crate::receiver::blocks::Policy;
use crate::receiver::form::Form;
use crate::receiver::life::Surroundings;

fn bench(limit: u64, block_bytes_max: u64) -> (Arc<Life>, Arc<Blocks>, Arc<Records<String>>) {
    let memory = Memory::new(MemoryLimits { received: limit, ..MemoryLimits::default() });
    let environment = Environment::new(memory.clone(), SpillDir::new(std::env::temp_dir()), HashSeed::new(0));
    let config = Config::resolve(&Settings::new()).unwrap();
    let id = InputId { stream: 0, blocks: 0 };
    let blocks =
        Blocks::new(id, "Test-0".into(), &environment, Policy::new(&config, OnError::Fail, Form::values::<String>()));
    let with = Surroundings {
        clock: Arc::new(ManualClock::default()),
        memory,
        limiter: Arc::new(RateLimiter::new(Rate::Unlimited, Rate::Unlimited, Duration::ZERO)),
        restart_delay: Duration::ZERO,
        post: Box::new(|_| {}),
    };
    let blocks = Arc::new(blocks);
    let records = Arc::new(Records::new(&blocks, Kind::Records, block_bytes_max));
    (Arc::new(Life::new(0, "Test-0".into(), with)), blocks, records)
}

/// The blocks of the batch of `time`, which is over then.
fn batch(blocks: &Blocks, records: &Records<String>, time: u64) -> Vec<Vec<String>> {
    let time = Timestamp::from_millis(time);
    records.cut();
    let count = blocks.allocate(time).records;
    let values = blocks.allocated(time).blocks.into_iter().map(|id| match blocks.environment().store.get(id) {
        Some(Place::Memory(value, _)) => value.downcast_ref::<Arc<Vec<String>>>().unwrap().to_vec(),
        _ => panic!("{id} is not stored"),
    });
    let values: Vec<Vec<String>> = values.collect();
    assert_eq!(count, values.iter().map(Vec::len).sum::<usize>() as u64);
    blocks.forget(Kind::Records, time);
    values
}

fn used(blocks: &Blocks) -> u64 {
    blocks.environment().memory.used(Pool::Received)
}

#[derive(Clone, Debug)]
enum Step {
    Store(usize),
    Block(Vec<usize>),
    Cut,
    Tick,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0_usize..40).prop_map(Step::Store),
        1 => prop::collection::vec(0_usize..40, 0..5).prop_map(Step::Block),
        1 => Just(Step::Cut),
        1 => Just(Step::Tick),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn blocks_are_what_came_between_two_cuts(steps in steps()) {
        // behaviour 2.25, 2.26, 2.28
        let (life, blocks, records) = bench(1 << 30, 1 << 30);
        let (mut open, mut expected, mut ticks) = (Vec::new(), Vec::new(), 0);
        for step in steps {
            let text = |length: usize| "x".repeat(length);
            let ends_block = !matches!(step, Step::Store(_)) && !matches!(&step, Step::Block(items) if items.is_empty());
            if ends_block && !open.is_empty() {
                expected.push(std::mem::take(&mut open));
            }
            match step {
                Step::Store(length) => {
                    records.add(text(length), &life).unwrap();
                    open.push(text(length));
                }
                Step::Block(lengths) => {
                    let items: Vec<String> = lengths.into_iter().map(text).collect();
                    records.add_block(items.clone(), &life).unwrap();
                    expected.extend((!items.is_empty()).then_some(items));
                }
                Step::Cut => records.cut(),
                Step::Tick => {
                    ticks += 1;
                    prop_assert_eq!(batch(&blocks, &records, ticks), std::mem::take(&mut expected));
                    prop_assert_eq!(used(&blocks), 0);
                }
            }
        }
    }

    /// Whatever the lengths, the account stays under its limit, and each record is in the end what it was.
    #[test]
    fn a_receiver_waits_at_the_limit(lengths in prop::collection::vec(0_usize..300, 1..400), block in 0_usize..20) {
        let limit = 8 << 10;
        let (life, blocks, records) = bench(limit, 1 << 10);
        let expected: Vec<String> = lengths.iter().map(|&length| "x".repeat(length)).collect();
        let mut all: Vec<String> = Vec::new();
        std::thread::scope(|scope| {
            let (to, to_store) = (Arc::clone(&records), expected.clone());
            let stored = scope.spawn(move || match block {
                0 => to_store.into_iter().try_for_each(|item| Ok(to.add(item, &life)?)),
                _ => to_store.chunks(block).try_for_each(|items| to.add_block(items.to_vec(), &life)),
            });
            let mut time = 0;
            while all.len() < lengths.len() {
                time += 1;
                all.extend(batch(&blocks, &records, time).concat());
                std::thread::yield_now();
            }
            stored.join().unwrap().unwrap();
        });
        prop_assert_eq!(all, expected);
        let peak = blocks.environment().memory.peak(Pool::Received);
        prop_assert!(peak <= limit, "{} bytes at once", peak);
        prop_assert_eq!(used(&blocks), 0);
    }
}

#[test]
fn a_stop_lets_some_more_in_and_then_no_more() {
    let (life, blocks, records) = bench(1 << 10, 1 << 30);
    let megabyte = || "x".repeat((1 << 20) - size_of::<String>());
    life.end("over");
    for _ in 0..LAST_BYTES_MAX >> 20 {
        assert_eq!(records.add(megabyte(), &life), Ok(()));
    }
    assert_eq!(records.add(megabyte(), &life), Err(Stopped));
    assert!(matches!(records.add_block(vec![megabyte()], &life), Err(StoreError::Stopped(Stopped))));
    assert_eq!(batch(&blocks, &records, 1).concat().len() as u64, LAST_BYTES_MAX >> 20);
    assert_eq!(used(&blocks), 0);
    life.close();
    assert_eq!(records.add(String::new(), &life), Err(Stopped));
    assert_eq!(used(&blocks), 0);
}

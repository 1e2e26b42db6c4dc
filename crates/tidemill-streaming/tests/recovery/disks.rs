//! Programs on a disk that fails.

use std::sync::Arc;
use std::time::Duration;

use tidemill_core::{Settings, Timestamp};
use tidemill_streaming::checkpoint::testing::{Fault, SimulatedDisk};
use tidemill_streaming::testing::{Feed, TestContext};
use tidemill_streaming::{Error, RecoveryError, Stop};

use super::{SECOND, Seen};

/// A run of a program on `disk` that begins at second `now`.
fn run(disk: &SimulatedDisk, now: u64) -> TestContext {
    try_run(disk, now).unwrap()
}

fn try_run(disk: &SimulatedDisk, now: u64) -> Result<TestContext, Error> {
    let (storage, now) = (disk.open().map_err(RecoveryError::from)?, Timestamp::from_millis(now * 1000));
    TestContext::go_on_in(&Settings::new(), SECOND, Arc::new(storage), now)
}

/// Waits until nothing is being written.
fn rest(disk: &SimulatedDisk, test: &TestContext) {
    let mut before = u64::MAX;
    while std::mem::replace(&mut before, disk.operations()) != disk.operations() {
        test.streaming().await_batch(Timestamp::NEVER, Duration::from_millis(50));
    }
}

#[test]
fn a_graceful_stop_does_not_wait_for_a_disk_that_is_full() {
    let disk = SimulatedDisk::new();
    let first = run(&disk, 0);
    let (feed, numbers) = first.input::<u64>();
    let seen = Seen::of(&numbers);
    feed.push([1]);
    first.tick().unwrap();
    rest(&disk, &first);
    disk.fail(disk.operations() + 1..=u64::MAX, Fault::Full);
    feed.push([2]);
    first.clock().advance(SECOND);
    assert!(matches!(first.streaming().await_termination(), Err(Error::Unlogged { .. })), "the batch waits");
    first.streaming().stop_with(Stop { graceful: true, context: true });
    assert_eq!(seen.take(), [(1, vec![1])]);
    drop(first);

    disk.heal();
    let second = run(&disk, 2);
    let (feed, numbers) = second.input::<u64>();
    let seen = Seen::of(&numbers);
    feed.push([2]);
    second.tick().unwrap();
    assert_eq!(seen.take(), [(2, vec![2]), (3, vec![])], "the next run makes it");
}

#[test]
fn a_graceful_stop_runs_what_a_disk_holds_that_is_well_again() {
    let disk = SimulatedDisk::new();
    let test = run(&disk, 0);
    let (feed, numbers) = test.input::<u64>();
    let seen = Seen::of(&numbers);
    test.streaming().start().unwrap();
    disk.fail(disk.operations() + 1..=u64::MAX, Fault::ReadOnly);
    feed.push([1]);
    test.clock().advance(SECOND);
    assert!(matches!(test.streaming().await_termination(), Err(Error::Unlogged { .. })), "the batch waits");
    disk.heal();
    test.streaming().stop_with(Stop { graceful: true, context: true });
    assert_eq!(seen.take(), [(1, vec![1])]);
}

/// The sum of all numbers, as the state of one key.
fn sums(test: &TestContext) -> (Feed<u64>, Seen<(u64, u64)>) {
    let (feed, numbers) = test.input::<u64>();
    let pairs = numbers.map(|number| (0, number));
    (feed, Seen::of(&pairs.update_state_by_key(|new, sum| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()))))
}

#[test]
fn states_of_batches_behind_one_that_failed_are_there_wherever_the_next_run_crashes() {
    for crash_at in 1..70 {
        let disk = SimulatedDisk::new();
        let first = run(&disk, 0);
        let (feed, seen) = sums(&first);
        for batch in 0..5 {
            seen.fail(batch == 1);
            feed.push([1]);
            assert_eq!(first.tick().is_err(), batch == 1);
        }
        drop(first);

        disk.crash_at(disk.operations() + crash_at);
        if let Ok(second) = try_run(&disk, 5) {
            let _sums = sums(&second);
            if second.streaming().start().is_ok() {
                rest(&disk, &second);
            }
        }
        disk.crash(crash_at);

        let third = run(&disk, 5);
        let (feed, seen) = sums(&third);
        feed.push([1]);
        third.tick().unwrap();
        assert_eq!(seen.take().last(), Some(&(6, vec![(0, 6)])), "after a crash at operation {crash_at}");
    }
}

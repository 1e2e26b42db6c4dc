//! Which batches a program that is started again runs.

use std::sync::Mutex;
use std::sync::mpsc::sync_channel;

use tidemill_core::Settings;
use tidemill_streaming::checkpoint::survey;
use tidemill_streaming::event::CatchUp;
use tidemill_streaming::listener::StreamingListener;
use tidemill_streaming::{Error, RecoveryError};

use super::{Seen, run, try_run, with};

#[test]
fn what_is_done_is_not_run_again_and_what_was_missed_is() {
    // behaviour 6.19, 6.20: better in that the last batch is not run again
    let folder = tempfile::tempdir().unwrap();
    let first = run(folder.path(), 0);
    let (feed, numbers) = first.input::<u64>();
    let seen = Seen::of(&numbers);
    feed.push([1]);
    first.tick().unwrap();
    feed.push([2]);
    first.tick().unwrap();
    assert_eq!(seen.take(), [(1, vec![1]), (2, vec![2])]);
    drop(first);

    let second = run(folder.path(), 5);
    let (feed, numbers) = second.input::<u64>();
    let seen = Seen::of(&numbers);
    feed.push([3]);
    second.tick().unwrap();
    assert_eq!(seen.take(), [(3, vec![3]), (4, vec![]), (5, vec![]), (6, vec![])]);
}

#[test]
fn a_batch_that_failed_is_run_again_with_the_input_that_it_had() {
    // behaviour 2.39, 6.9, 6.20
    let folder = tempfile::tempdir().unwrap();
    let first = run(folder.path(), 0);
    let (feed, numbers) = first.input::<u64>();
    let seen = Seen::of(&numbers);
    for (number, fails) in [(1, false), (2, true), (3, false)] {
        seen.fail(fails);
        feed.push([number]);
        assert_eq!(first.tick().is_err(), fails);
    }
    assert_eq!(seen.take(), [(1, vec![1]), (3, vec![3])]);
    drop(first);

    let second = run(folder.path(), 3);
    let (feed, numbers) = second.input::<u64>();
    let seen = Seen::of(&numbers);
    feed.push([4]);
    second.tick().unwrap();
    assert_eq!(seen.take(), [(2, vec![2]), (4, vec![4])]);
    drop(second);

    let third = run(folder.path(), 4);
    let (_, numbers) = third.input::<u64>();
    let seen = Seen::of(&numbers);
    third.tick().unwrap();
    assert_eq!(seen.take(), [(5, vec![])], "it is done now");
}

#[test]
fn a_batch_that_fails_for_ever_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let first = with(folder.path(), 0, &[("tidemill.checkpoint.failed.batches", "3")]).unwrap();
    let (_, numbers) = first.input::<u64>();
    let seen = Seen::of(&numbers);
    for number in 1..=6 {
        seen.fail(number <= 2);
        assert_eq!(first.tick().is_err(), number <= 2);
    }
    drop(first);
    let second = run(folder.path(), 6);
    let (_, numbers) = second.input::<u64>();
    let seen = Seen::of(&numbers);
    second.tick().unwrap();
    assert_eq!(seen.take(), [(7, vec![])]);
}

#[test]
fn batches_that_wait_for_their_turn_are_not_given_up() {
    // behaviour 6.19
    let folder = tempfile::tempdir().unwrap();
    let first = run(folder.path(), 0);
    Seen::of(&first.input::<u64>().1);
    first.tick().unwrap();
    drop(first);
    let second = with(folder.path(), 10, &[("tidemill.checkpoint.failed.batches", "3")]).unwrap();
    let (_, numbers) = second.input::<u64>();
    let (sender, go_on) = sync_channel::<()>(0);
    let (go_on, third) = (Mutex::new(go_on), second.time(3));
    numbers.foreach_rdd(move |_, time| {
        if time <= third {
            let _ = go_on.lock().unwrap().recv(); // until the test has looked
        }
        Ok(())
    });
    let unfinished = || -> Vec<u64> {
        let found = survey(folder.path(), &Settings::new(), false);
        let batches = found.ok().flatten().map(|found| found.batches).unwrap_or_default();
        batches.iter().filter(|batch| !batch.is_done).map(|batch| batch.time.millis() / 1000).collect()
    };
    std::thread::scope(|scope| {
        let ticks = scope.spawn(|| second.tick().unwrap());
        let until = |is_so: &dyn Fn(&[u64]) -> bool| loop {
            assert!(!ticks.is_finished(), "nobody waited");
            let left = unfinished();
            if is_so(&left) {
                return left;
            }
            std::thread::yield_now();
        };
        until(&|left| left.contains(&10)); // all are planned
        sender.send(()).unwrap(); // the second is done
        let left = until(&|left| !left.is_empty() && !left.contains(&2));
        drop(sender);
        assert_eq!(left[..8], [3, 4, 5, 6, 7, 8, 9, 10], "they have not run yet, so they have not failed");
    });
}

#[test]
fn windows_look_back_over_a_restart() {
    // behaviour 1.50, 6.20
    let folder = tempfile::tempdir().unwrap();
    let window = |test: &tidemill_streaming::testing::TestContext| {
        let (feed, numbers) = test.input::<u64>();
        let seen = Seen::of(&numbers.window(super::SECOND * 3).unwrap());
        (feed, seen)
    };
    let first = run(folder.path(), 0);
    let (feed, seen) = window(&first);
    for number in 1..=4 {
        feed.push([number]);
        first.tick().unwrap();
    }
    assert_eq!(seen.take().last(), Some(&(4, vec![2, 3, 4])));
    drop(first);
    let second = run(folder.path(), 4);
    let (feed, seen) = window(&second);
    feed.push([5]);
    second.tick().unwrap();
    second.tick().unwrap();
    assert_eq!(seen.take(), [(5, vec![3, 4, 5]), (6, vec![4, 5])]);
}

#[test]
fn listeners_are_told_of_what_is_to_be_caught_up_with() {
    struct Told(std::sync::mpsc::SyncSender<CatchUp>);
    impl StreamingListener for Told {
        fn on_recovered(&mut self, catch_up: &CatchUp) {
            self.0.send(catch_up.clone()).unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let first = run(folder.path(), 0);
    let seen = Seen::of(&first.input::<u64>().1);
    seen.fail(true);
    first.tick().unwrap_err();
    drop(first);
    let second = run(folder.path(), 3);
    let (sender, told) = sync_channel(1);
    second.streaming().add_listener("told", Told(sender)).unwrap();
    let _seen = Seen::of(&second.input::<u64>().1);
    second.tick().unwrap();
    let catch_up = told.recv().unwrap();
    assert_eq!((catch_up.last, catch_up.missed), (second.time(1), 2));
    assert_eq!(catch_up.unfinished, [second.time(1)]);
}

#[test]
fn without_get_or_create_a_program_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(folder.path(), 0);
    let seen = Seen::of(&first.input::<u64>().1);
    seen.fail(true);
    first.tick().unwrap_err();
    drop(first);

    let context = tidemill_core::Context::local(1).unwrap();
    let streaming = tidemill_streaming::StreamingContext::new(&context, super::SECOND).unwrap();
    streaming.checkpoint(folder.path()).unwrap();
    streaming.queue_stream(&tidemill_streaming::RddQueue::<u64>::new()).print(1);
    streaming.start().unwrap();
    streaming.stop(false);
    let checkpoint = tidemill_streaming::Checkpoint::open(folder.path(), &tidemill_core::Settings::new()).unwrap();
    assert_eq!(checkpoint.unwrap().last(), None, "the earlier checkpoint is gone");
}

#[test]
fn two_drivers_on_one_checkpoint_are_one_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(folder.path(), 0);
    let _seen = Seen::of(&first.input::<u64>().1);
    first.tick().unwrap();
    let error = try_run(folder.path(), 1).err().unwrap();
    assert!(error.to_string().contains("is used by this process"), "{error}");
    drop(first);
    assert!(try_run(folder.path(), 1).is_ok(), "the lock goes with the first");
}

#[test]
fn clocks_that_are_wrong_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(folder.path(), 1000);
    let _seen = Seen::of(&first.input::<u64>().1);
    first.tick().unwrap();
    drop(first);
    let start = |now, settings: &[(&str, &str)]| {
        let test = with(folder.path(), now, settings).unwrap();
        let _seen = Seen::of(&test.input::<u64>().1);
        test.streaming().start()
    };
    let error = start(500, &[]).unwrap_err();
    assert!(matches!(error, Error::Recovery(RecoveryError::ClockBehind { .. })), "{error}");
    let error = start(1020, &[("tidemill.recovery.missed.max", "10")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "19 batches were missed since 1001000 ms, more than tidemill.recovery.missed.max (10) allows: look at the clock, raise \
         the setting, or use another directory to begin anew"
    );
    start(1020, &[]).unwrap();
}

#[test]
fn what_runs_leave_of_rdds_does_not_pile_up() {
    let folder = tempfile::tempdir().unwrap();
    for now in 0..5 {
        let test = run(folder.path(), now);
        let (_, numbers) = test.input::<u64>();
        numbers.checkpoint(super::SECOND).unwrap();
        let _seen = Seen::of(&numbers);
        test.tick().unwrap();
    }
    let left = std::fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("checkpoints-"));
    assert_eq!(left.count(), 1);
}

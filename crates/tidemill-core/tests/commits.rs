//! Tasks that ask whether they may commit, on real threads.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use tidemill_core::task::Permission;
use tidemill_core::{Context, Settings, TaskContext};

fn context(master: &str) -> Context {
    let mut settings = Settings::new();
    settings.set("spark.master", master);
    Context::new(&settings).unwrap()
}

/// What attempts were told: partition, attempt, answer.
type Told = Arc<Mutex<Vec<(usize, u32, Permission)>>>;

fn ask(told: &Told) -> Permission {
    let cx = TaskContext::current().unwrap();
    let answer = cx.may_commit();
    told.lock().unwrap().push((cx.partition(), cx.attempt(), answer));
    answer
}

fn attempt() -> (usize, u32) {
    let cx = TaskContext::current().unwrap();
    (cx.partition(), cx.attempt())
}

/// A channel whose ends tasks can share.
fn channel() -> (SyncSender<()>, Mutex<Receiver<()>>) {
    let (sender, receiver) = sync_channel(1);
    (sender, Mutex::new(receiver))
}

fn wait(for_it: &Mutex<Receiver<()>>) {
    for_it.lock().unwrap().recv().unwrap();
}

#[test]
fn a_retry_may_commit_after_a_failure() {
    let (context, told) = (context("local[1,2]"), Told::default());
    let asked = Arc::clone(&told);
    let written = context.range(0..4, 2).map_partitions(move |numbers| {
        let answer = ask(&asked);
        assert!(attempt() != (0, 0), "the connection broke");
        [(answer, numbers.count())]
    });
    // The answer is no element, so it stays in the task.
    assert_eq!(
        written.map(|(answer, count)| (answer == Permission::Granted, count)).collect().unwrap(),
        [(true, 2); 2]
    );
    let granted = [(0, 0), (0, 1), (1, 0)].map(|(partition, attempt)| (partition, attempt, Permission::Granted));
    assert_eq!(*told.lock().unwrap(), granted);
}

/// The first attempt at partition 0 is told that it may, and is then overtaken: its barrier starts anew.
#[test]
fn of_two_attempts_at_once_one_may_commit() {
    let (context, told) = (context("local[3,2]"), Told::default());
    let (asked, (granted, is_granted), (denied, is_denied)) = (Arc::clone(&told), channel(), channel());
    let numbers = context.range(0..4, 2).barrier().map_partitions(move |numbers| {
        match attempt() {
            (0, 0) => {
                ask(&asked);
                granted.send(()).unwrap();
                wait(&is_denied);
                ask(&asked);
            }
            (0, _) => {
                ask(&asked);
                denied.send(()).unwrap();
            }
            (_, 0) => {
                wait(&is_granted);
                panic!("its barrier starts anew");
            }
            _ => {}
        }
        numbers
    });
    assert_eq!(numbers.collect().unwrap(), [0, 1, 2, 3]);
    context.stop(); // waits for the overtaken task
    let expected = [(0, 0, Permission::Granted), (0, 1, Permission::Held { attempt: 0 }), (0, 0, Permission::Over)];
    assert_eq!(*told.lock().unwrap(), expected);
}

#[test]
fn a_task_whose_job_is_cancelled_may_not_commit() {
    let (context, told) = (context("local[1]"), Told::default());
    let (asked, (started, is_started), (cancelled, is_cancelled)) = (Arc::clone(&told), channel(), channel());
    let running = context.clone();
    let waiter = std::thread::spawn(move || {
        running.set_job_group("to cancel", "");
        let numbers = running.range(0..4, 1).map(move |x| {
            if x == 0 {
                started.send(()).unwrap();
                wait(&is_cancelled);
                ask(&asked);
            }
            x
        });
        numbers.count().unwrap_err()
    });
    wait(&is_started);
    context.cancel_job_group("to cancel");
    waiter.join().unwrap();
    cancelled.send(()).unwrap();
    context.stop();
    assert_eq!(*told.lock().unwrap(), [(0, 0, Permission::Over)]);
}

#[test]
fn tasks_carry_the_epoch_of_their_driver() {
    let context = context("local[2]");
    let epochs = context.range(0..2, 2).map(|_| TaskContext::current().unwrap().epoch());
    assert_eq!(epochs.collect().unwrap(), [0, 0]);
    context.set_epoch(7);
    assert_eq!((epochs.collect().unwrap(), context.epoch()), (vec![7, 7], 7));
}

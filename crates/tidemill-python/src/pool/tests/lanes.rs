//! Workers that keep state.

use super::*;

/// Forgets a table that is not there, which is as good as a greeting.
fn greeting(what: u32) -> Request<'static> {
    let head = TaskHead::default().to_bytes();
    Request { what, payload: [vec![0; 36], head].concat(), work: None, input: Vec::new() }
}

const DROP: u32 = 5;
const READ: u32 = 4;

#[test]
fn a_lane_keeps_its_worker_until_that_dies() {
    let kit = Kit::new();
    let lanes = kit.pool.lanes(2);
    let mut hold = lanes.take(3, None).unwrap();
    let number = hold.worker().unwrap();
    hold.ask(greeting(DROP), None).unwrap();
    let failure = raised(hold.ask(greeting(READ), None).map(|_| Vec::new()));
    assert_eq!(failure.exception, "KeyError", "there is no such table");
    assert_eq!(hold.worker().unwrap(), number, "a failure costs no worker");
    drop(hold);
    assert_eq!(lanes.take(1, None).unwrap().worker().unwrap(), number, "1 and 3 have one lane");
    assert_ne!(lanes.take(2, None).unwrap().worker().unwrap(), number);
    let pids = kit.pool.pids();
    assert_eq!(pids.len(), 2);
    pids.iter().for_each(|pid| deaths::kill(*pid));
    assert!(eventually(|| kit.pool.pids().is_empty()));
    let mut hold = lanes.take(1, None).unwrap();
    assert_ne!(hold.worker().unwrap(), number);
    hold.ask(greeting(DROP), None).unwrap();
}

#[test]
fn who_waits_for_a_lane_can_be_cancelled() {
    let kit = Kit::new();
    let lanes = kit.pool.lanes(1);
    let hold = lanes.take(0, None).unwrap();
    let cx = context();
    cx.cancel();
    assert!(matches!(lanes.take(1, Some(&cx)).map(drop), Err(Stop::Cancelled)));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| lanes.take(1, None).map(|mut hold| hold.worker().map(drop)));
        drop(hold);
        waiting.join().unwrap().unwrap().unwrap();
    });
}

#[test]
fn workers_of_lanes_end_with_them() {
    let kit = Kit::new();
    let lanes = kit.pool.lanes(1);
    lanes.take(0, None).unwrap().ask(greeting(DROP), None).unwrap();
    let pid = kit.pid();
    drop(lanes);
    assert!(eventually(|| !lives(pid)));
}

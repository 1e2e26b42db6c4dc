//! Workers that keep state.

use super::*;

/// Forgets a table that is not there, which is as good as a greeting.
fn greeting(what: u32) -> Request<'static> {
    request(what, 0, 0, Vec::new())
}

/// About the state of that stamp in a table.
fn request(what: u32, table: u64, stamp: u64, input: Vec<Result<Frame, Stop>>) -> Request<'static> {
    // A load says which stamp there is to be, others which there is.
    let numbers = if what == LOAD { [table, 0, 0, stamp] } else { [table, 0, stamp, 0] };
    let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
    let payload = numbers.chain([0; 4]).chain(TaskHead::default().to_bytes()).collect();
    Request { what, payload, work: None, input: Box::new(input.into_iter()) }
}

/// What comes of a request.
fn ask(hold: &mut Hold<'_>, request: Request<'_>) -> Result<Vec<Frame>, Stop> {
    let mut output = Vec::new();
    hold.ask(request, None, &mut |frame| {
        output.push(frame);
        Ok(())
    })?;
    Ok(output)
}

/// Pairs of numbers and texts, in columns.
fn pairs(keys: std::ops::Range<i64>) -> Frame {
    let count = (keys.end - keys.start) as u32;
    let texts: Vec<String> = keys.clone().map(|key| format!("{key:0200}")).collect();
    let columns = [(b'q', keys.flat_map(i64::to_le_bytes).collect()), (b's', texts.join("\n").into_bytes())];
    let mut payload = vec![2];
    for (kind, bytes) in columns {
        payload.push(kind);
        payload.extend((bytes.len() as u64).to_le_bytes());
        payload.extend(bytes);
    }
    Frame { format: 2, bucket: 2, count, payload: payload.into() }
}

const LOAD: u32 = 1;
const READ: u32 = 4;
const DROP: u32 = 5;

#[test]
fn a_lane_keeps_its_worker_until_that_dies() {
    let kit = Kit::new();
    let lanes = kit.pool.lanes(2);
    let mut hold = lanes.take(3, None).unwrap();
    let number = hold.worker().unwrap();
    ask(&mut hold, greeting(DROP)).unwrap();
    let failure = raised(ask(&mut hold, greeting(READ)).map(|_| Vec::new()));
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
    ask(&mut hold, greeting(DROP)).unwrap();
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
    ask(&mut lanes.take(0, None).unwrap(), greeting(DROP)).unwrap();
    let pid = kit.pid();
    drop(lanes);
    assert!(eventually(|| !lives(pid)));
}

#[test]
fn input_is_drawn_as_it_is_sent() {
    let kit = Kit::new();
    let lanes = kit.pool.lanes(1);
    let mut hold = lanes.take(0, None).unwrap();
    let number = hold.worker().unwrap();
    // One frame, frames that go at once, and more than wait at a time.
    for frames in [1, 2, 50] {
        let input = (0..frames).map(|at| Ok(pairs(at * 100..at * 100 + 100))).collect();
        ask(&mut hold, request(LOAD, 7, 9, input)).unwrap();
        let read = ask(&mut hold, request(READ, 7, 9, Vec::new())).unwrap();
        assert_eq!(i64::from(read.iter().map(|frame| frame.count).sum::<u32>()), frames * 100);
    }
    // One that the worker does not understand: it takes the rest, and goes on.
    let garbled = Frame { format: 2, bucket: 0, count: 1, payload: vec![9; 9].into() };
    let input = [Ok(garbled)].into_iter().chain((0..50).map(|at| Ok(pairs(at..at + 1000)))).collect();
    raised(ask(&mut hold, request(LOAD, 8, 9, input)).map(|_| Vec::new()));
    assert_eq!(hold.worker().unwrap(), number);
    let failure = raised(ask(&mut hold, request(READ, 8, 9, Vec::new())).map(|_| Vec::new()));
    assert_eq!(failure.exception, "KeyError", "of what could not be loaded there is nothing");
    ask(&mut hold, request(READ, 7, 9, Vec::new())).unwrap();
    // One that cannot be drawn: the worker has half a table, and is replaced.
    let input = (0..50).map(|at| Ok(pairs(at..at + 1000))).chain([Err(Stop::Cancelled)]).collect();
    assert!(matches!(ask(&mut hold, request(LOAD, 7, 10, input)).map(drop), Err(Stop::Cancelled)));
    assert_ne!(hold.worker().unwrap(), number);
}

#[test]
fn tables_are_counted_by_worker_and_go_with_it() {
    let kit = Kit::with(|settings| settings.memory = 100);
    let lanes = kit.pool.lanes(1);
    let mut hold = lanes.take(0, None).unwrap();
    hold.has_used(1, 60);
    assert!(!hold.has(1) && hold.surplus(2, 1000).is_none(), "there is no worker that could have it");
    hold.worker().unwrap();
    hold.has_used(1, 60);
    assert!(hold.has(1) && hold.surplus(2, 40).is_none() && hold.surplus(1, 1000).is_none());
    assert_eq!(hold.surplus(2, 41), Some(1));
    hold.has_not(1);
    assert!(!hold.has(1) && hold.surplus(2, 100).is_none());
    hold.has_used(1, 60);
    drop(hold);
    lanes.forget(0, 1, greeting(DROP));
    assert!(!lanes.take(0, None).unwrap().has(1));
    let mut hold = lanes.take(0, None).unwrap();
    hold.has_used(3, 60);
    deaths::kill(kit.pid());
    drop(ask(&mut hold, greeting(DROP)));
    assert!(!hold.has(3));
}

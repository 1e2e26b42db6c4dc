//! Who takes what it reads, and what becomes of what was taken.

use super::*;

const NOTHING_TAKEN: [ShuffleId; 0] = [];

/// A plan of one map stage, which the job alone holds.
fn sole_plan(shuffle: u64, tasks: u32) -> Plan {
    let mut plan = plan(&[(shuffle, tasks, &[])]);
    plan.map_stages[0].sole = true;
    plan
}

#[test]
fn the_last_attempt_of_the_only_reader_takes() {
    let mut told = Told::new(2, SchedulingMode::Fifo);
    told.submit(1, sole_plan(7, 1), 1);
    assert_eq!(told.takes(0, 0), NOTHING_TAKEN, "it reads nothing");
    told.done(0, 0);
    assert_eq!(told.takes(1, 0), NOTHING_TAKEN, "it may fail once more");
    told.fail(1, 0);
    assert_eq!(told.takes(1, 0), [ShuffleId(7)]);
    let replaced = Task { attempt: 0, ..told.task(1, 0) };
    assert_eq!(told.scheduler.takes(replaced), NOTHING_TAKEN, "an attempt that is over");
}

#[test]
fn what_another_job_reads_too_is_not_taken() {
    let mut told = Told::new(4, SchedulingMode::Fifo);
    told.submit(1, sole_plan(7, 1), 1);
    told.submit(2, plan(&[(7, 1, &[])]), 1);
    told.done(0, 0);
    told.fail(1, 0);
    told.fail(2, 0);
    assert_eq!((told.takes(1, 0), told.takes(2, 0)), (vec![], vec![]));
}

/// Its second task took from all outputs, and then the first one finds that one of them is lost.
#[test]
fn a_shuffle_that_was_taken_from_is_lost_as_a_whole_and_taken_no_more() {
    let mut told = Told::new(2, SchedulingMode::Fifo);
    told.submit(1, sole_plan(7, 2), 2);
    told.done(0, 0);
    told.done(0, 1);
    told.fail(1, 0);
    assert_eq!(told.takes(1, 0), [ShuffleId(7)]);
    assert_eq!(told.lose(1, 0, output(7, 1)), ["J1 S0 p0 a1"], "the other reader holds the second slot");
    assert_eq!(told.done(1, 1), ["J1 S0 p1 a1"]);
    assert_eq!(told.done(0, 0), NOTHING);
    assert_eq!(told.done(0, 1), ["J1 S1 p0 a2"]);
    assert_eq!(told.takes(1, 0), NOTHING_TAKEN);
}

#[test]
fn the_tasks_of_a_barrier_take_nothing() {
    let mut told = Told::new(2, SchedulingMode::Fifo);
    told.submit(1, Plan { result_barrier: Some(2), ..sole_plan(7, 1) }, 2);
    told.done(0, 0);
    told.fail(1, 0);
    assert_eq!(told.takes(1, 0), NOTHING_TAKEN);
}

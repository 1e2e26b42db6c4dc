//! Which attempts may commit.

use super::*;
use crate::task::Permission;

#[test]
fn one_attempt_may_commit_until_it_fails() {
    let mut told = Told::new(2, SchedulingMode::Fifo);
    told.submit(1, plan(&[]), 2);
    let first = told.task(0, 0);
    assert_eq!([told.scheduler.may_commit(first), told.scheduler.may_commit(first)], [Permission::Granted; 2]);
    assert_eq!(told.scheduler.may_commit(told.task(0, 1)), Permission::Granted, "each partition has one");
    told.fail(0, 0);
    assert_eq!(told.scheduler.may_commit(first), Permission::Over);
    let second = told.task(0, 0);
    assert_ne!(first, second);
    assert_eq!(told.scheduler.may_commit(second), Permission::Granted);
    told.on(Event::Cancelled(JobId(1)));
    assert_eq!(told.scheduler.may_commit(second), Permission::Over, "its job is over");
}

/// The tasks of a barrier start anew while one of them, which may commit, has not ended.
#[test]
fn an_attempt_that_may_commit_keeps_others_off_until_it_ends() {
    let ends: [(fn(Task) -> Event, Permission); 2] =
        [(Event::Gone, Permission::Granted), (Event::Done, Permission::Committed { attempt: 0 })];
    for (end, answer) in ends {
        let mut told = Told::new(3, SchedulingMode::Fifo);
        told.barrier(1, 2);
        let zombie = told.task(0, 0);
        assert_eq!(told.scheduler.may_commit(zombie), Permission::Granted);
        told.fail(0, 1);
        assert_eq!((told.abandoned.clone(), told.task(0, 0).attempt), (vec![zombie], 1));
        assert_eq!(told.scheduler.may_commit(zombie), Permission::Over);
        assert_eq!(told.scheduler.may_commit(told.task(0, 0)), Permission::Held { attempt: 0 });
        told.on(end(zombie));
        assert_eq!(told.scheduler.may_commit(told.task(0, 0)), answer);
    }
}

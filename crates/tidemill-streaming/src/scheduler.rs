//! Which batch runs when: events in, actions out. No threads, no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use tidemill_core::Timestamp;

use crate::batch::Batch;

/// News for the scheduler of batches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// The context has started: what [`BatchScheduler::resume`] was told can run.
    Started,
    /// A batch time has come.
    Tick(Timestamp),
    /// A batch has its input.
    Allocated(Timestamp),
    /// A batch cannot run, and is left to the next run of the program.
    Dropped(Timestamp),
    /// All outputs of the running batch are done, well or not.
    Done(Timestamp),
    /// No more batches are to be made. With `graceful`, those that wait are run first, and one more if there is
    /// input that is in none yet (`backlog`); receivers have ended before.
    Stop { graceful: bool, backlog: bool },
}

/// What the scheduler wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Give all input that is in no batch yet to this one, then say [`Event::Allocated`].
    Allocate(Batch),
    /// Run a batch. No other runs.
    Run(Batch),
    /// Nothing more will be run.
    Finished,
}

/// The batches that wait and the one that runs: in time order, one at a time. Late batches are never skipped
/// (behaviour 2.37).
pub(crate) struct BatchScheduler {
    interval: Duration,
    /// By time; `true` once it has its input.
    waiting: BTreeMap<Timestamp, bool>,
    running: Option<Timestamp>,
    last: Option<Timestamp>,
    stopping: bool,
    finished: bool,
}

impl BatchScheduler {
    /// A scheduler of batches that are `interval` apart.
    pub(crate) fn new(interval: Duration) -> BatchScheduler {
        let waiting = BTreeMap::new();
        BatchScheduler { interval, waiting, running: None, last: None, stopping: false, finished: false }
    }

    pub(crate) fn on(&mut self, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Tick(time) if !self.stopping => self.add(time, actions),
            Event::Tick(_) | Event::Started => {}
            Event::Allocated(time) => {
                if let Some(ready) = self.waiting.get_mut(&time) {
                    *ready = true;
                }
            }
            Event::Dropped(time) => drop(self.waiting.remove(&time)),
            Event::Done(time) => drop(self.running.take_if(|running| *running == time)),
            Event::Stop { graceful, backlog } => self.stop(graceful, backlog, actions),
        }
        self.go_on(actions);
    }

    fn stop(&mut self, graceful: bool, backlog: bool, actions: &mut Vec<Action>) {
        if graceful
            && backlog
            && !self.stopping
            && let Some(last) = self.last
        {
            self.add(last + self.interval, actions);
        }
        if !graceful {
            self.waiting.clear();
        }
        self.stopping = true;
    }

    fn add(&mut self, time: Timestamp, actions: &mut Vec<Action>) {
        self.last = Some(time);
        self.waiting.insert(time, false);
        actions.push(Action::Allocate(Batch { time }));
    }

    fn go_on(&mut self, actions: &mut Vec<Action>) {
        if self.running.is_some() {
            return;
        }
        match self.waiting.first_key_value() {
            Some((_, false)) => {} // it gets its input at this moment
            Some((&time, true)) => {
                self.waiting.remove(&time);
                self.running = Some(time);
                actions.push(Action::Run(Batch { time }));
            }
            None if self.stopping && !self.finished => {
                self.finished = true;
                actions.push(Action::Finished);
            }
            None => {}
        }
    }

    /// Starts behind `last`, the last batch that has its input; those of `again` have theirs and are run first.
    pub(crate) fn resume(&mut self, last: Timestamp, again: impl IntoIterator<Item = Timestamp>) {
        self.last = Some(last);
        self.waiting.extend(again.into_iter().map(|time| (time, true)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(millis: u64) -> Batch {
        Batch { time: Timestamp::from_millis(millis) }
    }

    fn check(events: &[(Event, &[Action])]) {
        let mut scheduler = BatchScheduler::new(Duration::from_millis(10));
        scheduler.resume(Timestamp::from_millis(0), []);
        for (event, expected) in events {
            let mut actions = Vec::new();
            scheduler.on(*event, &mut actions);
            assert_eq!(actions, *expected, "after {event:?}");
        }
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn late_batches_wait_and_run_in_order() {
        // behaviour 2.37, behaviour 2.38
        check(&[
            (Event::Tick(at(10)), &[Action::Allocate(batch(10))]),
            (Event::Allocated(at(10)), &[Action::Run(batch(10))]),
            (Event::Tick(at(20)), &[Action::Allocate(batch(20))]),
            (Event::Allocated(at(20)), &[]),
            (Event::Tick(at(30)), &[Action::Allocate(batch(30))]),
            (Event::Done(at(10)), &[Action::Run(batch(20))]),
            (Event::Done(at(20)), &[]), // the input of the next is not there yet
            (Event::Allocated(at(30)), &[Action::Run(batch(30))]),
            (Event::Done(at(30)), &[]),
        ]);
    }

    #[test]
    fn a_batch_whose_input_is_late_holds_up_those_after_it() {
        check(&[
            (Event::Tick(at(10)), &[Action::Allocate(batch(10))]),
            (Event::Tick(at(20)), &[Action::Allocate(batch(20))]),
            (Event::Allocated(at(20)), &[]),
            (Event::Allocated(at(10)), &[Action::Run(batch(10))]),
            (Event::Done(at(10)), &[Action::Run(batch(20))]),
        ]);
    }

    #[test]
    fn a_graceful_stop_runs_what_waits_and_what_is_in_no_batch_yet() {
        // behaviour 2.33, without its wait for a batch that cannot come
        let graceful = |backlog| Event::Stop { graceful: true, backlog };
        check(&[
            (Event::Tick(at(10)), &[Action::Allocate(batch(10))]),
            (Event::Allocated(at(10)), &[Action::Run(batch(10))]),
            (graceful(true), &[Action::Allocate(batch(20))]),
            (Event::Tick(at(20)), &[]),
            (Event::Allocated(at(20)), &[]),
            (Event::Done(at(10)), &[Action::Run(batch(20))]),
            (Event::Done(at(20)), &[Action::Finished]),
        ]);
        check(&[(graceful(false), &[Action::Finished])]);
    }

    #[test]
    fn a_graceful_stop_ends_without_a_batch_that_cannot_run() {
        check(&[
            (Event::Tick(at(10)), &[Action::Allocate(batch(10))]),
            (Event::Stop { graceful: true, backlog: false }, &[]),
            (Event::Dropped(at(10)), &[Action::Finished]),
        ]);
    }

    #[test]
    fn a_plain_stop_drops_what_waits() {
        check(&[
            (Event::Tick(at(10)), &[Action::Allocate(batch(10))]),
            (Event::Allocated(at(10)), &[Action::Run(batch(10))]),
            (Event::Tick(at(20)), &[Action::Allocate(batch(20))]),
            (Event::Stop { graceful: false, backlog: true }, &[]),
            (Event::Allocated(at(20)), &[]), // too late: it was dropped
            (Event::Done(at(10)), &[Action::Finished]),
        ]);
    }
}

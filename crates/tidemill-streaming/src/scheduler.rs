//! Which batch runs when: events in, actions out. No threads, no clock.

use std::collections::VecDeque;
use std::time::Duration;

use tidemill_core::Timestamp;

use crate::batch::Batch;

/// News for the scheduler of batches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// A batch time has come.
    Tick(Timestamp),
    /// All outputs of the running batch are done, well or not.
    Done(Timestamp),
    /// No more batches are to be made. With `graceful`, those that wait are run first, and one more if there is
    /// input that is in none yet (`backlog`); receivers have ended before.
    Stop { graceful: bool, backlog: bool },
}

/// What the scheduler wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Give all input that is in no batch yet to this one.
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
    waiting: VecDeque<Batch>,
    running: Option<Batch>,
    last: Option<Timestamp>,
    stopping: bool,
    finished: bool,
}

impl BatchScheduler {
    /// A scheduler whose first batch is to come after `zero`.
    pub(crate) fn new(interval: Duration) -> BatchScheduler {
        BatchScheduler {
            interval,
            waiting: VecDeque::new(),
            running: None,
            last: None,
            stopping: false,
            finished: false,
        }
    }

    pub(crate) fn on(&mut self, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Tick(time) if !self.stopping => self.add(time, actions),
            Event::Tick(_) => {}
            Event::Done(time) => drop(self.running.take_if(|running| running.time == time)),
            Event::Stop { graceful, backlog } => {
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
        }
        self.go_on(actions);
    }

    fn add(&mut self, time: Timestamp, actions: &mut Vec<Action>) {
        let batch = Batch { time };
        self.last = Some(time);
        self.waiting.push_back(batch);
        actions.push(Action::Allocate(batch));
    }

    fn go_on(&mut self, actions: &mut Vec<Action>) {
        if self.running.is_some() {
            return;
        }
        if let Some(batch) = self.waiting.pop_front() {
            self.running = Some(batch);
            actions.push(Action::Run(batch));
        } else if self.stopping && !self.finished {
            self.finished = true;
            actions.push(Action::Finished);
        }
    }

    /// Starts at `zero`: no batch has a time up to it.
    pub(crate) fn start_after(&mut self, zero: Timestamp) {
        self.last = Some(zero);
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
        scheduler.start_after(Timestamp::from_millis(0));
        for (event, expected) in events {
            let mut actions = Vec::new();
            scheduler.on(*event, &mut actions);
            assert_eq!(actions, *expected, "after {event:?}");
        }
    }

    #[test]
    fn late_batches_wait_and_run_in_order() {
        // behaviour 2.37, behaviour 2.38
        let at = Timestamp::from_millis;
        check(&[
            (Event::Tick(at(10)), &[Action::Allocate(batch(10)), Action::Run(batch(10))]),
            (Event::Tick(at(20)), &[Action::Allocate(batch(20))]),
            (Event::Tick(at(30)), &[Action::Allocate(batch(30))]),
            (Event::Done(at(10)), &[Action::Run(batch(20))]),
            (Event::Done(at(20)), &[Action::Run(batch(30))]),
            (Event::Done(at(30)), &[]),
        ]);
    }

    #[test]
    fn a_graceful_stop_runs_what_waits_and_what_is_in_no_batch_yet() {
        // behaviour 2.33, without its wait for a batch that cannot come
        let at = Timestamp::from_millis;
        let graceful = |backlog| Event::Stop { graceful: true, backlog };
        check(&[
            (Event::Tick(at(10)), &[Action::Allocate(batch(10)), Action::Run(batch(10))]),
            (graceful(true), &[Action::Allocate(batch(20))]),
            (Event::Tick(at(20)), &[]),
            (Event::Done(at(10)), &[Action::Run(batch(20))]),
            (Event::Done(at(20)), &[Action::Finished]),
        ]);
        check(&[(graceful(false), &[Action::Finished])]);
    }

    #[test]
    fn a_plain_stop_drops_what_waits() {
        let at = Timestamp::from_millis;
        check(&[
            (Event::Tick(at(10)), &[Action::Allocate(batch(10)), Action::Run(batch(10))]),
            (Event::Tick(at(20)), &[Action::Allocate(batch(20))]),
            (Event::Stop { graceful: false, backlog: true }, &[]),
            (Event::Done(at(10)), &[Action::Finished]),
        ]);
    }
}

//! A receiver that does what the test says.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tidemill_core::Element;
use tidemill_streaming::DeadLetter;
use tidemill_streaming::receiver::{self, ReceiverError, Supervisor};

use crate::PATIENCE;

/// What a run does next. What is no end of the run is acknowledged.
pub(crate) enum Step<T> {
    Store(T),
    Block(Vec<T>),
    Reject(DeadLetter),
    Report(&'static str),
    Restart(&'static str),
    Fail(&'static str),
    Panic(&'static str),
    /// Sent by the receiver itself when it is to stop.
    Stop,
}

/// The test's end of the receiver.
pub(crate) struct Script<T> {
    steps: SyncSender<Step<T>>,
    /// The number of each step that is done, and of each run that begins: 0.
    pub(crate) done: Receiver<u64>,
    sent: Mutex<u64>,
}

pub(crate) struct Scripted<T> {
    steps: (SyncSender<Step<T>>, Mutex<Receiver<Step<T>>>),
    done: SyncSender<u64>,
    count: Mutex<u64>,
}

pub(crate) fn scripted<T: Element>() -> (Script<T>, Scripted<T>) {
    let (sender, steps) = sync_channel(1000);
    let (done, dones) = sync_channel(1000);
    let receiver = Scripted { steps: (sender.clone(), Mutex::new(steps)), done, count: Mutex::new(0) };
    (Script { steps: sender, done: dones, sent: Mutex::new(0) }, receiver)
}

impl<T: Element> Script<T> {
    /// Waits until a run has begun.
    #[track_caller]
    pub(crate) fn begun(&self) {
        assert_eq!(self.done.recv_timeout(PATIENCE).expect("the run did not begin"), 0);
    }

    /// Lets the receiver do something and waits until it is done.
    #[track_caller]
    pub(crate) fn step(&self, step: Step<T>) {
        self.start_step(step);
        let done = self.done.recv_timeout(PATIENCE).expect("the receiver did not come through");
        assert_eq!(done, *self.sent.lock().unwrap());
    }

    /// Lets the receiver do something, and returns at once.
    pub(crate) fn start_step(&self, step: Step<T>) {
        *self.sent.lock().unwrap() += 1;
        self.steps.send(step).unwrap();
    }
}

impl<T: Element> receiver::Receiver for Scripted<T> {
    type Item = T;

    fn run(&self, to: &Supervisor<T>) -> Result<(), ReceiverError> {
        self.done.send(0)?;
        let stop = self.steps.0.clone();
        to.on_stop(move || drop(stop.try_send(Step::Stop)));
        loop {
            let step = self.steps.1.lock().unwrap().recv_timeout(PATIENCE)?;
            if !matches!(step, Step::Stop) {
                *self.count.lock().unwrap() += 1;
            }
            match step {
                Step::Store(item) => to.store(item)?,
                Step::Block(items) => to.store_block(items)?,
                Step::Reject(letter) => to.reject(letter)?,
                Step::Report(error) => to.report_error(error),
                Step::Restart(reason) => to.restart(reason),
                Step::Fail(error) => return Err(error.into()),
                Step::Panic(message) => panic!("{message}"),
                Step::Stop => return Ok(()),
            }
            self.done.send(*self.count.lock().unwrap())?;
        }
    }
}

//! One task on a worker: input goes out and output comes in, and neither waits for the other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tidemill_core::Stop;
use tidemill_core::task::TaskContext;

use super::connection::Connection;
use super::crew::Crew;
use super::frames::{Head, LAST, Order, Reply};
use super::link::Filled;
use super::{Feed, Frame, Payload, Running, TaskHead, Work, WorkerError, WorkerFailure};

/// Below this, a run is not sent before it is known whether it is the last: a tiny task is then one write.
const LOOK_AHEAD_BELOW_BYTES: usize = 64 << 10;
/// A worker whose task is dropped has so long to end it by itself, before it is killed; a new one costs 3 ms.
const ABANDON_WAIT: Duration = Duration::from_millis(20);
const ABANDON_CHECK_MS: u32 = 5;

/// A task and its worker.
pub(super) struct TaskRun {
    crew: Arc<Crew>,
    /// Gone when the task is over.
    worker: Option<Connection>,
    work: Arc<Work>,
    head: TaskHead,
    input: Input,
    updates: Option<Vec<u8>>,
}

/// How far the input is.
enum Input {
    /// Nothing was drawn or sent.
    Unasked,
    /// A frame that was drawn and waits for room.
    Drawn(Frame),
    /// There may be more.
    More,
    /// The worker was told of its end.
    Ended,
}

impl TaskRun {
    pub(super) fn new(crew: Arc<Crew>, worker: Connection, work: Arc<Work>, head: TaskHead) -> TaskRun {
        TaskRun { crew, worker: Some(worker), work, head, input: Input::Unasked, updates: None }
    }

    /// Queues the next input, when all before it has left.
    fn queue_input(&mut self, feed: &mut dyn Feed) -> Result<(), Stop> {
        let Some(worker) = &mut self.worker else { return Ok(()) };
        let is_first = matches!(self.input, Input::Unasked);
        let drawn = match std::mem::replace(&mut self.input, Input::More) {
            Input::Drawn(frame) => Some(frame),
            before => match feed.next() {
                Ok(drawn) => drawn,
                Err(stop) => {
                    self.input = before;
                    return Err(stop);
                }
            },
        };
        if is_first {
            worker.begin(&self.work, &self.head, drawn.is_none());
        }
        let Some(frame) = drawn else {
            if !is_first {
                worker.link.queue(end_of_input(self.work.id, LAST), Payload::EMPTY);
            }
            self.input = Input::Ended;
            return Ok(());
        };
        let mut flags = 0;
        if frame.payload.as_ref().len() < LOOK_AHEAD_BELOW_BYTES {
            self.input = feed.next()?.map_or(Input::Ended, Input::Drawn);
            flags = if matches!(self.input, Input::Ended) { LAST } else { 0 };
        }
        let run = Head { flags, format: frame.format, count: frame.count, ..Head::order(Order::Run, self.work.id) };
        worker.link.queue(Head { bucket: frame.bucket, ..run }, frame.payload);
        Ok(())
    }

    /// The next reply of the worker, feeding it meanwhile.
    fn next_reply(&mut self, feed: &mut dyn Feed, cx: &TaskContext) -> Result<(Head, Vec<u8>), Stop> {
        loop {
            cx.check()?;
            let Some(worker) = &mut self.worker else { return Err(WorkerError::Stopped.into()) };
            if let Some(frame) = worker.link.take()? {
                return Ok(frame);
            }
            let filled = match self.input {
                Input::Unasked => Filled::Nothing,
                _ => worker.link.fill().map_err(talking)?,
            };
            match filled {
                Filled::Some => continue,
                Filled::End => return Err(worker.why_gone().into()),
                Filled::Nothing => {}
            }
            if worker.link.is_flushed() && !matches!(self.input, Input::Ended) {
                self.queue_input(feed)?;
            }
            let Some(worker) = &mut self.worker else { continue };
            if !worker.link.is_flushed() {
                match worker.link.flush() {
                    Ok(()) => {}
                    // It is gone, or will be: what it said before is read first.
                    Err(error) if is_closed(&error) => self.input = Input::Ended,
                    Err(error) => return Err(talking(error).into()),
                }
            }
            if !worker.link.is_flushed() || matches!(self.input, Input::Ended) {
                worker.wait()?;
            }
        }
    }

    /// Takes leave of a worker that has said that it is done: it wants to hear the end of its input, and is free.
    fn end(&mut self, cx: &TaskContext) -> Result<(), Stop> {
        let Some(worker) = &mut self.worker else { return Ok(()) };
        if !matches!(self.input, Input::Ended) {
            worker.link.queue(end_of_input(self.work.id, LAST), Payload::EMPTY);
            self.input = Input::Ended;
        }
        while !worker.link.is_flushed() {
            cx.check()?;
            worker.link.flush().map_err(talking)?;
            if !worker.link.is_flushed() {
                worker.wait()?;
            }
        }
        if let Some(worker) = self.worker.take() {
            self.crew.put_back(worker);
        }
        Ok(())
    }

    /// Ends the task's input, and throws away what the worker still sends; whether it is done with the task.
    fn abandon(&self, worker: &mut Connection) -> Result<bool, WorkerError> {
        if !matches!(self.input, Input::Ended) {
            worker.link.queue(end_of_input(self.work.id, LAST), Payload::EMPTY);
        }
        let until = self.crew.now() + ABANDON_WAIT;
        while self.crew.now() < until {
            worker.link.flush().map_err(talking)?;
            while let Some((head, _)) = worker.link.take()? {
                if head.reply() != Some(Reply::Out) {
                    return Ok(worker.link.is_flushed());
                }
            }
            match worker.link.fill().map_err(talking)? {
                Filled::Some => {}
                Filled::End => return Ok(false),
                Filled::Nothing => drop(worker.link.wait(ABANDON_CHECK_MS).map_err(talking)?),
            }
        }
        Ok(false)
    }
}

impl Running for TaskRun {
    fn next(&mut self, feed: &mut dyn Feed, cx: &TaskContext) -> Result<Option<Frame>, Stop> {
        if self.worker.is_none() {
            return Ok(None);
        }
        let (head, payload) = self.next_reply(feed, cx)?;
        match head.reply() {
            Some(Reply::Out) => {
                let Head { format, bucket, count, .. } = head;
                Ok(Some(Frame { format, bucket, count, payload: Payload::Owned(payload) }))
            }
            Some(Reply::Done) => {
                self.end(cx)?;
                self.updates = Some(payload).filter(|updates| !updates.is_empty());
                Ok(None)
            }
            Some(Reply::Fail) => {
                self.end(cx)?;
                let failure = WorkerFailure::parse(&payload);
                let failure = failure.ok_or_else(|| WorkerError::Garbled("a failure without text".into()))?;
                Err(WorkerError::Raised(failure).into())
            }
            None => Err(WorkerError::Garbled(format!("a frame of kind {}", head.kind)).into()),
        }
    }

    fn updates(&mut self) -> Option<Vec<u8>> {
        self.updates.take()
    }
}

impl Drop for TaskRun {
    fn drop(&mut self) {
        let Some(mut worker) = self.worker.take() else { return };
        if matches!(self.input, Input::Unasked) {
            self.crew.put_back(worker);
        } else if !worker.has_ended() {
            match self.abandon(&mut worker) {
                Ok(true) => self.crew.put_back(worker),
                _ => worker.kill(),
            }
        }
    }
}

fn end_of_input(id: u32, flags: u8) -> Head {
    Head { flags, ..Head::order(Order::Run, id) }
}

pub(super) fn talking(error: io::Error) -> WorkerError {
    WorkerError::system("talk to", error)
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

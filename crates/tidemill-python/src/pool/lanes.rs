//! Lanes: workers that keep state. Each answers one request at a time.
//!
//! They are beside the workers of tasks, so that whoever draws a task's input while he waits for a lane gets on. A request
//! has all its input with it, and its answer is taken whole: nobody waits for anybody else while he has a lane.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_core::Stop;
use tidemill_core::task::TaskContext;

use super::connection::{CANCEL_CHECK_MS, Connection};
use super::crew::Crew;
use super::frames::{Head, LAST, Order, Reply};
use super::link::Filled;
use super::running::talking;
use super::{Frame, Payload, Pool, Work, WorkerError, WorkerFailure};

/// Workers that keep state, each started when it is first needed. They end when this is dropped.
pub struct Lanes {
    crew: Arc<Crew>,
    lanes: Vec<Lane>,
}

#[derive(Default)]
struct Lane {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    is_taken: bool,
    /// The worker, unless somebody has the lane, with its number.
    worker: Option<(Connection, u64)>,
    /// What the worker is asked before anything else.
    first: Vec<Request<'static>>,
}

/// A lane that nobody else has until this is dropped.
pub struct Hold<'a> {
    crew: &'a Crew,
    lane: &'a Lane,
    worker: Option<(Connection, u64)>,
}

/// What is asked of a worker that keeps state: see `worker/resident.py`.
pub struct Request<'a> {
    /// What to do.
    pub what: u32,
    /// The table, and what there is to know of the task.
    pub payload: Vec<u8>,
    /// The function that is run.
    pub work: Option<&'a Arc<Work>>,
    /// The input; what a frame is stands in its bucket.
    pub input: Vec<Frame>,
}

/// What a worker that keeps state has answered.
pub struct Answer {
    /// The output; what a frame is stands in its bucket.
    pub output: Vec<Frame>,
    /// As [`Running::updates`](super::Running::updates).
    pub updates: Option<Vec<u8>>,
}

impl Pool {
    /// So many lanes, at least one.
    pub fn lanes(&self, count: usize) -> Lanes {
        Lanes { crew: Arc::clone(self.crew()), lanes: (0..count.max(1)).map(|_| Lane::default()).collect() }
    }
}

impl Lanes {
    /// Takes the lane of `partition`, once it is free.
    ///
    /// # Errors
    /// [`Stop::Cancelled`] if the task is cancelled first.
    pub fn take(&self, partition: usize, cx: Option<&TaskContext>) -> Result<Hold<'_>, Stop> {
        let lane = &self.lanes[partition % self.lanes.len()];
        let mut state = lane.lock();
        while state.is_taken {
            cx.map_or(Ok(()), TaskContext::check)?;
            let wait = Duration::from_millis(u64::from(CANCEL_CHECK_MS));
            state = lane.freed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_taken = true;
        let worker = state.worker.take().and_then(|mut taken| taken.0.is_usable().then_some(taken));
        let first = std::mem::take(&mut state.first);
        drop(state);
        let mut hold = Hold { crew: &self.crew, lane, worker };
        for request in first {
            if hold.worker.is_some() {
                hold.ask(request, cx)?;
            }
        }
        Ok(hold)
    }

    /// Asks the lane of `partition`, if it has a worker, to forget something before it is asked for anything else.
    pub fn forget(&self, partition: usize, request: Request<'static>) {
        let lane = &self.lanes[partition % self.lanes.len()];
        let mut state = lane.lock();
        if state.is_taken || state.worker.is_some() {
            state.first.push(request);
        }
    }
}

impl Hold<'_> {
    /// The number of the lane's worker: one that has died and was replaced has another.
    ///
    /// # Errors
    /// No worker can be started.
    pub fn worker(&mut self) -> Result<u64, WorkerError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if let Some((_, number)) = &self.worker {
            return Ok(*number);
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.worker = Some((self.crew.take()?, number));
        Ok(number)
    }

    /// Asks the lane's worker, and waits for its answer.
    ///
    /// # Errors
    /// As for [`Running::next`](super::Running::next); unless the function failed the worker is replaced, and nothing of
    /// what it kept is there.
    pub fn ask(&mut self, request: Request<'_>, cx: Option<&TaskContext>) -> Result<Answer, Stop> {
        self.worker()?;
        let Some((mut worker, number)) = self.worker.take() else { return Err(WorkerError::Stopped.into()) };
        match answer(&mut worker, request, cx) {
            Ok(answer) => {
                self.worker = Some((worker, number));
                answer.map_err(|failure| WorkerError::Raised(failure).into())
            }
            Err(stop) => {
                worker.kill();
                Err(stop)
            }
        }
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let mut state = self.lane.lock();
        state.is_taken = false;
        state.worker = self.worker.take();
        drop(state);
        self.lane.freed.notify_one();
    }
}

impl Lane {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer, or how the function failed; an error where the worker is of no use any more.
fn answer(
    worker: &mut Connection,
    request: Request<'_>,
    cx: Option<&TaskContext>,
) -> Result<Result<Answer, WorkerFailure>, Stop> {
    queue(worker, request);
    let mut output = Vec::new();
    loop {
        cx.map_or(Ok(()), TaskContext::check)?;
        // It may be gone: what it said before is read first.
        let _ = worker.link.flush();
        while let Some((head, payload)) = worker.link.take()? {
            let Head { format, bucket, count, .. } = head;
            match head.reply() {
                Some(Reply::Out) => output.push(Frame { format, bucket, count, payload: Payload::Owned(payload) }),
                Some(Reply::Done) => {
                    return Ok(Ok(Answer { output, updates: Some(payload).filter(|updates| !updates.is_empty()) }));
                }
                Some(Reply::Fail) => {
                    let failure = WorkerFailure::parse(&payload);
                    // What it had to drain may still be on its way.
                    while failure.is_some() && !worker.link.is_flushed() {
                        worker.wait()?;
                        worker.link.flush().map_err(talking)?;
                    }
                    return failure.map(Err).ok_or(WorkerError::Garbled("a failure without text".into()).into());
                }
                None => return Err(WorkerError::Garbled(format!("a frame of kind {}", head.kind)).into()),
            }
        }
        match worker.link.fill().map_err(talking)? {
            Filled::Some => {}
            Filled::Nothing => worker.wait()?,
            Filled::End => return Err(worker.why_gone().into()),
        }
    }
}

fn queue(worker: &mut Connection, request: Request<'_>) {
    let Request { what, payload, work, mut input } = request;
    let id = work.map_or(0, |work| worker.define(work));
    let last = input.pop();
    let flags = if last.is_none() { LAST } else { 0 };
    let state = Head { flags, bucket: what, ..Head::order(Order::State, id) };
    worker.link.queue(state, Payload::Owned(payload));
    let is_last = input.iter().map(|_| 0).chain([LAST]).collect::<Vec<_>>();
    for (frame, flags) in input.into_iter().chain(last).zip(is_last) {
        let Frame { format, bucket, count, payload } = frame;
        worker.link.queue(Head { flags, format, count, bucket, ..Head::order(Order::Run, id) }, payload);
    }
}

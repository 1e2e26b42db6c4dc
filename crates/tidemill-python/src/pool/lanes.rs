//! Lanes: workers that keep state. Each answers one request at a time.
//!
//! They are beside the workers of tasks, so that whoever draws a task's input while he waits for a lane gets on. A request
//! has all its input with it, and its answer is taken as it comes: nobody waits for anybody else while he has a lane.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_core::Stop;
use tidemill_core::task::TaskContext;

use super::connection::{CANCEL_CHECK_MS, Connection};
use super::crew::Crew;
use super::{Frame, Pool, Work, WorkerError};

mod asking;
mod tables;

use asking::answer;
use tables::Tables;

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
    /// The worker, unless somebody has the lane.
    worker: Option<Keeping>,
    /// What the worker is asked before anything else, and the table that is gone then.
    first: Vec<(u64, Request<'static>)>,
}

/// A worker with its number, and what it keeps.
struct Keeping {
    connection: Connection,
    number: u64,
    tables: Tables,
}

/// A lane that nobody else has until this is dropped.
pub struct Hold<'a> {
    crew: &'a Crew,
    lane: &'a Lane,
    worker: Option<Keeping>,
}

/// What is asked of a worker that keeps state: see `worker/resident.py`.
pub struct Request<'a> {
    /// What to do.
    pub what: u32,
    /// The table, and what there is to know of the task.
    pub payload: Vec<u8>,
    /// The function that is run.
    pub work: Option<&'a Arc<Work>>,
    /// The input.
    pub input: Input<'a>,
}

/// The input of a request; what a frame is stands in its bucket. A frame is drawn when there is room to send it.
pub type Input<'a> = Box<dyn Iterator<Item = Result<Frame, Stop>> + Send + 'a>;

/// Takes what comes of a request, frame by frame, in the middle of it; what a frame is stands in its bucket.
pub type Output<'a> = dyn FnMut(Frame) -> Result<(), Stop> + 'a;

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
        let worker = state.worker.take().and_then(|mut taken| taken.connection.is_usable().then_some(taken));
        let first = std::mem::take(&mut state.first);
        drop(state);
        let mut hold = Hold { crew: &self.crew, lane, worker };
        for (table, request) in first {
            if let Some(worker) = &mut hold.worker {
                worker.tables.forget(table);
                hold.ask(request, cx, &mut |_| Ok(()))?;
            }
        }
        Ok(hold)
    }

    /// Asks the lane of `partition`, if it has a worker, to forget a table before it is asked for anything else.
    pub fn forget(&self, partition: usize, table: u64, request: Request<'static>) {
        let lane = &self.lanes[partition % self.lanes.len()];
        let mut state = lane.lock();
        if state.is_taken || state.worker.is_some() {
            state.first.push((table, request));
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
        if let Some(worker) = &self.worker {
            return Ok(worker.number);
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.worker = Some(Keeping { connection: self.crew.take()?, number, tables: Tables::default() });
        Ok(number)
    }

    /// So many bytes may the tables of a worker take together.
    pub fn table_memory(&self) -> u64 {
        self.crew.table_memory()
    }

    /// Whether the worker has a table.
    pub fn has(&self, table: u64) -> bool {
        self.worker.as_ref().is_some_and(|worker| worker.tables.has(table))
    }

    /// The worker has a table, of about so many bytes, and has used it.
    pub fn has_used(&mut self, table: u64, bytes: u64) {
        if let Some(worker) = &mut self.worker {
            worker.tables.used(table, bytes);
        }
    }

    /// The worker has a table no more, or it cannot be relied on.
    pub fn has_not(&mut self, table: u64) {
        if let Some(worker) = &mut self.worker {
            worker.tables.gone(table);
        }
    }

    /// Another table that the worker should forget so that this one may take so many bytes more than it does now: all are
    /// to be within the memory that workers' tables may take.
    pub fn surplus(&self, table: u64, more: u64) -> Option<u64> {
        self.worker.as_ref().and_then(|worker| worker.tables.surplus(table, more, self.crew.table_memory()))
    }

    /// Asks the lane's worker, and waits for the end of its answer; returns what the function added to accumulators, as
    /// [`Running::updates`](super::Running::updates) does.
    ///
    /// # Errors
    /// Those of the input and the output, or as for [`Running::next`](super::Running::next); unless the function failed the
    /// worker is replaced, and nothing of what it kept is there.
    pub fn ask(
        &mut self,
        request: Request<'_>,
        cx: Option<&TaskContext>,
        output: &mut Output<'_>,
    ) -> Result<Option<Vec<u8>>, Stop> {
        self.worker()?;
        let Some(mut worker) = self.worker.take() else { return Err(WorkerError::Stopped.into()) };
        match answer(&mut worker.connection, request, cx, output) {
            Ok(answered) => {
                self.worker = Some(worker);
                answered.map_err(|failure| WorkerError::Raised(failure).into())
            }
            Err(stop) => {
                worker.connection.kill();
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

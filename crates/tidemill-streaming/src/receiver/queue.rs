//! `Queue`: finished blocks that wait to be written to the log, and those who wait for them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tidemill_core::memory::Grant;
use tidemill_core::store::AnyValue;

use crate::receiver::blocks::Kind;
use crate::receiver::form::Failure;
use crate::receiver::{Stopped, StoreError};

/// Blocks on their way into the log. One thread takes them out, in the order in which they came.
pub(crate) struct Queue {
    /// How many blocks wait before those who add more do (behaviour 4.9).
    size: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Item>,
    /// The number of the next block to come.
    next: u64,
    /// The block that is being written.
    writing: Option<u64>,
    /// How often writing has failed, and why the last time; none after a success.
    failures: u64,
    failure: Option<String>,
    /// The log is to be tried again although it failed the last time.
    again: bool,
    /// Nobody waits for room any more: the receiver is told to stop.
    hurried: bool,
    ended: bool,
    /// A thread writes.
    written: bool,
}

/// A block that waits.
pub(crate) struct Item {
    /// Counts the blocks of the stream.
    pub(crate) number: u64,
    pub(crate) what: What,
    /// Of somebody who waits until it is in the log, and has it back if that fails.
    pub(crate) ticket: Option<Ticket>,
}

/// What is to be written.
pub(crate) enum What {
    /// A block of so many records, or letters.
    Block { kind: Kind, value: AnyValue, grant: Grant, records: u64 },
    /// Why the next batch has to fail.
    Failure(Failure),
}

/// What became of a block.
pub(crate) type Ticket = Arc<OnceLock<Result<(), StoreError>>>;

/// How far the writing of what waits has come.
#[derive(Debug, PartialEq)]
pub(crate) enum Flushed {
    /// All of it is in the log.
    All,
    /// Some of it waits still.
    Left {
        /// So many blocks.
        blocks: usize,
        /// Why the log failed; it is slow if it did not.
        failure: Option<String>,
    },
}

impl Queue {
    pub(crate) fn new(size: usize) -> Queue {
        Queue { size, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Sets the number that the next block gets.
    pub(crate) fn begin_at(&self, number: u64) {
        self.state().next = number;
    }

    /// Adds what is to be written; waits while too much does. What comes after the end is dropped.
    pub(crate) fn add(&self, what: What) {
        let is_full = |state: &mut State| self.is_full_now(state);
        let state = self.changed.wait_while(self.state(), is_full).unwrap_or_else(PoisonError::into_inner);
        if !state.ended {
            self.add_now(state, what, None);
        }
    }

    /// Adds a block whose fate [`Added::wait`] tells; waits for room no longer than `limit` by the machine's clock, and
    /// for its fate as long again. `late` is the error where that is over.
    pub(crate) fn add_awaited(&self, what: What, limit: Duration, late: StoreError) -> Added<'_> {
        let ticket = Ticket::default();
        let is_full = |state: &mut State| self.is_full_now(state);
        let waited = self.changed.wait_timeout_while(self.state(), limit, is_full);
        let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        let added = Added { queue: self, ticket: Arc::clone(&ticket), limit, late };
        if waited.timed_out() {
            let _ = ticket.set(Err(added.late.clone()));
        } else if !state.ended {
            self.add_now(state, what, Some(ticket));
        }
        added
    }

    fn is_full_now(&self, state: &State) -> bool {
        state.waiting.len() >= self.size && !state.hurried && !state.ended
    }

    fn add_now(&self, mut state: MutexGuard<'_, State>, what: What, ticket: Option<Ticket>) {
        let number = state.next;
        state.next += 1;
        state.again = true;
        state.waiting.push_back(Item { number, what, ticket });
        drop(state);
        self.changed.notify_all();
    }

    /// Takes out the next block for the thread that writes; `None` at the end. After a failure it waits until somebody asks
    /// for another attempt.
    pub(crate) fn next(&self) -> Option<Item> {
        let idle =
            |state: &mut State| (state.waiting.is_empty() || (state.failure.is_some() && !state.again)) && !state.ended;
        let mut state = self.changed.wait_while(self.state(), idle).unwrap_or_else(PoisonError::into_inner);
        if state.ended {
            return None;
        }
        state.again = false;
        let item = state.waiting.pop_front()?;
        state.writing = Some(item.number);
        Some(item)
    }

    /// The block that was taken out is in the log, or can never be.
    pub(crate) fn settle(&self, ticket: Option<&Ticket>, result: Result<(), StoreError>) {
        let mut state = self.state();
        if result.is_ok() {
            state.failure = None;
        }
        self.end_turn(state, ticket, result);
    }

    /// The log failed. Who waits for a block is told so and has it back; another block is the next again, and those who
    /// wait for one behind it are told too, since theirs has to wait for it. Whether it is the first failure in a row.
    pub(crate) fn fail(&self, item: Item, error: StoreError) -> bool {
        let mut state = self.state();
        state.failures += 1;
        let first = state.failure.replace(error.to_string()).is_none();
        let ticket = item.ticket.clone();
        let mut given_back = Vec::new();
        if ticket.is_none() {
            let waiting = std::mem::take(&mut state.waiting);
            let (awaited, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|item| item.ticket.is_some());
            state.waiting = std::iter::once(item).chain(others).collect();
            for awaited in awaited.iter().filter_map(|item| item.ticket.as_ref()) {
                let _ = awaited.set(Err(error.clone()));
            }
            given_back = awaited;
        } else if !state.waiting.is_empty() {
            state.again = true; // it may have been this block alone
        }
        self.end_turn(state, ticket.as_ref(), Err(error));
        drop(given_back); // after the lock: it may be much
        first
    }

    fn end_turn(&self, mut state: MutexGuard<'_, State>, ticket: Option<&Ticket>, result: Result<(), StoreError>) {
        state.writing = None;
        if let Some(ticket) = ticket {
            let _ = ticket.set(result); // nobody else sets it: the item was taken out
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until all that waits now is in the log, but no longer than `limit` by the machine's clock, and not if the log
    /// fails.
    pub(crate) fn flush(&self, limit: Duration) -> Flushed {
        let mut state = self.state();
        let (until, failures) = (state.next, state.failures);
        state.again = true;
        self.changed.notify_all();
        let waiting = |state: &mut State| state.before(until) > 0 && state.failures == failures && !state.ended;
        let waited = self.changed.wait_timeout_while(state, limit, waiting);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match state.before(until) {
            0 => Flushed::All,
            blocks => Flushed::Left { blocks, failure: state.failure.clone() },
        }
    }

    /// Whether a block would have to wait for room.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full_now(&self.state())
    }

    /// Whether something waits or is being written.
    pub(crate) fn has_more(&self) -> bool {
        self.state().before(u64::MAX) > 0
    }

    /// Lets nobody wait for room any more: what comes now are the last blocks of a receiver that is told to stop.
    pub(crate) fn hurry(&self) {
        self.state().hurried = true;
        self.changed.notify_all();
    }

    /// Drops what waits, and whatever comes.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        let dropped = std::mem::take(&mut state.waiting);
        drop(state);
        self.changed.notify_all();
        drop(dropped); // after the lock: it may be much
    }

    /// A thread begins to write.
    pub(crate) fn begin(&self) {
        self.state().written = true;
    }

    /// The thread that writes is done.
    pub(crate) fn is_over(&self) {
        self.state().written = false;
        self.changed.notify_all();
    }

    /// Waits until no thread writes; `false` if that takes longer than `limit` by the machine's clock.
    pub(crate) fn await_over(&self, limit: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.state(), limit, |state| state.written);
        !waited.unwrap_or_else(PoisonError::into_inner).0.written
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How many blocks with smaller numbers are not in the log yet.
    fn before(&self, number: u64) -> usize {
        let waiting = self.waiting.iter().filter(|item| item.number < number).count();
        waiting + usize::from(self.writing.is_some_and(|writing| writing < number))
    }
}

/// A block that somebody waits for.
pub(crate) struct Added<'a> {
    queue: &'a Queue,
    ticket: Ticket,
    limit: Duration,
    late: StoreError,
}

impl Added<'_> {
    /// Waits until the block is in the log.
    ///
    /// # Errors
    /// [`Stopped`] if the context ends before; that it is late, and then it is taken back unless it is being written; or
    /// what the writer says.
    pub(crate) fn wait(self) -> Result<(), StoreError> {
        let open = |state: &mut State| self.ticket.get().is_none() && !state.ended;
        let waited = self.queue.changed.wait_timeout_while(self.queue.state(), self.limit, open);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if let Some(fate) = self.ticket.get() {
            return fate.clone();
        }
        if state.ended {
            return Err(Stopped.into());
        }
        let is_it = |item: &Item| item.ticket.as_ref().is_some_and(|ticket| Arc::ptr_eq(ticket, &self.ticket));
        let at = state.waiting.iter().position(is_it);
        let taken_back = at.and_then(|at| state.waiting.remove(at));
        drop(state);
        self.queue.changed.notify_all();
        drop(taken_back);
        Err(self.late)
    }
}

#[cfg(test)]
mod tests;

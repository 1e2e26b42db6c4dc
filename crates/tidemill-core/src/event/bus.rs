//! The way of events to listeners: one bounded queue and one thread for each listener; nobody waits for them.

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use super::{Event, Listener};
use crate::Cause;
use crate::settings::keys;

/// So many events wait at most before a patient listener is woken: those of some ten small jobs.
const PATIENCE: usize = 256;

/// Tells events to listeners. Dropping it ends the listeners once they have been told what is queued.
#[derive(Debug)]
pub struct EventBus<E = Event> {
    shared: Arc<Shared<E>>,
    queue_limit: usize,
}

/// A listener that was added. Dropping the handle leaves the listener where it is.
#[derive(Debug)]
pub struct ListenerHandle<E = Event> {
    lane: u64,
    dropped: Arc<AtomicU64>,
    shared: Arc<Shared<E>>,
}

impl<E> Clone for ListenerHandle<E> {
    fn clone(&self) -> Self {
        ListenerHandle { lane: self.lane, dropped: self.dropped.clone(), shared: self.shared.clone() }
    }
}

/// Why a listener could not be added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenerError {
    /// The bus was stopped.
    #[error("cannot add the listener {0}: the context is stopped")]
    Stopped(String),
    /// The system gave no thread.
    #[error("cannot start a thread for the listener {name}: {source}")]
    Thread {
        /// The listener's name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

#[derive(Debug)]
struct Shared<E> {
    /// How many lanes take events. Read without the lock, so that an event nobody wants costs one load.
    listening: AtomicUsize,
    state: Mutex<State<E>>,
    /// Something was delivered or a lane ended.
    settled: Condvar,
}

#[derive(Debug)]
struct State<E> {
    lanes: Vec<Lane<E>>,
    lanes_made: u64,
    closed: bool,
    /// How many threads flush or stop. Without any, nobody is told what settled.
    waiting: usize,
}

/// One listener's way.
#[derive(Debug)]
struct Lane<E> {
    id: u64,
    name: String,
    queue: VecDeque<Arc<E>>,
    /// How many events were queued, and how many of them the listener was told.
    accepted: u64,
    delivered: u64,
    dropped: Arc<AtomicU64>,
    removed: bool,
    thread: Option<ThreadId>,
    arrived: Arc<Condvar>,
    /// Whether its thread waits for an event: waking costs a call of the system, so it is done only then.
    sleeping: bool,
    /// So many events have to wait before its thread is woken for them.
    patience: usize,
}

impl<E: Send + Sync + 'static> EventBus<E> {
    /// A bus without listeners. Each may lag behind by `queue_limit` events (`tidemill.event.queue.limit`).
    pub fn new(queue_limit: usize) -> EventBus<E> {
        let state = State { lanes: Vec::new(), lanes_made: 0, closed: false, waiting: 0 };
        let shared = Shared { listening: AtomicUsize::new(0), state: Mutex::new(state), settled: Condvar::new() };
        EventBus { shared: Arc::new(shared), queue_limit: queue_limit.max(1) }
    }

    /// Adds a listener, which is told every event from now on; `name` stands in logs about it.
    ///
    /// # Errors
    ///
    /// [`ListenerError`] if the bus was stopped or there is no thread to be had.
    pub fn add(&self, name: &str, listener: impl Listener<E> + 'static) -> Result<ListenerHandle<E>, ListenerError> {
        self.add_lane(name, listener, 1)
    }

    /// As [`add`](EventBus::add), for a listener that need not know at once: it is told when some hundred events wait, or
    /// somebody [flushes](EventBus::flush). Waking a thread for each event of a tiny job would take longer than the job.
    ///
    /// # Errors
    ///
    /// As [`add`](EventBus::add).
    pub fn add_patient(
        &self,
        name: &str,
        listener: impl Listener<E> + 'static,
    ) -> Result<ListenerHandle<E>, ListenerError> {
        // Half of the queue is left for what happens until its thread runs.
        self.add_lane(name, listener, PATIENCE.min(self.queue_limit.div_ceil(2)))
    }

    fn add_lane(
        &self,
        name: &str,
        listener: impl Listener<E> + 'static,
        patience: usize,
    ) -> Result<ListenerHandle<E>, ListenerError> {
        let dropped = Arc::new(AtomicU64::new(0));
        let arrived = Arc::new(Condvar::new());
        let id = {
            let mut state = self.shared.lock();
            if state.closed {
                return Err(ListenerError::Stopped(name.to_owned()));
            }
            let id = state.lanes_made;
            state.lanes_made += 1;
            state.lanes.push(Lane::new(id, name, dropped.clone(), arrived.clone(), patience));
            self.shared.count(&state);
            id
        };
        let shared = self.shared.clone();
        let thread = thread::Builder::new().name(format!("tidemill-listener-{id}"));
        match thread.spawn(move || run(&shared, id, &arrived, Box::new(listener))) {
            Ok(_) => Ok(ListenerHandle { lane: id, dropped, shared: self.shared.clone() }),
            Err(source) => {
                self.shared.end(id);
                Err(ListenerError::Thread { name: name.to_owned(), source })
            }
        }
    }

    /// Tells the listeners the event that `make` builds; without listeners it is not built. Never waits: where a
    /// queue is full, the event is dropped and counted.
    pub fn post(&self, make: impl FnOnce() -> E) {
        // Relaxed: who adds a listener on another thread at this moment cannot say whether this event came after.
        if self.shared.listening.load(Ordering::Relaxed) == 0 {
            return;
        }
        let event = Arc::new(make());
        let mut began_to_drop = Vec::new();
        let mut state = self.shared.lock();
        if state.closed {
            return;
        }
        for lane in state.lanes.iter_mut().filter(|lane| !lane.removed) {
            if lane.queue.len() < self.queue_limit {
                lane.queue.push_back(event.clone());
                lane.accepted += 1;
                if lane.queue.len() >= lane.patience {
                    lane.wake();
                }
            } else if lane.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
                began_to_drop.push(lane.name.clone());
            }
        }
        drop(state);
        for name in began_to_drop {
            let (limit, setting) = (self.queue_limit, keys::EVENT_QUEUE_LIMIT.name());
            tracing::warn!("the listener {name} lags behind by {limit} events ({setting}): further ones are dropped");
        }
    }

    /// Waits until the listeners were told all that was posted before. False if that takes longer than `timeout`.
    pub fn flush(&self, timeout: Duration) -> bool {
        let mut state = self.shared.lock();
        state.lanes.iter_mut().for_each(Lane::wake);
        let targets: Vec<(u64, u64)> = state.lanes.iter().map(|lane| (lane.id, lane.accepted)).collect();
        let is_behind = |lane: &Lane<E>| targets.iter().any(|&(id, target)| id == lane.id && lane.delivered < target);
        self.shared.wait_while(state, timeout, is_behind).is_empty()
    }

    /// Takes no more events, tells the listeners what is queued, and lets go of them. False if that takes longer
    /// than `timeout`; listeners that still run then are left behind.
    pub fn stop(&self, timeout: Duration) -> bool {
        let late = self.shared.wait_while(self.shared.close(), timeout, |_| true);
        for name in &late {
            tracing::warn!("the listener {name} did not end in time and is left behind");
        }
        late.is_empty()
    }
}

impl<E> Drop for EventBus<E> {
    fn drop(&mut self) {
        drop(self.shared.close());
    }
}

impl<E> ListenerHandle<E> {
    /// How many events the listener has missed because it lagged behind.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Lets go of the listener, which is told nothing more but what it is being told now.
    pub fn remove(&self) {
        let mut state = self.shared.lock();
        if let Some(lane) = state.lane(self.lane) {
            lane.removed = true;
            // What is not delivered any more is not waited for either.
            lane.delivered = lane.accepted;
            lane.queue.clear();
            lane.wake();
        }
        self.shared.count(&state);
        self.shared.settle(&state);
    }
}

impl<E> Shared<E> {
    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, state: &State<E>) {
        let listening = state.lanes.iter().filter(|lane| !lane.removed && !state.closed).count();
        self.listening.store(listening, Ordering::Relaxed);
    }

    fn settle(&self, state: &State<E>) {
        if state.waiting != 0 {
            self.settled.notify_all();
        }
    }

    fn close(&self) -> MutexGuard<'_, State<E>> {
        let mut state = self.lock();
        state.closed = true;
        self.count(&state);
        state.lanes.iter_mut().for_each(Lane::wake);
        state
    }

    /// Waits until no lane is as `pending` says, except that of the thread which waits: a listener may flush or stop.
    /// Gives the names of the lanes that still are when time is up.
    fn wait_while(
        &self,
        mut state: MutexGuard<'_, State<E>>,
        timeout: Duration,
        pending: impl Fn(&Lane<E>) -> bool,
    ) -> Vec<String> {
        let own = Some(thread::current().id());
        let is_pending = |lane: &Lane<E>| lane.thread != own && pending(lane);
        state.waiting += 1;
        let waited = self.settled.wait_timeout_while(state, timeout, |state| state.lanes.iter().any(is_pending));
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state.lanes.iter().filter(|lane| is_pending(lane)).map(|lane| lane.name.clone()).collect()
    }

    /// The next event of a lane, when it comes; `None` when the lane is to end.
    fn next(&self, id: u64, arrived: &Condvar) -> Option<Arc<E>> {
        let mut state = self.lock();
        loop {
            let closed = state.closed;
            let lane = state.lane(id).filter(|lane| !lane.removed)?;
            lane.thread = Some(thread::current().id());
            match lane.queue.pop_front() {
                Some(event) => return Some(event),
                None if closed => return None,
                None => lane.sleeping = true,
            }
            state = arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn delivered(&self, id: u64) {
        let mut state = self.lock();
        if let Some(lane) = state.lane(id).filter(|lane| !lane.removed) {
            lane.delivered += 1;
        }
        self.settle(&state);
    }

    fn end(&self, id: u64) {
        let mut state = self.lock();
        let index = state.lanes.iter().position(|lane| lane.id == id);
        let ended = index.map(|index| state.lanes.remove(index));
        self.count(&state);
        self.settle(&state);
        drop(state);
        if let Some((name, dropped)) = ended.map(|lane| (lane.name, lane.dropped.load(Ordering::Relaxed)))
            && dropped != 0
        {
            tracing::warn!("the listener {name} lagged behind and missed {dropped} events");
        }
    }
}

impl<E> State<E> {
    fn lane(&mut self, id: u64) -> Option<&mut Lane<E>> {
        self.lanes.iter_mut().find(|lane| lane.id == id)
    }
}

impl<E> Lane<E> {
    fn new(id: u64, name: &str, dropped: Arc<AtomicU64>, arrived: Arc<Condvar>, patience: usize) -> Lane<E> {
        let (queue, name) = (VecDeque::new(), name.to_owned());
        Lane {
            id,
            name,
            queue,
            accepted: 0,
            delivered: 0,
            dropped,
            removed: false,
            thread: None,
            arrived,
            sleeping: false,
            patience,
        }
    }

    fn wake(&mut self) {
        if std::mem::take(&mut self.sleeping) {
            self.arrived.notify_one();
        }
    }
}

/// The life of a listener's thread.
fn run<E>(shared: &Shared<E>, id: u64, arrived: &Condvar, mut listener: Box<dyn Listener<E>>) {
    while let Some(event) = shared.next(id, arrived) {
        // A listener that panicked is never called again, so nobody sees what it left half done.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| listener.on_event(&event))) {
            report_panic(shared, id, panic.as_ref());
            break;
        }
        shared.delivered(id);
    }
    // Before the lane ends: when `stop` returns, the listener has let go of its files and threads.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(listener))) {
        report_panic(shared, id, panic.as_ref());
    }
    shared.end(id);
}

fn report_panic<E>(shared: &Shared<E>, id: u64, panic: &(dyn Any + Send)) {
    let name = shared.lock().lane(id).map(|lane| lane.name.clone()).unwrap_or_default();
    tracing::error!("the listener {name} is removed: {}", Cause::panic(panic));
}

#[cfg(test)]
mod tests;

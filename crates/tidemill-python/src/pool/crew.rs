//! `Pool`: the zygote, and the workers that wait for tasks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tidemill_core::{Clock, SystemClock};

use super::connection::Connection;
use super::running::TaskRun;
use super::zygote::Zygote;
use super::{PoolSettings, Running, TaskHead, Work, WorkerError, Workers};

/// An idle worker beyond those that are kept for good ends when nobody has needed it for so long, as in PySpark.
const IDLE_MOST: Duration = Duration::from_secs(60);

/// Workers that a zygote forks. The zygote is started with the first task, and again if it dies.
pub struct Pool {
    crew: Arc<Crew>,
}

/// What tasks and the pool share.
pub(super) struct Crew {
    settings: PoolSettings,
    clock: SystemClock,
    /// Held while a zygote starts, so that there is one.
    zygote: Mutex<Option<Arc<Zygote>>>,
    state: Mutex<State>,
    is_expecting: AtomicBool,
}

#[derive(Default)]
struct State {
    /// The one that was used last is at the end.
    idle: Vec<Connection>,
    is_stopped: bool,
}

impl Pool {
    /// A pool that has started nothing.
    pub fn new(settings: PoolSettings) -> Pool {
        let (zygote, state, is_expecting) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        Pool { crew: Arc::new(Crew { settings, clock: SystemClock::new(), zygote, state, is_expecting }) }
    }

    pub(super) fn crew(&self) -> &Arc<Crew> {
        &self.crew
    }

    /// Starts in the background what the first task would have to wait for. More calls do nothing.
    pub fn expect_tasks(&self) {
        if self.crew.is_expecting.swap(true, Ordering::Relaxed) {
            return;
        }
        let crew = Arc::clone(&self.crew);
        // What goes wrong goes wrong for the first task too, which tells of it.
        let _ = thread::Builder::new().name("tidemill-warm-up".into()).spawn(move || crew.zygote().map(drop));
    }
}

impl Workers for Pool {
    fn start(&self, work: &Arc<Work>, head: TaskHead) -> Result<Box<dyn Running>, WorkerError> {
        let worker = self.crew.take()?;
        Ok(Box::new(TaskRun::new(Arc::clone(&self.crew), worker, Arc::clone(work), head)))
    }

    fn pids(&self) -> Vec<u32> {
        let zygote = self.crew.lock_zygote().clone();
        zygote.map(|zygote| zygote.pids()).unwrap_or_default()
    }

    fn stop(&self) {
        self.crew.stop();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.crew.stop();
    }
}

impl Crew {
    /// A worker that waits, or a new one.
    pub(super) fn take(&self) -> Result<Connection, WorkerError> {
        loop {
            let idle = {
                let mut state = self.lock();
                if state.is_stopped {
                    return Err(WorkerError::Stopped);
                }
                state.idle.pop()
            };
            match idle {
                Some(mut worker) => {
                    if worker.is_usable() {
                        return Ok(worker);
                    } // else somebody killed it while it waited
                }
                None => return Connection::new(self.zygote()?),
            }
        }
    }

    /// So many bytes may the tables of one worker take.
    pub(super) fn table_memory(&self) -> u64 {
        self.settings.memory
    }

    /// The time, for measuring.
    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Takes back a worker that is between tasks.
    pub(super) fn put_back(&self, mut worker: Connection) {
        let now = self.now();
        worker.idle_since = now;
        let mut state = self.lock();
        if state.is_stopped {
            return;
        }
        state.idle.push(worker);
        // The one that was idle for longest is the first.
        if state.idle.len() > self.settings.warm
            && state.idle.first().is_some_and(|worker| now.saturating_sub(worker.idle_since) > IDLE_MOST)
        {
            state.idle.remove(0);
        }
    }

    fn zygote(&self) -> Result<Arc<Zygote>, WorkerError> {
        let mut zygote = self.lock_zygote();
        if let Some(living) = zygote.as_ref().filter(|zygote| !zygote.is_dead()) {
            return Ok(Arc::clone(living));
        }
        if self.lock().is_stopped {
            return Err(WorkerError::Stopped);
        }
        let started = Arc::new(Zygote::start(&self.settings)?);
        *zygote = Some(Arc::clone(&started));
        Ok(started)
    }

    fn stop(&self) {
        let idle = {
            let mut state = self.lock();
            state.is_stopped = true;
            std::mem::take(&mut state.idle)
        };
        if let Some(zygote) = self.lock_zygote().take() {
            zygote.end();
        }
        drop(idle);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_zygote(&self) -> MutexGuard<'_, Option<Arc<Zygote>>> {
        self.zygote.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

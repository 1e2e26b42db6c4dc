//! Ending a wait early: `Wake`.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Ends the wait of one thread from others. A clone is another handle on the same wait.
#[derive(Clone, Debug, Default)]
pub struct Wake {
    shared: Arc<Shared>,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The time has come.
    Reached,
    /// [`Wake::call`] was called.
    Called,
    /// [`Wake::stop`] was called; every later wait ends so too.
    Stopped,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    called: bool,
    stopped: bool,
}

impl Wake {
    /// A wake that nobody has called yet.
    pub fn new() -> Wake {
        Wake::default()
    }

    /// Ends the wait, or the next one if nobody waits now. Several calls before the waiter comes are one.
    pub fn call(&self) {
        self.lock().called = true;
        self.shared.changed.notify_all();
    }

    /// Ends this wait and all later ones.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.shared.changed.notify_all();
    }

    /// Whether [`Wake::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Waits until called, stopped, or `remaining` says that nothing remains. `remaining` is asked with the lock
    /// held, at the start and whenever the wait is nudged or has lasted as long as it said.
    pub(super) fn wait(&self, mut remaining: impl FnMut() -> Option<Duration>) -> Woken {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return Woken::Stopped;
            }
            if std::mem::take(&mut state.called) {
                return Woken::Called;
            }
            let Some(remaining) = remaining() else {
                return Woken::Reached;
            };
            let waited = self.shared.changed.wait_timeout(state, remaining);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Makes the waiter ask again what remains.
    pub(super) fn nudge(&self) {
        // The lock makes sure that the waiter is not between asking what remains and going to sleep.
        drop(self.lock());
        self.shared.changed.notify_all();
    }

    /// Whether both are handles on the same wait.
    pub(super) fn is(&self, other: &Wake) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

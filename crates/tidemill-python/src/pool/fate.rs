//! What became of a worker, as its zygote tells it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A zygote tells of an end as soon as it sees it; longer than this is not waited for the news.
const NEWS_WAIT: Duration = Duration::from_secs(2);

/// A worker's process, shared by who uses it and who hears from the zygote.
#[derive(Default)]
pub(super) struct Fate {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    pid: Option<u32>,
    /// How it ended.
    end: Option<String>,
}

impl Fate {
    pub(super) fn born(&self, pid: u32) {
        self.lock().pid = Some(pid);
        self.news.notify_all();
    }

    /// Says how it ended; the first word counts.
    pub(super) fn ended(&self, how: impl Into<String>) {
        self.lock().end.get_or_insert(how.into());
        self.news.notify_all();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.lock().end.is_some()
    }

    /// The process, once it is known, if it lives.
    pub(super) fn pid(&self) -> Option<u32> {
        let state = self.wait(|state| state.pid.is_none() && state.end.is_none());
        if state.end.is_some() { None } else { state.pid }
    }

    /// How it ended, once that is known.
    pub(super) fn end(&self) -> String {
        let state = self.wait(|state| state.end.is_none());
        state.end.clone().unwrap_or_else(|| "it closed its connection".into())
    }

    fn wait(&self, while_so: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.news.wait_timeout_while(self.lock(), NEWS_WAIT, while_so);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait status in words.
pub(super) fn in_words(status: i32) -> String {
    let signal = status & 0x7f;
    if signal == 0 {
        return format!("exit status {}", (status >> 8) & 0xff);
    }
    let name = match signal {
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL: somebody killed it, or the machine ran out of memory)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        _ => "",
    };
    format!("killed by signal {signal}{name}")
}

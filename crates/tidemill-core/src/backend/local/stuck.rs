//! What becomes of threads whose user code does not return: they are named, counted and replaced.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use super::{Shared, State};
use crate::scheduler::Event;
use crate::task::Task;

impl Shared {
    /// Sees to it that tasks that were asked to end do so in time; where one does not, its thread is replaced.
    pub(super) fn watch_abandoned(&self, state: &mut State) {
        if state.abandoned.is_empty() {
            return;
        }
        let tasks = std::mem::take(&mut state.abandoned);
        self.environment.memory.wake(); // those among them that wait for memory
        let Some(shared) = self.me.upgrade() else { return };
        let watch = std::thread::Builder::new().name("tidemill-watch".into()).spawn(move || shared.await_end(&tasks));
        if let Err(error) = watch {
            tracing::error!(%error, "Cancelled tasks cannot be watched: a thread could not be started.");
        }
    }

    fn await_end(&self, tasks: &[Task]) {
        let state = self.lock();
        let running = |state: &mut State| !state.stopped && tasks.iter().any(|task| state.running.contains_key(task));
        let mut state = self.wait_for_end(state, self.stuck_after, running);
        if state.stopped {
            return self.release(state);
        }
        for task in tasks {
            let Some(given_up) = state.running.remove(task) else { continue };
            tracing::warn!(
                thread = &*given_up.thread,
                job = task.job.0,
                stage = task.stage.0,
                partition = given_up.cx.partition(),
                "A cancelled task does not return; its thread is given up and replaced. Does its function wait for something?"
            );
            self.news.thread_replaced(&given_up.thread);
            state.replaced += 1;
            state.given_up.insert(*task, given_up.thread);
            state.alive -= 1;
            self.start_worker(&mut state);
            self.tell(&mut state, Event::Gone(*task));
        }
        self.release(state);
    }

    /// Ends all jobs, then all threads; returns the names of those that do not end within `limit`.
    pub(super) fn stop(&self, limit: Duration) -> Vec<String> {
        let mut state = self.lock();
        let jobs: Vec<_> = state.jobs.keys().copied().collect();
        for job in jobs {
            self.tell(&mut state, Event::Cancelled(job));
        }
        state.stopped = true;
        state.running.values().for_each(|running| running.cx.cancel());
        let unmerged = state.merges.take_waiting();
        state.aftermath.refused.extend(unmerged);
        self.environment.memory.wake();
        self.work.notify_all();
        self.ended.notify_all(); // whoever watches cancelled tasks need not any more
        self.release(state); // those who wait for a job are told before this thread waits
        let state = self.wait_for_end(self.lock(), limit, |state| state.alive > 0);
        let left = state.running.values().map(|running| running.thread.clone());
        let left = left.chain(state.given_up.values().cloned()).map(|name| name.to_string()).collect();
        self.release(state);
        left
    }

    /// Waits as long as `unfinished` says so, but not longer than `limit`.
    fn wait_for_end<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        limit: Duration,
        unfinished: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        state.watchers += 1;
        let waited = self.ended.wait_timeout_while(state, limit, unfinished);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.watchers -= 1;
        state
    }
}

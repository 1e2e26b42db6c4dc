//! A worker, as the driver holds it: its socket, its process, and the chains that it knows.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::fate::Fate;
use super::frames::{FROZEN, Head, LAST, Order};
use super::link::{Filled, Link};
use super::running::talking;
use super::zygote::{Forked, Zygote};
use super::{DROPPED, Payload, TaskHead, Work, WorkerError};

/// A task that waits for its worker looks this often whether it was cancelled.
pub(super) const CANCEL_CHECK_MS: u32 = 50;
/// The most that is read of a worker's last words.
const LAST_WORDS_BYTES: usize = 16 << 10;

/// A worker between tasks, or in one. Dropping it closes its socket, at which it ends.
pub(super) struct Connection {
    pub(super) link: Link,
    /// When it was put aside, by the pool's clock.
    pub(super) idle_since: Duration,
    zygote: Arc<Zygote>,
    slot: u32,
    fate: Arc<Fate>,
    last_words: OwnedFd,
    known: HashMap<u32, Weak<Work>>,
    /// What [`DROPPED`] was when the known chains were last looked through.
    dropped: u64,
}

impl Connection {
    pub(super) fn new(zygote: Arc<Zygote>) -> Result<Connection, WorkerError> {
        let Forked { slot, socket, last_words, fate } = zygote.fork()?;
        Ok(Connection {
            link: Link::new(socket),
            idle_since: Duration::ZERO,
            zygote,
            slot,
            fate,
            last_words,
            known: HashMap::new(),
            dropped: DROPPED.load(Ordering::Relaxed),
        })
    }

    /// Whether its process is known to have ended.
    pub(super) fn has_ended(&self) -> bool {
        self.fate.has_ended()
    }

    /// Whether it can be given a task: its process lives, as far as can be seen.
    pub(super) fn is_usable(&mut self) -> bool {
        !self.fate.has_ended() && matches!(self.link.fill(), Ok(Filled::Nothing))
    }

    /// Waits until there is something to read, or room to send, and not for long: whoever waits looks then whether his task
    /// was cancelled.
    ///
    /// # Errors
    /// Its process has ended and nothing is left to read. Its connection may live on in processes that it has forked.
    pub(super) fn wait(&mut self) -> Result<(), WorkerError> {
        let is_ready = self.link.wait(CANCEL_CHECK_MS).map_err(talking)?;
        if !is_ready && self.fate.has_ended() && self.link.fill().map_err(talking)? != Filled::Some {
            return Err(self.why_gone());
        }
        Ok(())
    }

    /// Queues what begins a task. Says whether the task has no input.
    pub(super) fn begin(&mut self, work: &Arc<Work>, head: &TaskHead, is_without_input: bool) {
        let id = self.define(work);
        let flags = if is_without_input { LAST } else { 0 };
        let task = Head { flags, ..Head::order(Order::Task, id) };
        self.link.queue(task, Payload::Owned(head.to_bytes()));
    }

    /// Queues what it may forget, and the chain if it is new to it; returns the number of the chain.
    pub(super) fn define(&mut self, work: &Arc<Work>) -> u32 {
        self.forget();
        if let Entry::Vacant(place) = self.known.entry(work.id) {
            place.insert(Arc::downgrade(work));
            let flags = if work.frozen { FROZEN } else { 0 };
            let define = Head { flags, ..Head::order(Order::Define, work.id) };
            self.link.queue(define, Payload::Shared(Arc::clone(&work.description)));
        }
        work.id
    }

    /// Tells it of chains that were dropped.
    fn forget(&mut self) {
        let dropped = DROPPED.load(Ordering::Relaxed);
        if self.dropped == dropped {
            return;
        }
        self.dropped = dropped;
        let Connection { known, link, .. } = self;
        known.retain(|id, work| {
            let lives = work.strong_count() > 0;
            if !lives {
                link.queue(Head::order(Order::Drop, *id), Payload::EMPTY);
            }
            lives
        });
    }

    /// Kills its process, whatever it does.
    pub(super) fn kill(self) {
        self.zygote.kill(self.slot);
    }

    /// Why it is gone, once its connection has closed.
    pub(super) fn why_gone(&self) -> WorkerError {
        let how = self.fate.end();
        let mut crash = vec![0; LAST_WORDS_BYTES];
        let count = rustix::io::pread(&self.last_words, crash.as_mut_slice(), 0).unwrap_or(0);
        crash.truncate(count);
        WorkerError::Died { how, crash: String::from_utf8_lossy(&crash).into_owned() }
    }
}

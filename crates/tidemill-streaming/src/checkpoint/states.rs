//! States of streams that outlive the process: deltas of every batch, and snapshots.
//!
//! Each stateful operator has a [`StateLog`]. It is told of every step, and writes what changed to a log: one record a
//! version, with all partitions, so that a version is there as a whole or not at all. When the deltas since the last snapshot
//! outweigh it, all of a version is written beside the batches. A version is made again from the newest snapshot before it
//! that can be read, and the deltas since.
//!
//! `state/<operator>/deltas/<number>.log` is a [`Log`](super::log::Log), `state/<operator>/snapshots/...` are the snapshots.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tidemill_core::Version;
use tidemill_core::shard::{Delta, Keeper, KeptShards, Loaded};

use super::log::{LogKind, LogOptions};
use super::storage::{Storage, StorageError};
use crate::state::time_of;

mod book;
mod error;
mod files;
mod folder;
#[cfg(test)]
pub(super) mod fuzzing;
mod history;
mod progress;
mod record;
mod snapshot;
mod survey;
mod writer;

pub use error::StateError;
pub(crate) use folder::{STATES, name_of};
pub use survey::KeptVersions;
pub(crate) use survey::survey;
pub use writer::StateWriter;

use book::Book;
use files::Files;
use history::{History, Way};
use record::Line;
use snapshot::Found;
use writer::{Beside, Step};

/// Deltas of fewer bytes call for no snapshot: a small state is made again from its deltas in no time.
const SNAPSHOT_BYTES: u64 = 64 << 10;

/// How a state is kept.
#[derive(Clone)]
pub struct StateOptions {
    /// How its log is written. The kind is the state's own, whatever stands here.
    pub log: LogOptions,
    /// The next snapshot is due when the deltas since the last have more bytes than it, and than this.
    pub snapshot_bytes: u64,
}

impl StateOptions {
    /// As suits most states.
    pub fn new() -> StateOptions {
        StateOptions {
            log: LogOptions::new(LogKind::States { operator: String::new() }),
            snapshot_bytes: SNAPSHOT_BYTES,
        }
    }
}

impl Default for StateOptions {
    fn default() -> Self {
        StateOptions::new()
    }
}

/// Keeps the state of one operator. Dropping it ends that.
pub struct StateLog {
    book: Arc<Book>,
    writer: Arc<StateWriter>,
    /// What was there at the start, until it is loaded or not.
    before: Mutex<Option<(History, Found)>>,
}

/// What was written for a state since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The bytes of deltas.
    pub deltas: u64,
    /// The bytes of snapshots.
    pub snapshots: u64,
}

impl StateLog {
    /// Keeps `shards`, the state of the operator with this id, from now on. What was kept before is superseded by the first
    /// step, from where that starts: [`load`](StateLog::load) comes before it.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn open(
        writer: &Arc<StateWriter>,
        storage: Arc<dyn Storage>,
        operator: &str,
        shards: Arc<dyn KeptShards>,
        options: StateOptions,
    ) -> Result<StateLog, StorageError> {
        let book = Arc::new(Book::open(storage, operator, Arc::clone(&shards), options)?);
        // After the log is open: then nobody else writes to it.
        let history = History::read(&*book.storage, &book.deltas)?;
        let found = snapshot::find(&*book.storage, &book.folder, operator)?;
        book.progress().line = history.last_line(&found.manifests).next_empty();
        let hook = Hook { book: Arc::downgrade(&book), writer: Arc::downgrade(writer) };
        shards.keep(Some(Arc::new(hook)));
        Ok(StateLog { book, writer: Arc::clone(writer), before: Mutex::new(Some((history, found))) })
    }

    /// Loads the newest version up to `at_most` into the shards, and returns it; none if none was kept. Later ones are never
    /// read again. To be called once, before the first step.
    ///
    /// Where the newest snapshot cannot be read, the one before it serves, with more deltas; a warning says so.
    ///
    /// # Errors
    /// The version cannot be made of what can be read, or does not fit the program. There is never less state than there
    /// was.
    pub fn load(&self, at_most: Version) -> Result<Option<Version>, StateError> {
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((history, found)) = before else {
            return Err(self.unreadable(at_most, vec!["it was loaded before".into()]));
        };
        let mut reasons: Vec<String> = found.damaged.iter().map(StorageError::to_string).collect();
        let kept = history.newest(&found.manifests, at_most);
        let reached = kept.as_ref().map_or(Version::START, |kept| kept.version);
        if let Some(damage) = history.lost(reached, at_most) {
            let (segment, offset, text) = (damage.segment, damage.offset, &damage.text);
            reasons.push(format!("{}: segment {segment} is damaged at byte {offset}: {text}", self.book.deltas));
            return Err(self.unreadable(at_most, reasons));
        }
        let Some(kept) = kept else {
            return if reasons.is_empty() { Ok(None) } else { Err(self.unreadable(at_most, reasons)) };
        };
        if kept.ways.is_empty() {
            reasons.push(format!("{}: a snapshot or a step on the way to it is not there", self.book.folder));
        }
        for way in &kept.ways {
            let shape = self.shape(&history, way).ok_or_else(|| self.unreadable(kept.version, reasons.clone()))?;
            let (since, loaded) = match Files::open(&self.book, way).and_then(|files| files.load(&shape)) {
                Ok(loaded) => loaded,
                Err(StateError::Storage(error)) => {
                    let (operator, time) = (&self.book.operator, time_of(kept.version));
                    tracing::warn!(
                        %error,
                        "The state of {operator} after the batch of {time} is made from an older snapshot: the newest \
                         cannot be read."
                    );
                    reasons.push(error.to_string());
                    continue;
                }
                Err(error) => return Err(error),
            };
            let (root, last) = way.base.map_or((0, 0), |base| (base.line.root, base.bytes()));
            let line = Line { number: history.last_line(&found.manifests).number + 1, began: kept.version, root };
            self.book.progress().loaded(line, history.segments(), last, since);
            self.tidy(found, line);
            if loaded == Loaded::Changed {
                self.begin_anew(line.began);
            }
            return Ok(Some(line.began));
        }
        Err(self.unreadable(kept.version, reasons))
    }

    /// Waits until all that was told of up to `to` is durable.
    ///
    /// # Errors
    /// It will not be. The steps after that try again, with a snapshot in place of what is missing.
    pub fn await_durable(&self, to: Version) -> Result<(), StorageError> {
        self.book.await_durable(to)
    }

    /// From this version on each can be loaded. Before it some are missing that could not be written, if any could not.
    pub fn unbroken(&self) -> Version {
        self.book.progress().unbroken
    }

    /// Removes the files that no version from `before` on needs, soon; the last two snapshots stay.
    pub fn forget(&self, before: Version) {
        if self.book.has_older(before) {
            // If there is too much to do, the next batch asks again.
            let _ = self.writer.beside(Beside::Forget { book: Arc::clone(&self.book), before });
        }
    }

    /// What was written since it was opened.
    pub fn written(&self) -> Written {
        let load = |bytes: &std::sync::atomic::AtomicU64| bytes.load(Relaxed);
        Written { deltas: load(&self.book.delta_bytes), snapshots: load(&self.book.snapshot_bytes) }
    }

    /// The shape of the entries on a way.
    fn shape(&self, history: &History, way: &Way<'_>) -> Option<tidemill_core::shape::Shape> {
        let of_steps = || way.steps.first().and_then(|step| history.head(step.position)).map(|(shape, _)| shape);
        way.base.map(|base| &base.shape).or_else(of_steps).cloned()
    }

    /// All rests on a snapshot of `at` from now on.
    fn begin_anew(&self, at: Version) {
        let mut progress = self.book.progress();
        progress.found(at);
        begin_snapshot(&self.book, &self.writer, &mut progress, at);
    }

    /// Removes what does not hold any more. Only room is won: whether a snapshot holds is known without.
    fn tidy(&self, found: Found, line: Line) {
        let book = &self.book;
        let holds = |manifest: &snapshot::Manifest| manifest.version <= line.began && manifest.line.root == line.root;
        let (mut holding, gone): (Vec<_>, Vec<_>) = found.manifests.into_iter().partition(holds);
        holding.sort_by_key(|manifest| manifest.version);
        *book.snapshots() = holding;
        let removed = gone.iter().try_for_each(|manifest| manifest.remove(&*book.storage, &book.folder));
        let removed = removed.and_then(|()| found.loose.iter().try_for_each(|name| book.storage.remove(name)));
        if let Err(error) = removed {
            tracing::warn!(%error, "Old files of the state of {} could not be removed.", book.operator);
        }
    }

    fn unreadable(&self, version: Version, reasons: Vec<String>) -> StateError {
        StateError::unreadable(&self.book.operator, &self.book.storage.location(), version, reasons)
    }
}

impl Drop for StateLog {
    fn drop(&mut self) {
        self.book.shards.keep(None);
    }
}

/// What the shards tell of their steps. It holds nothing: the book has the shards.
struct Hook {
    book: Weak<Book>,
    writer: Weak<StateWriter>,
}

impl Hook {
    fn both(&self) -> Option<(Arc<Book>, Arc<StateWriter>)> {
        Some((self.book.upgrade()?, self.writer.upgrade()?))
    }
}

impl Keeper for Hook {
    fn stepped(&self, from: Version, to: Version, deltas: Vec<Delta>) {
        let Some((book, writer)) = self.both() else { return };
        let bytes: usize = deltas.iter().map(record::bytes_of).sum();
        let mut progress = book.progress();
        if from < progress.told {
            book.has_gone_back_to(from);
        }
        if !progress.stepped(from, to, bytes as u64) {
            return begin_snapshot(&book, &writer, &mut progress, to);
        }
        let line = progress.line;
        if progress.wants_snapshot() {
            begin_snapshot(&book, &writer, &mut progress, to);
        }
        drop(progress); // it may wait now
        writer.step(Step { book: Arc::clone(&book), line, from, to, deltas });
    }

    fn seeded(&self, version: Version) {
        let Some((book, writer)) = self.both() else { return };
        let mut progress = book.progress();
        progress.found(version);
        begin_snapshot(&book, &writer, &mut progress, version);
    }

    fn needs(&self) -> Option<Version> {
        let book = self.book.upgrade()?;
        let snapshotting = book.progress().snapshotting;
        snapshotting.map(|(_, version)| version)
    }
}

/// Has a snapshot written that has been noted.
fn begin_snapshot(book: &Arc<Book>, writer: &StateWriter, progress: &mut progress::Progress, version: Version) {
    let line = progress.line;
    if writer.beside(Beside::Snapshot { book: Arc::clone(book), line, version }) {
        return;
    }
    progress.gave_up(line, version);
    if progress.founding == Some(version) {
        progress.failed(line, StorageError::unusable(&book.folder, "too many snapshots wait to be written"));
    }
}

#[cfg(test)]
mod tests;

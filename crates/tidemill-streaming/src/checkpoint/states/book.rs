//! `Book`: what is kept of one state, and the writing of it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tidemill_core::Version;
use tidemill_core::shard::{Delta, KeptShards};

use super::StateOptions;
use super::folder::{deltas_in, folder_of, snapshots_in};
use super::progress::Progress;
use super::record::{self, Entry, Line};
use super::snapshot::Manifest;
use crate::checkpoint::log::{Log, LogKind, LogOptions};
use crate::checkpoint::storage::{Storage, StorageError};
use crate::state::time_of;
use crate::step::step;

/// So many snapshots that a version can be made of stay, so that it can be made if the newest cannot be read.
const SNAPSHOTS_KEPT: usize = 2;

/// What is kept of the state of one operator.
pub(super) struct Book {
    /// The id of the operator.
    pub(super) operator: String,
    pub(super) storage: Arc<dyn Storage>,
    /// Where its deltas and its snapshots lie.
    pub(super) deltas: String,
    pub(super) folder: String,
    pub(super) shards: Arc<dyn KeptShards>,
    log: Log,
    progress: Mutex<Progress>,
    /// Something became durable, or failed.
    changed: Condvar,
    /// The snapshots that hold, oldest first. Locked after `progress`.
    snapshots: Mutex<Vec<Manifest>>,
    /// Those that do not any more, until they are removed. Locked after `snapshots`.
    void: Mutex<Vec<Manifest>>,
    pub(super) delta_bytes: AtomicU64,
    pub(super) snapshot_bytes: AtomicU64,
}

impl Book {
    pub(super) fn open(
        storage: Arc<dyn Storage>,
        operator: &str,
        shards: Arc<dyn KeptShards>,
        options: StateOptions,
    ) -> Result<Book, StorageError> {
        let folder = folder_of(operator);
        let (deltas, folder) = (deltas_in(&folder), snapshots_in(&folder));
        let kind = LogKind::States { operator: operator.into() };
        let log = Log::open(Arc::clone(&storage), &deltas, LogOptions { kind, ..options.log })?;
        let head = Entry::Head { shape: shards.shape(), partitions: shards.partitions() as u32 };
        let head = tidemill_core::shard::encode(&head, Vec::new());
        let head = head.map_err(|cause| StorageError::unusable(&deltas, cause.to_string()))?;
        log.set_first(move || head.clone());
        Ok(Book {
            operator: operator.into(),
            storage,
            deltas,
            folder,
            shards,
            log,
            progress: Mutex::new(Progress::new(Line::NONE, options.snapshot_bytes)),
            changed: Condvar::new(),
            snapshots: Mutex::default(),
            void: Mutex::default(),
            delta_bytes: AtomicU64::new(0),
            snapshot_bytes: AtomicU64::new(0),
        })
    }

    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The snapshots that hold.
    pub(super) fn snapshots(&self) -> MutexGuard<'_, Vec<Manifest>> {
        self.snapshots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state went back to a version: no snapshot of a later one holds any more. To be called while `progress` is locked.
    pub(super) fn has_gone_back_to(&self, version: Version) {
        let mut snapshots = self.snapshots();
        let (holding, void) = std::mem::take(&mut *snapshots).into_iter().partition(|it| it.version <= version);
        *snapshots = holding;
        self.void().extend::<Vec<_>>(void);
    }

    fn void(&self) -> MutexGuard<'_, Vec<Manifest>> {
        self.void.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all that was told of up to `to` is durable, or will not be.
    pub(super) fn await_durable(&self, to: Version) -> Result<(), StorageError> {
        let mut progress = self.progress();
        while !progress.is_durable(to)? {
            progress = self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Waits until no snapshot is being written.
    #[cfg(test)]
    pub(super) fn await_snapshot(&self) {
        let mut progress = self.progress();
        while progress.snapshotting.is_some() {
            progress = self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Logs a step.
    pub(super) fn log_step(&self, line: Line, from: Version, to: Version, deltas: &[Delta]) {
        if self.progress().is_failed(line) {
            return; // what it follows is not there
        }
        let _step = step!("delta write");
        let record = record::of_step(line, from, to, deltas);
        let record = record.map_err(|cause| StorageError::unusable(&self.deltas, cause.to_string()));
        let logged = record.and_then(|record| {
            let position = self.log.append(&record)?;
            self.delta_bytes.fetch_add(u64::from(position.length), Relaxed);
            Ok(position.segment)
        });
        match logged {
            Ok(segment) => self.progress().logged(line, to, segment),
            Err(error) => self.failed(line, error),
        }
        self.changed.notify_all();
    }

    /// Writes a snapshot of a version that is kept.
    pub(super) fn write_snapshot(&self, line: Line, version: Version) {
        let _step = step!("snapshot");
        let (operator, shape) = (self.operator.clone(), self.shards.shape());
        let mut manifest = Manifest { operator, line, version, shape, partitions: Vec::new() };
        let written = self.write_partitions(&mut manifest).and_then(|is_wanted| {
            // What is read by now is one version, whatever becomes of the state meanwhile.
            if !is_wanted || !self.progress().holds(line, version) {
                self.progress().gave_up(line, version);
                return Ok(());
            }
            manifest.finish(&*self.storage, &self.folder)?;
            self.snapshot_bytes.fetch_add(manifest.bytes(), Relaxed);
            let mut progress = self.progress();
            if !progress.snapshotted(line, version, manifest.bytes()) {
                drop(progress);
                return manifest.remove(&*self.storage, &self.folder);
            }
            self.snapshots().push(manifest);
            drop(progress);
            self.log.roll(); // so that what came before can be removed
            Ok(())
        });
        if let Err(error) = written {
            let (operator, time) = (&self.operator, time_of(version));
            tracing::warn!(%error, "The state of {operator} after the batch of {time} was not written as a whole.");
            let mut progress = self.progress();
            progress.gave_up(line, version);
            if progress.founding == Some(version) {
                progress.failed(line, error);
            }
        }
        self.changed.notify_all();
    }

    /// Whether the snapshot is still wanted when all partitions are written.
    fn write_partitions(&self, manifest: &mut Manifest) -> Result<bool, StorageError> {
        for partition in 0..self.shards.partitions() {
            manifest.partitions.push(Vec::new());
            let pieces = self.shards.snapshot(partition, manifest.version);
            for piece in pieces.unwrap_or_else(|error| Box::new(std::iter::once(Err(error)))) {
                let contents = match piece {
                    Ok(contents) => contents,
                    Err(_) if self.is_void(manifest) => return Ok(false),
                    Err(error) => return Err(StorageError::unusable(&self.folder, error.to_string())),
                };
                manifest.add(&*self.storage, &self.folder, &contents)?;
            }
        }
        Ok(true)
    }

    fn is_void(&self, manifest: &Manifest) -> bool {
        self.shards.version() < manifest.version || !self.progress().holds(manifest.line, manifest.version)
    }

    /// Removes what no version from `before` on needs, but for an older snapshot from which they can be made too.
    pub(super) fn remove_before(&self, before: Version) {
        if let Err(error) = self.try_remove_before(before) {
            let operator = &self.operator;
            tracing::warn!(%error, "Old files of the state of {operator} could not be removed; the next batch tries again.");
        }
    }

    fn try_remove_before(&self, before: Version) -> Result<(), StorageError> {
        loop {
            let Some(void) = self.void().pop() else { break };
            void.remove(&*self.storage, &self.folder)?;
        }
        let Some(oldest) = self.oldest_needed(before) else { return Ok(()) };
        loop {
            let gone = {
                let mut snapshots = self.snapshots();
                let gone = snapshots.iter().position(|manifest| manifest.version < oldest);
                gone.map(|at| snapshots.remove(at))
            };
            let Some(gone) = gone else { break };
            gone.remove(&*self.storage, &self.folder)?;
        }
        let first = self.progress().segments.iter().find(|(_, newest)| *newest > oldest).map(|(segment, _)| *segment);
        self.log.remove_before(first.unwrap_or_else(|| self.log.current()))?;
        self.progress()
            .segments
            .retain(|(segment, newest)| *newest > oldest || first.is_some_and(|first| *segment >= first));
        Ok(())
    }

    /// The version of the oldest snapshot that is still needed if versions before `before` are not; none if all is.
    fn oldest_needed(&self, before: Version) -> Option<Version> {
        let snapshots = self.snapshots();
        let mut usable =
            snapshots.iter().filter(|manifest| manifest.version <= before).map(|manifest| manifest.version);
        usable.nth_back(SNAPSHOTS_KEPT - 1)
    }

    /// Whether there is something to remove.
    pub(super) fn has_older(&self, before: Version) -> bool {
        if !self.void().is_empty() {
            return true;
        }
        let Some(oldest) = self.oldest_needed(before) else { return false };
        let is_older = self.progress().segments.iter().skip(1).any(|(_, newest)| *newest <= oldest);
        is_older || self.snapshots().iter().any(|manifest| manifest.version < oldest)
    }

    /// A thread panicked while it wrote this state.
    pub(super) fn panicked(&self) {
        let line = self.progress().line;
        self.failed(line, StorageError::unusable(&self.folder, "the thread that writes the state panicked"));
        self.changed.notify_all();
    }

    fn failed(&self, line: Line, error: StorageError) {
        let operator = &self.operator;
        tracing::warn!(%error, "What changed in the state of {operator} could not be written.");
        self.progress().failed(line, error);
    }
}

//! `Files`: what is kept on the way to a version, read when a state is loaded.

use std::sync::{Mutex, PoisonError};

use tidemill_core::shape::Shape;
use tidemill_core::shard::{Delta, Deltas, Gathered, Gathering, Kept, Loaded, Pieces};
use tidemill_core::{Cause, Stop};

use super::book::Book;
use super::history::Way;
use super::snapshot::Manifest;
use super::{StateError, record};
use crate::checkpoint::log::read;
use crate::checkpoint::storage::StorageError;

/// The files on the way to a version. Pieces of snapshots are read one at a time; the log, whose records are of all
/// partitions, is read once, and what is of each gathered: on disk where memory has no room for it.
pub(super) struct Files<'a> {
    book: &'a Book,
    base: Option<&'a Manifest>,
    /// By partition.
    since: Vec<Gathered<Delta>>,
    /// The bytes of the steps since.
    since_bytes: u64,
    /// Why a piece could not be read.
    failure: Mutex<Option<StorageError>>,
}

/// What they have of one partition.
struct Partition<'a> {
    files: &'a Files<'a>,
    number: usize,
    since: &'a Gathered<Delta>,
}

impl<'a> Files<'a> {
    /// Reads the steps on a way.
    ///
    /// # Errors
    /// They cannot be read.
    pub(super) fn open(book: &'a Book, way: &Way<'a>) -> Result<Files<'a>, StateError> {
        let mut gathering = way.base.map(|base| Gathering::new(book.shards.environment(), base.partitions.len()));
        let mut since_bytes = 0;
        for step in &way.steps {
            let bytes = read(&*book.storage, &book.deltas, step.position)?;
            since_bytes += bytes.len() as u64;
            let unusable = |text: String| StorageError::unusable(&book.deltas, text);
            let (_, rest) = record::parse(&bytes).map_err(|cause| unusable(cause.to_string()))?;
            let deltas: Vec<Delta> = record::deltas(rest).map_err(|cause| unusable(cause.to_string()))?;
            let since = gathering.get_or_insert_with(|| Gathering::new(book.shards.environment(), deltas.len()));
            if since.shards() != deltas.len() {
                let text = format!("a step of {} partitions follows {}", deltas.len(), since.shards());
                return Err(unusable(text).into());
            }
            for (partition, delta) in deltas.into_iter().enumerate() {
                let bytes = size_of::<Delta>() + record::bytes_of(&delta);
                since.push(partition, delta, bytes as u64).map_err(|cause| unusable(cause.to_string()))?;
            }
        }
        let since = gathering.map(Gathering::finish).unwrap_or_default();
        Ok(Files { book, base: way.base, since, since_bytes, failure: Mutex::default() })
    }

    /// Loads them into the shards, with entries of `shape`; returns the bytes of the steps, and what became of the state.
    ///
    /// # Errors
    /// [`StateError::Storage`] where a piece cannot be read: the shards can be loaded from others then. Else it does not fit the
    /// program.
    pub(super) fn load(self, shape: &Shape) -> Result<(u64, Loaded), StateError> {
        let partition = |(number, since)| Partition { files: &self, number, since };
        let partitions: Vec<Partition<'_>> = self.since.iter().enumerate().map(partition).collect();
        let kept: Vec<&dyn Kept> = partitions.iter().map(|partition| partition as &dyn Kept).collect();
        let loaded = self.book.shards.load(shape, &kept);
        let loaded = loaded.map_err(|error| match self.failure().take() {
            Some(failure) => StateError::Storage(failure),
            None => StateError::load(&self.book.operator, error),
        })?;
        Ok((self.since_bytes, loaded))
    }

    fn failure(&self) -> std::sync::MutexGuard<'_, Option<StorageError>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, base: &Manifest, partition: usize, piece: usize) -> Result<Vec<u8>, Stop> {
        base.read(&*self.book.storage, &self.book.folder, partition, piece).map_err(|error| {
            let cause = Cause::Invalid(error.to_string());
            *self.failure() = Some(error);
            cause.into()
        })
    }
}

impl Kept for Partition<'_> {
    fn pieces(&self) -> Pieces<'_> {
        let Some(base) = self.files.base else { return Box::new(std::iter::empty()) };
        let pieces = base.pieces(self.number);
        Box::new(pieces.map(|piece| self.files.read(base, self.number, piece)))
    }

    fn deltas(&self) -> Deltas<'_> {
        Box::new(self.since.read().map(|delta| Ok(delta?)))
    }
}

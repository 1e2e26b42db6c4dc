//! `persist`: partitions that are kept when they were computed first.
//!
//! A persisted RDD is a node of its own. A task that finds its partition in the store reads it there; one that does not
//! computes it, stores it as the level says, and reads on. Blocks go when the last handle on the RDD goes, or by
//! `unpersist`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use crate::environment::Environment;
use crate::lineage::{Dependency, Lineage, Meta, Node, Parent};
use crate::rdd::Rdd;
use crate::runs::BoxRuns;
use crate::ship::{Decoded, Decoder, Encoder, NotShippable, ShipError};
use crate::store::{Eviction, Place};
use crate::task::TaskContext;
use crate::{BlockId, Element, RddId, Stop, StorageLevel};

mod fill;
mod kept;

use fill::Fill;
use kept::Recovering;
pub(crate) use kept::{Pieces, open, to_disk};

impl<T: 'static> Rdd<T> {
    /// The same elements, kept where `level` says when they were computed first: Spark's `RDD.persist`. It is the returned
    /// RDD that keeps them; this one is as before.
    ///
    /// What memory cannot hold (`tidemill.memory.stored.limit`) is computed again or read from disk, as the level says;
    /// the partitions used least recently make room. Persisting an RDD that is persisted at this level already changes
    /// nothing.
    ///
    /// ```
    /// use tidemill_core::StorageLevel;
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// let computed = context.accumulator(0, |sum, more| *sum += more);
    /// let counter = computed.clone();
    /// let squares = context.parallelize(1..=4, 2).map(move |x| {
    ///     counter.add(1);
    ///     x * x
    /// });
    /// let kept = squares.persist(StorageLevel::MEMORY_AND_DISK);
    /// assert_eq!((kept.count()?, kept.sum()?), (4, 30));
    /// assert_eq!(computed.value(), 4, "each was computed once");
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn persist(&self, level: StorageLevel) -> Rdd<T>
    where
        T: Element,
    {
        if self.storage_level() == level {
            return self.clone();
        }
        let parent = self.meta();
        let meta = self.context().meta("persist", parent.partitions, parent.layout.clone());
        let meta = Meta { depth: parent.depth + 1, ..meta };
        let storage = Storage::new(&meta, level, self.context().environment());
        Rdd::new(self.context(), Arc::new(Persisted { meta, parent: self.parent(), storage: Arc::new(storage) }))
    }

    /// [`persist`](Rdd::persist) in memory only: Spark's `RDD.cache`.
    #[track_caller]
    pub fn cache(&self) -> Rdd<T>
    where
        T: Element,
    {
        self.persist(StorageLevel::MEMORY_ONLY)
    }

    /// Drops what a persisted RDD has kept; from now on it is computed whenever it is asked for: Spark's `RDD.unpersist`. Of
    /// an RDD that is not persisted nothing changes.
    ///
    /// ```
    /// use tidemill_core::StorageLevel;
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// let kept = context.parallelize(1..=4, 2).cache();
    /// assert_eq!(kept.storage_level(), StorageLevel::MEMORY_ONLY);
    /// assert_eq!(kept.unpersist().storage_level(), StorageLevel::NONE);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    pub fn unpersist(&self) -> &Rdd<T> {
        if let Some(storage) = self.node().storage() {
            storage.unpersist();
        }
        self
    }

    /// Where its partitions are kept; [`StorageLevel::NONE`] if they are not: Spark's `getStorageLevel`.
    pub fn storage_level(&self) -> StorageLevel {
        self.node().storage().map_or(StorageLevel::NONE, Storage::level)
    }
}

/// What a persisted RDD keeps. Its blocks go with it.
pub struct Storage {
    rdd: RddId,
    partitions: u32,
    level: StorageLevel,
    unpersisted: AtomicBool,
    /// Where the blocks are; nowhere in an executor, whose blocks go by the driver's word.
    environment: Weak<Environment>,
}

impl Storage {
    pub(crate) fn new(meta: &Meta, level: StorageLevel, environment: &Arc<Environment>) -> Storage {
        let (rdd, partitions) = (meta.id, meta.partitions as u32);
        let environment = Arc::downgrade(environment);
        Storage { rdd, partitions, level, unpersisted: AtomicBool::new(!level.keeps()), environment }
    }

    /// The level; [`StorageLevel::NONE`] once unpersisted.
    pub fn level(&self) -> StorageLevel {
        if self.keeps() { self.level } else { StorageLevel::NONE }
    }

    /// The RDD whose partitions it keeps.
    pub(crate) fn rdd(&self) -> RddId {
        self.rdd
    }

    /// The name of a partition's block.
    pub fn block(&self, partition: usize) -> BlockId {
        BlockId::Stored { rdd: self.rdd, partition: partition as u32 }
    }

    /// Whether partitions are to be kept.
    fn keeps(&self) -> bool {
        !self.unpersisted.load(Ordering::SeqCst)
    }

    fn unpersist(&self) {
        self.unpersisted.store(true, Ordering::SeqCst);
        self.remove_blocks();
    }

    /// Keeps a partition, unless another task has brought it already.
    fn keep(&self, partition: usize, place: Place, eviction: Eviction, environment: &Environment) {
        let id = self.block(partition);
        environment.store.put_if_absent(id, place, eviction);
        if !self.keeps() {
            environment.store.remove(id); // unpersisted meanwhile
        }
    }

    fn remove_blocks(&self) {
        if let Some(environment) = self.environment.upgrade() {
            (0..self.partitions).for_each(|partition| environment.store.remove(self.block(partition as usize)));
        }
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.remove_blocks();
    }
}

pub(crate) struct Persisted<T: 'static> {
    meta: Meta,
    parent: Parent<T>,
    pub(crate) storage: Arc<Storage>,
}

impl<T: Element> Persisted<T> {
    /// The node that keeps the partitions of `parent`.
    pub(crate) fn new(meta: Meta, parent: Parent<T>, storage: Arc<Storage>) -> Persisted<T> {
        Persisted { meta, parent, storage }
    }

    /// The partition from its lineage.
    fn computed(&self, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<T>, Stop> {
        self.parent.compute(partition, cx, self.meta.depth)
    }
}

impl<T: Element> Lineage for Persisted<T> {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        vec![self.parent.narrow()]
    }

    fn homes(&self, partition: usize) -> Vec<String> {
        self.parent.node().homes(partition)
    }

    fn storage(&self) -> Option<&Storage> {
        Some(&self.storage)
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable> {
        out.node::<Self>(decode::<T>, &self.meta, &[self.parent.id()], &self.storage.level())
    }
}

fn decode<T: Element>(decoder: &mut Decoder) -> Result<Decoded, ShipError> {
    let (meta, parents, level): (Meta, Vec<u32>, StorageLevel) = decoder.value::<Persisted<T>, _>()?;
    let parent = Parent::new(decoder.parent::<T>(parents.first().copied().unwrap_or(u32::MAX))?);
    let (rdd, partitions, environment) = (meta.id, meta.partitions as u32, Weak::new());
    let unpersisted = AtomicBool::new(!level.keeps());
    let storage = Arc::new(Storage { rdd, partitions, level, unpersisted, environment });
    let node: Arc<dyn Node<T>> = Arc::new(Persisted { meta, parent, storage });
    Ok(Box::new(node))
}

impl<T: Element> Node<T> for Persisted<T> {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<T>, Stop> {
        if !self.storage.keeps() {
            return self.computed(partition, cx);
        }
        match cx.environment().store.get(self.storage.block(partition)) {
            Some(place) => Ok(Box::new(Recovering::new(self, partition, place, cx))),
            None => Ok(Box::new(Fill::new(self.computed(partition, cx)?, &self.storage, partition, cx))),
        }
    }
}

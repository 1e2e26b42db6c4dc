//! Blocks that are kept beside the store: read when they are asked for, and dropped from memory where it is short.

use std::fmt;
use std::sync::Arc;

use super::{AnyValue, Entry, Eviction, Place, State, Store};
use crate::memory::{Grant, Pool};
use crate::{BlockId, Stop};

/// How a block is read that is kept beside the store, as often as it is needed.
#[derive(Clone)]
pub struct Recall {
    bytes: u64,
    read: Arc<dyn Fn() -> Result<AnyValue, Stop> + Send + Sync>,
}

impl Recall {
    /// A block that takes about so many bytes of memory once `read` has read it.
    pub fn new(bytes: u64, read: impl Fn() -> Result<AnyValue, Stop> + Send + Sync + 'static) -> Recall {
        Recall { bytes, read: Arc::new(read) }
    }
}

impl fmt::Debug for Recall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recall").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Store {
    /// The value of a received block: out of memory, or read from elsewhere. Its memory is accounted for as long as the
    /// grant is held; the store keeps no value that was read. `None` if the block is not kept, or was spilled.
    ///
    /// Where there is no memory to read a block, others that are kept elsewhere leave it. If none may the block is read
    /// all the same, past the limit: the batch that waits for it is what gives memory back.
    ///
    /// # Errors
    /// Those of reading.
    pub fn fetch(&self, id: BlockId) -> Result<Option<(AnyValue, Arc<Grant>)>, Stop> {
        let recall = match self.get(id) {
            Some(Place::Memory(value, grant)) => return Ok(Some((value, grant))),
            Some(Place::Recall(recall)) => recall,
            Some(Place::Disk(_)) | None => return Ok(None),
        };
        let mut grant = self.memory.grant(Pool::Received);
        while !grant.try_grow(recall.bytes) {
            if !self.let_one_go() {
                grant.grow_past(recall.bytes);
                break;
            }
        }
        Ok(Some(((recall.read)()?, Arc::new(grant))))
    }

    /// Drops one block from memory that is kept elsewhere as well and that nobody reads; `false` where there is none.
    ///
    /// The one that came last goes first: blocks are used in the order in which they came, so what is needed soonest stays,
    /// and of a backlog that does not fit into memory as much as possible is read from there.
    pub fn let_one_go(&self) -> bool {
        let mut state = self.state();
        let State { recallable, entries, .. } = &mut *state;
        let unread = |entry: &Entry| matches!(&entry.place, Place::Memory(_, grant) if Arc::strong_count(grant) == 1);
        let last = recallable.iter().rev().find(|(_, id)| entries.get(id).is_some_and(unread));
        let Some((came, id)) = last.map(|(came, id)| (*came, *id)) else { return false };
        recallable.remove(&came);
        let Some(entry) = entries.get_mut(&id) else { return false };
        let Eviction::Recall(at) = &entry.eviction else { return false };
        let dropped = std::mem::replace(&mut entry.place, Place::Recall(at.clone()));
        drop(state);
        tracing::trace!(block = %id, "A received block leaves memory; it is in the log.");
        drop(dropped); // after the lock: it may be much
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::memory::{Memory, MemoryLimits};
    use crate::spill::SpillDir;

    const CEILING: u64 = 30;
    const BLOCK: u64 = 10;

    struct Bench {
        store: Store,
        memory: Memory,
        reads: Arc<AtomicU32>,
    }

    impl Bench {
        fn new() -> Bench {
            let memory = Memory::new(MemoryLimits { received: CEILING, ..MemoryLimits::default() });
            let spill = SpillDir::new(std::env::temp_dir());
            Bench { store: Store::new(memory.clone(), spill), memory, reads: Arc::default() }
        }

        fn recall(&self, number: u64) -> Recall {
            let reads = Arc::clone(&self.reads);
            Recall::new(BLOCK, move || {
                reads.fetch_add(1, Ordering::Relaxed);
                Ok(Arc::new(number))
            })
        }

        fn put(&self, number: u64) {
            let grant = self.memory.try_acquire(Pool::Received, BLOCK).unwrap();
            let place = Place::Memory(Arc::new(number), Arc::new(grant));
            self.store.put(id(number), place, Eviction::Recall(self.recall(number)));
        }

        fn fetch(&self, number: u64) -> Option<(u64, Arc<Grant>)> {
            let (value, grant) = self.store.fetch(id(number)).unwrap()?;
            Some((*value.downcast_ref().unwrap(), grant))
        }

        fn used(&self) -> u64 {
            self.memory.used(Pool::Received)
        }
    }

    fn id(number: u64) -> BlockId {
        BlockId::Received { stream: 0, number }
    }

    #[test]
    fn what_came_last_leaves_first_and_is_read_again() {
        let bench = Bench::new();
        (1..=3).for_each(|number| bench.put(number));
        assert!(bench.memory.try_acquire(Pool::Received, 1).is_none());
        assert!(bench.store.let_one_go());
        assert_eq!(bench.used(), 20);
        assert_eq!(bench.fetch(1).unwrap().0, 1);
        assert_eq!(bench.reads.load(Ordering::Relaxed), 0, "the first is in memory");
        for _ in 0..2 {
            let (value, grant) = bench.fetch(3).unwrap();
            assert_eq!((value, bench.used()), (3, 30), "accounted while it is used");
            drop(grant);
            assert_eq!(bench.used(), 20);
        }
        assert_eq!(bench.reads.load(Ordering::Relaxed), 2, "it is not kept");
        assert!(bench.store.let_one_go() && bench.store.let_one_go() && !bench.store.let_one_go());
        assert_eq!(bench.used(), 0);
        bench.store.remove(id(3));
        assert!(bench.fetch(3).is_none() && bench.fetch(2).is_some());
    }

    #[test]
    fn what_is_read_stays_and_reading_makes_room() {
        let bench = Bench::new();
        bench.store.put(id(9), Place::Recall(bench.recall(9)), Eviction::Never);
        (1..=3).for_each(|number| bench.put(number));
        let reading: Vec<_> = (1..=2).map(|number| bench.fetch(number).unwrap()).collect();
        let (value, grant) = bench.fetch(9).unwrap();
        assert_eq!((value, bench.used()), (9, CEILING), "the third made room");
        let past = bench.fetch(3).unwrap();
        assert_eq!((past.0, bench.used()), (3, CEILING + BLOCK), "nothing can leave, and the batch must go on");
        drop((reading, grant, past));
        assert!(bench.store.let_one_go() && bench.store.let_one_go() && !bench.store.let_one_go());
        assert_eq!(bench.used(), 0);
    }

    #[test]
    fn blocks_without_another_place_stay() {
        let bench = Bench::new();
        let grant = bench.memory.try_acquire(Pool::Received, BLOCK).unwrap();
        bench.store.put(id(1), Place::Memory(Arc::new(1_u64), Arc::new(grant)), Eviction::Never);
        assert!(!bench.store.let_one_go());
        // A block that was replaced or removed is not let go a second time.
        bench.put(2);
        bench.put(2);
        assert_eq!(bench.used(), 20);
        bench.store.remove(id(2));
        assert!(!bench.store.let_one_go());
        assert_eq!(bench.used(), BLOCK);
    }
}

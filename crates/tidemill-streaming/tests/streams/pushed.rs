//! An input without a thread: the test pushes blocks into it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tidemill_core::environment::Environment;
use tidemill_core::memory::Pool;
use tidemill_core::store::{Eviction, Place};
use tidemill_core::{BlockId, Timestamp};
use tidemill_streaming::dstream::{Compute, Computed};
use tidemill_streaming::event::InputInfo;
use tidemill_streaming::input::{Input, InputId};
use tidemill_streaming::{DStream, Error, StreamingContext};

/// What each block is accounted with.
pub(crate) const BLOCK_BYTES: u64 = 1000;

/// An input whose blocks are vectors of numbers.
pub(crate) struct Pushed {
    id: InputId,
    environment: Arc<Environment>,
    next: AtomicU64,
    waiting: Mutex<Vec<BlockId>>,
    batches: Mutex<BTreeMap<Timestamp, Vec<BlockId>>>,
    /// `start` is to fail.
    pub(crate) fails_at_start: AtomicBool,
    /// `allocate` is to panic.
    pub(crate) panics_at_tick: AtomicBool,
    pub(crate) started: AtomicU64,
    pub(crate) stopped: AtomicU64,
}

/// Adds such an input to a streaming context.
pub(crate) fn pushed(streaming: &StreamingContext) -> (Arc<Pushed>, DStream<i64>) {
    let environment = Arc::clone(streaming.context().environment());
    let input = streaming.add_input(|id| {
        Arc::new(Pushed {
            id,
            environment,
            next: AtomicU64::new(0),
            waiting: Mutex::default(),
            batches: Mutex::default(),
            fails_at_start: AtomicBool::new(false),
            panics_at_tick: AtomicBool::new(false),
            started: AtomicU64::new(0),
            stopped: AtomicU64::new(0),
        })
    });
    let stream = streaming.stream("pushed", Numbers(Arc::clone(&input)));
    (input, stream)
}

impl Pushed {
    /// One block arrives.
    pub(crate) fn push(&self, numbers: impl IntoIterator<Item = i64>) {
        let id = BlockId::Received { stream: self.id.blocks, number: self.next.fetch_add(1, Ordering::SeqCst) };
        let grant = self.environment.memory.try_acquire(Pool::Received, BLOCK_BYTES).unwrap();
        let block: Vec<i64> = numbers.into_iter().collect();
        self.environment.store.put(id, Place::Memory(Arc::new(block), Arc::new(grant)), Eviction::Never);
        self.waiting.lock().unwrap().push(id);
    }

    fn forget(&self, time: Timestamp) {
        let mut batches = self.batches.lock().unwrap();
        let (forgotten, kept) = std::mem::take(&mut *batches).into_iter().partition(|(of, _)| *of <= time);
        *batches = kept;
        drop(batches);
        let forgotten: BTreeMap<Timestamp, Vec<BlockId>> = forgotten;
        self.remove(forgotten.into_values().flatten());
    }

    fn remove(&self, blocks: impl IntoIterator<Item = BlockId>) {
        blocks.into_iter().for_each(|block| self.environment.store.remove(block));
    }
}

impl Input for Pushed {
    fn id(&self) -> InputId {
        self.id
    }

    fn name(&self) -> String {
        "pushed".into()
    }

    fn start(&self) -> Result<(), Error> {
        self.started.fetch_add(1, Ordering::SeqCst);
        let fails = self.fails_at_start.load(Ordering::SeqCst);
        if fails { Err(Error::Thread("none is left".into())) } else { Ok(()) }
    }

    fn stop(&self) {
        self.stopped.fetch_add(1, Ordering::SeqCst);
    }

    fn allocate(&self, time: Timestamp) -> Option<InputInfo> {
        assert!(!self.panics_at_tick.load(Ordering::SeqCst), "a connector's bug");
        let blocks = std::mem::take(&mut *self.waiting.lock().unwrap());
        self.batches.lock().unwrap().insert(time, blocks);
        None
    }

    fn has_backlog(&self) -> bool {
        !self.waiting.lock().unwrap().is_empty()
    }

    fn clear(&self) {
        self.forget(Timestamp::NEVER);
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap());
        self.remove(waiting);
    }
}

struct Numbers(Arc<Pushed>);

impl Compute<i64> for Numbers {
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<i64> {
        let blocks = self.0.batches.lock().unwrap().get(&time).cloned().unwrap_or_default();
        Ok(Some(streaming.context().received::<Vec<i64>>("pushed", blocks).flat_map(|block| block)))
    }

    fn forget(&self, time: Timestamp) {
        self.0.forget(time);
    }
}

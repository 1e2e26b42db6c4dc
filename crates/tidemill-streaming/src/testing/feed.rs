//! The input of a test: batches that it pushes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidemill_core::{Element, Timestamp};

use crate::checkpoint::RecoveryError;
use crate::context::StreamingContext;
use crate::dstream::{Compute, Computed, DStream};
use crate::error::Error;
use crate::event::InputInfo;
use crate::input::{Input, InputId};

/// Where a test pushes the batches of a stream. Cloning it clones a pointer.
pub struct Feed<T: 'static> {
    input: Arc<Pushed<T>>,
}

impl<T: 'static> Clone for Feed<T> {
    fn clone(&self) -> Self {
        Feed { input: Arc::clone(&self.input) }
    }
}

impl<T: Element> Feed<T> {
    /// The input of the next batch that has none yet. A batch for which nothing was pushed is empty.
    pub fn push(&self, batch: impl IntoIterator<Item = T>) {
        self.input.state().waiting.push_back(Some(batch.into_iter().collect()));
    }

    /// For the next batch that has no input yet the stream is to have no RDD at all.
    pub fn push_none(&self) {
        self.input.state().waiting.push_back(None);
    }
}

struct Pushed<T> {
    id: InputId,
    partitions: usize,
    state: Mutex<State<T>>,
}

struct State<T> {
    waiting: VecDeque<Option<Vec<T>>>,
    batches: BTreeMap<Timestamp, Option<Vec<T>>>,
}

impl<T> Pushed<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds such an input.
#[track_caller]
pub(super) fn input<T: Element>(streaming: &StreamingContext, partitions: usize) -> (Feed<T>, DStream<T>) {
    let state = State { waiting: VecDeque::new(), batches: BTreeMap::new() };
    let input = streaming.add_input(|id| Arc::new(Pushed { id, partitions, state: Mutex::new(state) }));
    let stream = streaming.stream("test_input", Batches(Arc::clone(&input)));
    (Feed { input }, stream)
}

impl<T: Element> Input for Pushed<T> {
    fn id(&self) -> InputId {
        self.id
    }

    fn name(&self) -> String {
        format!("Test stream [{}]", self.id.stream)
    }

    fn allocate(&self, time: Timestamp) -> Option<InputInfo> {
        let mut state = self.state();
        let State { waiting, batches } = &mut *state;
        let batch = batches.entry(time).or_insert_with(|| waiting.pop_front().unwrap_or_else(|| Some(Vec::new())));
        let records = batch.as_ref().map_or(0, Vec::len) as u64;
        Some(InputInfo { records, ..InputInfo::default() })
    }

    fn entry(&self, time: Timestamp) -> Vec<u8> {
        postcard::to_stdvec(&self.state().batches.get(&time).cloned().flatten()).unwrap_or_default()
    }

    fn restore(&self, time: Timestamp, entry: &[u8]) -> Result<(), Error> {
        let wrong = |error| RecoveryError::Input { time, id: self.name(), reason: format!("{error}") };
        let batch = postcard::from_bytes(entry).map_err(wrong)?;
        self.state().batches.insert(time, batch);
        Ok(())
    }

    fn has_backlog(&self) -> bool {
        !self.state().waiting.is_empty()
    }
}

struct Batches<T>(Arc<Pushed<T>>);

impl<T: Element> Compute<T> for Batches<T> {
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<T> {
        let batch = self.0.state().batches.get(&time).cloned().flatten();
        Ok(batch.map(|batch| streaming.context().parallelize(batch, self.0.partitions)))
    }

    fn input(&self) -> Option<u32> {
        Some(self.0.id.stream)
    }

    fn forget(&self, time: Timestamp) {
        self.0.state().batches.retain(|of, _| *of > time);
    }
}

//! `Update`: the state of `update_state_by_key`, whose function sees every key in every batch.

use std::marker::PhantomData;
use std::sync::Arc;

use tidemill_core::environment::Environment;
use tidemill_core::shard::{Change, Delta, Emit, Step};
use tidemill_core::{BoxRuns, Cause, Element, Key, Runs, Shard, Stop, Timestamp, Version, VersionedTable};

use super::{CALLS_BETWEEN_CHECKS, time_of};

/// One partition of the state of `update_state_by_key` (behaviour 1.56, 2.19, 10.5).
///
/// A step calls `function(time, key, values, state)` for every key that has a state, in the order in which the keys came,
/// and then for the new ones in first-seen order; with the key's values in order of arrival, none for most. What it
/// returns is the key's state; nothing drops the key. It gets copies: an older version never changes (behaviour 10.6).
pub struct Update<K, V, S, F> {
    table: Arc<VersionedTable<K, S>>,
    function: F,
    values: PhantomData<fn(V)>,
}

impl<K: Key, V: 'static, S: Element, F> Update<K, V, S, F>
where
    F: Fn(Timestamp, &K, Vec<V>, Option<S>) -> Option<S> + Send + Sync + 'static,
{
    /// Empty state.
    pub fn new(environment: &Environment, function: F) -> Update<K, V, S, F> {
        Update { table: VersionedTable::new(environment), function, values: PhantomData }
    }
}

impl<K: Key, V: 'static, S: Element, F> Shard for Update<K, V, S, F>
where
    F: Fn(Timestamp, &K, Vec<V>, Option<S>) -> Option<S> + Send + Sync + 'static,
{
    type In = (K, V);
    type Entry = (K, S);
    type Out = ();
    type Change = Change<K, S>;

    fn version(&self) -> Version {
        self.table.version()
    }

    fn prepare(
        &self,
        step: &Step,
        mut input: BoxRuns<(K, V)>,
        _: &mut Emit<()>,
    ) -> Result<(Change<K, S>, Delta), Stop> {
        let mut draft = self.table.draft(step.from, step.to)?;
        draft.touch_all()?; // so that known keys come first
        let mut values: Vec<Vec<V>> = Vec::new();
        let (mut run, mut touched) = (Vec::new(), Vec::new());
        while input.next(&mut run)? {
            draft.touch(&mut run, &mut touched)?;
            values.resize_with(draft.len(), Vec::new);
            touched.drain(..).for_each(|(place, value)| values[place].push(value));
        }
        values.resize_with(draft.len(), Vec::new);
        let time = time_of(step.to);
        for (place, values) in values.into_iter().enumerate() {
            if place % CALLS_BETWEEN_CHECKS == 0 {
                step.cx.check()?;
            }
            let state = draft.take(place);
            let state = (self.function)(time, draft.key(place), values, state);
            draft.set(place, state);
        }
        draft.finish(step.durable)
    }

    fn commit(&self, change: Change<K, S>) -> Result<(), Stop> {
        self.table.commit(change)
    }

    fn read(self: Arc<Self>, version: Version) -> Result<BoxRuns<(K, S)>, Stop> {
        Ok(Box::new(self.table.read(version)?))
    }

    fn undo(&self, to: Version) -> Result<(), Cause> {
        self.table.undo(to)
    }

    fn forget(&self, before: Version) {
        self.table.forget(before);
    }

    fn seed(&self, version: Version, entries: BoxRuns<(K, S)>) -> Result<(), Stop> {
        self.table.seed(version, entries)
    }

    fn snapshot(self: Arc<Self>, version: Version) -> Result<Vec<u8>, Stop> {
        self.table.snapshot(version)
    }

    fn load(&self, snapshot: &[u8], deltas: &[Delta]) -> Result<(), Stop> {
        self.table.load(snapshot, deltas)
    }
}

//! `MapWithState`: the state of `map_with_state`, whose function sees the keys that have data, and those that time out.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tidemill_core::environment::Environment;
use tidemill_core::layout::Layout;
use tidemill_core::shape::Shape;
use tidemill_core::shard::{Change, Delta, Draft, Emit, Kept, Migrations, Pieces, Step, TakePiece, placing};
use tidemill_core::{BoxRuns, Cause, Element, Key, Runs, Shard, Stop, Timestamp, Version, VersionedTable};

use super::{CALLS_BETWEEN_CHECKS, time_of, version_of};

/// The state of one key, in a call of the function of `map_with_state`: Spark's `State`.
///
/// What Spark answers with an exception, to update or to remove what is removed or timing out, fails the batch when the
/// function returns (behaviour 2.20).
pub struct State<S> {
    value: Option<S>,
    done: Done,
    is_timing_out: bool,
    misuse: Option<&'static str>,
}

/// What the function did to the state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    Nothing,
    Updated,
    Removed,
}

impl<S> State<S> {
    fn new(value: Option<S>, is_timing_out: bool) -> State<S> {
        State { value, done: Done::Nothing, is_timing_out, misuse: None }
    }

    /// Whether the key has a state.
    pub fn exists(&self) -> bool {
        self.value.is_some()
    }

    /// The state, if the key has one: Spark's `getOption`.
    pub fn get(&self) -> Option<&S> {
        self.value.as_ref()
    }

    /// Gives the key a new state. After [`remove`](State::remove), or while the key times out, the batch fails.
    pub fn update(&mut self, state: S) {
        if self.done == Done::Removed {
            return self.misused("Cannot update the state after it has been removed");
        }
        if self.is_timing_out {
            return self.misused("Cannot update the state that is timing out");
        }
        (self.value, self.done) = (Some(state), Done::Updated);
    }

    /// Takes the key's state away. Twice, or while the key times out, the batch fails.
    pub fn remove(&mut self) {
        if self.is_timing_out {
            return self.misused("Cannot remove the state that is timing out");
        }
        if self.done == Done::Removed {
            return self.misused("Cannot remove the state that has already been removed");
        }
        (self.value, self.done) = (None, Done::Removed);
    }

    /// Whether this is the last call for the key, because it had no data for longer than the time-out: there is no value
    /// then, and the state goes after the call.
    pub fn is_timing_out(&self) -> bool {
        self.is_timing_out
    }

    fn misused(&mut self, how: &'static str) {
        self.misuse.get_or_insert(how);
    }
}

/// One partition of the state of `map_with_state` (behaviour 2.20).
///
/// A step calls `function(time, key, Some(value), state)` for each record in order of arrival, and then
/// `function(time, key, None, state)` for each key that has had no record for longer than the time-out: in the first batch
/// after that, those idle longest first (behaviour 2.21; Spark looks only every ten batches). What the calls return is
/// emitted. A record keeps its key alive even if the function does not update the state.
pub struct MapWithState<K: 'static, V, S: 'static, T, F> {
    table: Arc<VersionedTable<K, S>>,
    migrations: Migrations<K, S>,
    idle_max: Option<Duration>,
    function: F,
    values: PhantomData<fn(V) -> T>,
}

impl<K: Key, V: 'static, S: Element, T: Element, F> MapWithState<K, V, S, T, F>
where
    F: Fn(Timestamp, &K, Option<V>, &mut State<S>) -> Option<T> + Send + Sync + 'static,
{
    /// Empty state; keys that have no data for longer than `idle_max` time out.
    pub fn new(environment: &Environment, idle_max: Option<Duration>, function: F) -> MapWithState<K, V, S, T, F> {
        let table = match idle_max {
            Some(_) => VersionedTable::tracking_touches(environment),
            None => VersionedTable::new(environment),
        };
        MapWithState { table, migrations: Migrations::new(), idle_max, function, values: PhantomData }
    }

    /// With what converts states that were kept by older versions of the program.
    pub fn with_migrations(self, migrations: Migrations<K, S>) -> Self {
        MapWithState { migrations, ..self }
    }

    /// Calls the function for one key, and takes its state and its record.
    fn call(
        &self,
        time: Timestamp,
        draft: &mut Draft<K, S>,
        place: usize,
        value: Option<V>,
        emit: &mut Emit<T>,
    ) -> Result<(), Stop> {
        let mut state = State::new(draft.take(place), value.is_none());
        let emitted = (self.function)(time, draft.key(place), value, &mut state);
        if let Some(misuse) = state.misuse {
            return Err(Cause::Invalid(misuse.into()).into());
        }
        match state.done {
            _ if state.is_timing_out => draft.set(place, None),
            Done::Nothing => draft.put_back(place, state.value),
            Done::Updated | Done::Removed => draft.set(place, state.value),
        }
        emitted.map_or(Ok(()), |record| emit.push(record))
    }
}

impl<K: Key, V: 'static, S: Element, T: Element, F> Shard for MapWithState<K, V, S, T, F>
where
    F: Fn(Timestamp, &K, Option<V>, &mut State<S>) -> Option<T> + Send + Sync + 'static,
{
    type In = (K, V);
    type Entry = (K, S);
    type Out = T;
    type Change = Change<K, S>;

    fn version(&self) -> Version {
        self.table.version()
    }

    fn prepare(
        &self,
        step: &Step,
        mut input: BoxRuns<(K, V)>,
        emit: &mut Emit<T>,
    ) -> Result<(Change<K, S>, Delta), Stop> {
        let time = time_of(step.to);
        let mut draft = self.table.draft(step.from, step.to)?;
        let (mut run, mut touched) = (Vec::new(), Vec::new());
        while input.next(&mut run)? {
            draft.touch(&mut run, &mut touched)?;
            for (place, value) in touched.drain(..) {
                self.call(time, &mut draft, place, Some(value), emit)?;
            }
        }
        if let Some(idle_max) = self.idle_max {
            let due = draft.touch_untouched_since(version_of(time - idle_max))?;
            for (number, place) in due.enumerate() {
                if number.is_multiple_of(CALLS_BETWEEN_CHECKS) {
                    step.cx.check()?;
                }
                self.call(time, &mut draft, place, None, emit)?;
            }
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

    fn make_room(&self) {
        self.table.make_room();
    }

    fn seed(&self, version: Version, entries: BoxRuns<(K, S)>) -> Result<(), Stop> {
        self.table.seed(version, entries)
    }

    fn snapshot(self: Arc<Self>, version: Version) -> Result<Pieces<'static>, Stop> {
        Ok(Box::new(self.table.snapshot(version)?))
    }

    fn load(&self, kept: &dyn Kept) -> Result<(), Stop> {
        self.table.load(kept)
    }

    fn is_placed(&self, layout: &Layout, partition: usize) -> Result<bool, Stop> {
        let (place, _) = placing::<K>(Some(layout))?;
        self.table.all_keys(|key| place(key) == partition)
    }

    fn rewrite(
        &self,
        shape: &Shape,
        kept: &[&dyn Kept],
        layout: Option<&Layout>,
        take: &mut TakePiece<'_>,
    ) -> Result<(), Stop> {
        self.migrations.rewrite(&self.table, shape, kept, layout, take)
    }
}

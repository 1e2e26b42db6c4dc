//! `Update`: the state of `update_state_by_key`, whose function sees every key in every batch.
//!
//! It sees them one by one, or all of a partition at once.

use std::marker::PhantomData;
use std::sync::Arc;

use tidemill_core::environment::Environment;
use tidemill_core::layout::Layout;
use tidemill_core::shape::Shape;
use tidemill_core::shard::{Change, Delta, Draft, Emit, Kept, Migrations, Pieces, Step, TakePiece, placing};
use tidemill_core::{BoxRuns, Cause, Element, Key, Runs, Shard, Stop, Timestamp, Version, VersionedTable};

use super::{CALLS_BETWEEN_CHECKS, time_of};

/// One partition of the state of `update_state_by_key` (behaviour 1.56, 2.19, 10.5).
///
/// A step shows the function every key that has a state, in the order in which the keys came, and then the new ones in
/// first-seen order; with the key's values in order of arrival, none for most. The function gets copies: an older version
/// never changes (behaviour 10.6).
pub struct Update<K: 'static, V, S: 'static, F> {
    table: Arc<VersionedTable<K, S>>,
    migrations: Migrations<K, S>,
    function: F,
    values: PhantomData<fn(V)>,
}

/// How the function of [`Update`] is shown the keys.
pub trait UpdateFunction<K, V, S>: Send + Sync + 'static {
    /// Gives each key of the draft its state; `values` has those of each place.
    ///
    /// # Errors
    /// [`Stop::Cancelled`], and what the draft says.
    fn update(&self, step: &Step, draft: &mut Draft<K, S>, values: Vec<Vec<V>>) -> Result<(), Stop>;
}

/// `function(time, key, values, state)`, one key after the other: what it returns is the key's state, and nothing drops the
/// key.
pub struct EachKey<F>(pub F);

/// `function(time, keys)`, all keys of a partition with their values and states: the keys that it returns have a state from
/// then on, and no others.
pub struct AllKeys<F>(pub F);

impl<K: Key, V: 'static, S: Element, F> UpdateFunction<K, V, S> for EachKey<F>
where
    F: Fn(Timestamp, &K, Vec<V>, Option<S>) -> Option<S> + Send + Sync + 'static,
{
    fn update(&self, step: &Step, draft: &mut Draft<K, S>, values: Vec<Vec<V>>) -> Result<(), Stop> {
        let time = time_of(step.to);
        for (place, values) in values.into_iter().enumerate() {
            if place.is_multiple_of(CALLS_BETWEEN_CHECKS) {
                step.cx.check()?;
            }
            let state = draft.take(place);
            let state = (self.0)(time, draft.key(place), values, state);
            draft.set(place, state);
        }
        Ok(())
    }
}

impl<K: Key, V: 'static, S: Element, F, I> UpdateFunction<K, V, S> for AllKeys<F>
where
    F: Fn(Timestamp, std::vec::IntoIter<(K, Vec<V>, Option<S>)>) -> I + Send + Sync + 'static,
    I: IntoIterator<Item = (K, S)>,
{
    fn update(&self, step: &Step, draft: &mut Draft<K, S>, values: Vec<Vec<V>>) -> Result<(), Stop> {
        let shown = |(place, values): (usize, Vec<V>)| (draft.key(place).clone(), values, draft.state(place).cloned());
        let keys: Vec<_> = values.into_iter().enumerate().map(shown).collect();
        let count = keys.len();
        let mut kept: Vec<(K, S)> = Vec::new();
        for key in (self.0)(time_of(step.to), keys.into_iter()) {
            if kept.len().is_multiple_of(CALLS_BETWEEN_CHECKS) {
                step.cx.check()?;
            }
            kept.push(key);
        }
        (0..count).for_each(|place| draft.set(place, None));
        let mut touched = Vec::new();
        draft.touch(&mut kept, &mut touched)?;
        touched.into_iter().for_each(|(place, state)| draft.set(place, Some(state)));
        Ok(())
    }
}

impl<K: Key, V: 'static, S: Element, F: UpdateFunction<K, V, S>> Update<K, V, S, F> {
    /// Empty state.
    pub fn new(environment: &Environment, function: F) -> Update<K, V, S, F> {
        let (table, migrations) = (VersionedTable::new(environment), Migrations::new());
        Update { table, migrations, function, values: PhantomData }
    }

    /// With what converts states that were kept by older versions of the program.
    pub fn with_migrations(self, migrations: Migrations<K, S>) -> Self {
        Update { migrations, ..self }
    }
}

impl<K: Key, V: 'static, S: Element, F: UpdateFunction<K, V, S>> Shard for Update<K, V, S, F> {
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
        self.function.update(step, &mut draft, values)?;
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

//! `InverseWindow`: the state of `reduce_by_key_and_window` with an inverse function.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_core::environment::Environment;
use tidemill_core::layout::Layout;
use tidemill_core::memory::{Memory, Pool};
use tidemill_core::runs::VecRuns;
use tidemill_core::shape::Shape;
use tidemill_core::shard::{
    self, Change, Delta, Emit, Kept, Migrations, Pieces, Step, TakePiece, decode, encode, next_change, placing,
};
use tidemill_core::ship::Bytes;
use tidemill_core::spill::Blobs;
use tidemill_core::{BoxRuns, Cause, Element, Key, Runs, Shard, Stop, Version, VersionedTable};

use super::{time_of, version_of};
use partial::Partial;
use pieces::{Inside, WindowPieces, parts_of};

mod partial;
mod pieces;
mod rewrite;

/// Says which keys stay in a window.
pub type Filter<K, V> = Arc<dyn Fn(&K, &V) -> bool + Send + Sync>;

/// One partition of a window whose values are reduced slide by slide (behaviour 1.55, 2.18).
///
/// The input of a step is what enters; what leaves, after `window`, comes from the partials of earlier steps, so a step
/// costs what enters and what leaves, however long the window is. For each key `inverse(value, left)` comes first, then
/// `reduce(value, entered)`. A key stays when all of its values have left, unless the filter drops it.
pub struct InverseWindow<K: 'static, V: 'static, R, I> {
    table: Arc<VersionedTable<K, V>>,
    partials: Mutex<VecDeque<Arc<Partial<K, V>>>>,
    blobs: Blobs,
    memory: Memory,
    window: Duration,
    reduce: Arc<R>,
    inverse: Arc<I>,
    migrations: Migrations<K, V>,
    filter: Option<Filter<K, V>>,
}

/// What a step has prepared: the change of the sums, and what enters.
pub struct Slide<K, V> {
    sums: Change<K, V>,
    entering: Arc<Partial<K, V>>,
}

/// What enters and what leaves a key.
struct Moving<V> {
    entering: Option<V>,
    leaving: Option<V>,
}

impl<K: Key, V: Element, R, I> InverseWindow<K, V, R, I>
where
    R: Fn(V, V) -> V + Send + Sync + 'static,
    I: Fn(V, V) -> V + Send + Sync + 'static,
{
    /// An empty window; `filter` drops the keys for which it does not hold.
    pub fn new(
        environment: &Environment,
        window: Duration,
        reduce: R,
        inverse: I,
        filter: Option<Filter<K, V>>,
    ) -> InverseWindow<K, V, R, I> {
        let (table, memory) = (VersionedTable::new(environment), environment.memory.clone());
        let (reduce, inverse, migrations) = (Arc::new(reduce), Arc::new(inverse), Migrations::new());
        let (partials, blobs) = (Mutex::default(), Blobs::new(&environment.spill));
        InverseWindow { table, partials, blobs, memory, window, reduce, inverse, migrations, filter }
    }

    /// With what converts values that were kept by older versions of the program.
    pub fn with_migrations(self, migrations: Migrations<K, V>) -> Self {
        InverseWindow { migrations, ..self }
    }

    /// Takes the step of `delta` again, with what entered.
    fn replay(&self, delta: &Delta, entering: Vec<(K, V)>) -> Result<(), Stop> {
        let (slide, _) = self.slide(delta.from, delta.to, Box::new(VecRuns::new(entering)))?;
        self.commit(slide)?;
        self.forget(delta.to);
        self.make_room();
        Ok(())
    }

    /// What enters and leaves from `from` to `to`, and what comes of it.
    fn slide(&self, from: Version, to: Version, mut input: BoxRuns<(K, V)>) -> Result<(Slide<K, V>, Delta), Stop> {
        let mut draft = self.table.draft(from, to)?;
        let mut moving: Vec<Moving<V>> = Vec::new();
        let (mut run, mut touched) = (Vec::new(), Vec::new());
        while input.next(&mut run)? {
            draft.touch(&mut run, &mut touched)?;
            moving.resize_with(draft.len(), Moving::default);
            touched.drain(..).for_each(|(place, value)| self.reduce_into(&mut moving[place].entering, value));
        }
        let entered = moving.iter().enumerate();
        let entered = entered.filter_map(|(place, moving)| Some((draft.key(place).clone(), moving.entering.clone()?)));
        let entering = self.partial(to, shard::detach(entered.collect()));
        for partial in self.leaving(from, to) {
            for records in partial.runs() {
                run.extend(records?);
                draft.touch(&mut run, &mut touched)?;
                moving.resize_with(draft.len(), Moving::default);
                touched.drain(..).for_each(|(place, value)| self.reduce_into(&mut moving[place].leaving, value));
            }
        }
        for (place, Moving { entering, leaving }) in moving.into_iter().enumerate() {
            let value = self.moved(draft.take(place), leaving, entering)?;
            let stays = self.filter.as_ref().is_none_or(|filter| filter(draft.key(place), &value));
            draft.set(place, stays.then_some(value));
        }
        let (sums, delta) = draft.finish(false)?;
        Ok((Slide { sums, entering }, delta))
    }

    fn reduce_into(&self, reduced: &mut Option<V>, value: V) {
        *reduced = Some(match reduced.take() {
            Some(earlier) => (self.reduce)(earlier, value),
            None => value,
        });
    }

    /// A key's new value.
    fn moved(&self, before: Option<V>, leaving: Option<V>, entering: Option<V>) -> Result<V, Cause> {
        let Some(before) = before else {
            return entering.ok_or_else(|| {
                let text = "Neither previous window has value for key, nor new values found. Are you sure your key class \
                            hashes consistently?";
                Cause::Invalid(text.into())
            });
        };
        let rest = match leaving {
            Some(leaving) => (self.inverse)(before, leaving),
            None => before,
        };
        Ok(match entering {
            Some(entering) => (self.reduce)(rest, entering),
            None => rest,
        })
    }

    /// What is in the window at `from` and not at `to`, oldest first.
    fn leaving(&self, from: Version, to: Version) -> Vec<Arc<Partial<K, V>>> {
        let (gone, leaving) = (self.end(from), self.end(to));
        let partials = self.partials();
        partials.iter().filter(|partial| partial.at > gone && partial.at <= leaving).cloned().collect()
    }

    /// The last version whose partial is not in the window at `version` any more.
    fn end(&self, version: Version) -> Version {
        version_of(time_of(version) - self.window)
    }

    fn partial(&self, at: Version, records: Vec<(K, V)>) -> Arc<Partial<K, V>> {
        Arc::new(Partial::new(at, records, &self.memory))
    }

    fn partials(&self) -> MutexGuard<'_, VecDeque<Arc<Partial<K, V>>>> {
        self.partials.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts what entered at one time behind all that did before, where there is such.
    fn put_inside(&self, entered: Option<(Version, Vec<(K, V)>)>) {
        if let Some((at, records)) = entered {
            let partial = self.partial(at, records);
            self.partials().push_back(partial);
            self.make_room();
        }
    }

    /// Puts these partials in place of all there are.
    fn replace_partials(&self, partials: VecDeque<Arc<Partial<K, V>>>) {
        let replaced = std::mem::replace(&mut *self.partials(), partials);
        drop(replaced); // after the lock: values of the user's
    }

    /// Takes partials to disk as long as state takes more memory than it may, those first that leave last; returns how many.
    fn move_partials(&self) -> Result<usize, Cause> {
        let mut count = 0;
        let held: Vec<_> = self.partials().iter().filter(|partial| partial.is_here()).cloned().collect();
        for partial in held.into_iter().rev() {
            if !self.memory.is_past(Pool::State) {
                break;
            }
            let moved = Arc::new(partial.on_disk(&self.blobs)?);
            if let Some(place) = self.partials().iter_mut().find(|held| Arc::ptr_eq(held, &partial)) {
                *place = moved; // `partial` still holds what it takes the place of
                count += 1;
            }
        }
        Ok(count)
    }

    /// Drops the partials for which `goes` holds.
    fn drop_partials(&self, goes: impl Fn(Version) -> bool) {
        let mut partials = self.partials();
        let (gone, kept): (VecDeque<_>, _) = partials.drain(..).partition(|partial| goes(partial.at));
        *partials = kept;
        drop(partials);
        drop(gone); // after the lock: values of the user's
    }
}

impl<V> Default for Moving<V> {
    fn default() -> Self {
        Moving { entering: None, leaving: None }
    }
}

impl<K: Key, V: Element, R, I> Shard for InverseWindow<K, V, R, I>
where
    R: Fn(V, V) -> V + Send + Sync + 'static,
    I: Fn(V, V) -> V + Send + Sync + 'static,
{
    type In = (K, V);
    type Entry = (K, V);
    type Out = ();
    type Change = Slide<K, V>;

    fn version(&self) -> Version {
        self.table.version()
    }

    fn prepare(&self, step: &Step, input: BoxRuns<(K, V)>, _: &mut Emit<()>) -> Result<(Slide<K, V>, Delta), Stop> {
        let (slide, mut delta) = self.slide(step.from, step.to, input)?;
        if step.durable {
            delta.change = Some(Arc::new(Bytes(encode(&slide.entering.records()?, Vec::new())?)));
        }
        Ok((slide, delta))
    }

    fn commit(&self, change: Slide<K, V>) -> Result<(), Stop> {
        let mut partials = self.partials();
        self.table.commit(change.sums)?;
        partials.push_back(change.entering);
        Ok(())
    }

    fn read(self: Arc<Self>, version: Version) -> Result<BoxRuns<(K, V)>, Stop> {
        Ok(Box::new(self.table.read(version)?))
    }

    fn undo(&self, to: Version) -> Result<(), Cause> {
        self.table.undo(to)?;
        self.drop_partials(|at| at > to);
        Ok(())
    }

    fn forget(&self, before: Version) {
        self.table.forget(before);
        let left = self.end(self.table.oldest());
        self.drop_partials(|at| at <= left);
    }

    fn make_room(&self) {
        self.table.make_room_with(|| self.move_partials());
    }

    fn seed(&self, _: Version, _: BoxRuns<(K, V)>) -> Result<(), Stop> {
        Err(Cause::Invalid("a window begins empty: what is in it must be able to leave".into()).into())
    }

    fn snapshot(self: Arc<Self>, version: Version) -> Result<Pieces<'static>, Stop> {
        let left = self.end(version);
        let sums = self.table.snapshot(version)?;
        let partials: Vec<_> = self.partials().iter().cloned().collect();
        let inside = partials.into_iter().filter(|partial| partial.at > left && partial.at <= version);
        Ok(Box::new(WindowPieces::new(sums, inside.collect())))
    }

    fn load(&self, kept: &dyn Kept) -> Result<(), Stop> {
        self.replace_partials(VecDeque::new());
        let (mut sums, mut inside) = (self.table.loading(), Inside::new());
        for piece in kept.pieces() {
            let (of_sums, of_inside) = parts_of(&piece?)?;
            sums.piece(&of_sums)?;
            for (at, Bytes(records)) in of_inside {
                self.put_inside(inside.add(at, decode(&records)?.0)?);
            }
        }
        self.put_inside(inside.finish());
        sums.finish();
        for delta in kept.deltas() {
            let delta = delta?;
            let (entering, _) = decode::<Vec<(K, V)>>(next_change(self.version(), &delta)?)?;
            self.replay(&delta, entering)?;
        }
        Ok(())
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
        self.deal(shape, kept, layout, take)
    }
}

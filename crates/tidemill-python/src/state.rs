//! `StateShard`: state of keys that Python functions update, kept in a worker.
//!
//! The worker has a table with the newest version; the driver has every version that may still be read, as bytes that it
//! does not look into: all of a version now and then, in between what changed. So a worker that dies takes nothing along:
//! another one is given the bytes, and no function of the user's runs for it. A version that was read whole is kept so,
//! and is from then on read from here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tidemill_core::shard::{Delta, Emit, Shard, Step, Version};
use tidemill_core::ship::Bytes;
use tidemill_core::{BoxRuns, Cause, Runs, Stop, TaskContext};

use crate::batch::PyBatch;
use crate::chain::{frame_of, head_of};
use crate::engine::Engine;
use crate::pool::Lanes;

mod asked;
mod seal;
mod states;
mod versions;

pub use asked::Updates;
use asked::{Ask, Changes};
pub use seal::{Reads, Seal};
pub(crate) use states::states;
use versions::{Held, Versions};

/// The state of one partition of `updateStateByKey` (behaviour 1.56, 10.5, 10.6), as the core steps it.
pub struct StateShard(Arc<StatePart>);

/// What is known of the state of one partition.
pub struct StatePart {
    engine: Weak<Engine>,
    lanes: Arc<Lanes>,
    /// The update function of each version that is being made.
    updates: Arc<Updates>,
    partition: usize,
    /// Names the table in the worker.
    table: u64,
    versions: Mutex<Versions>,
}

/// What a step has prepared.
pub struct StateChange {
    from: Version,
    to: Version,
    /// The stamp of the state that it starts from.
    from_stamp: u64,
    stamp: u64,
    /// The worker that has the draft.
    worker: u64,
    changes: Changes,
}

impl StateShard {
    /// Steps a state.
    pub fn of(part: &Arc<StatePart>) -> StateShard {
        StateShard(Arc::clone(part))
    }
}

impl StatePart {
    /// An empty state, at [`Version::START`].
    pub fn new(engine: &Arc<Engine>, updates: &Arc<Updates>, partition: usize) -> StatePart {
        let versions = Mutex::new(Versions::new(engine.context().environment(), next_number()));
        let (lanes, updates) = (engine.lanes(), Arc::clone(updates));
        StatePart { engine: Arc::downgrade(engine), lanes, updates, partition, table: next_number(), versions }
    }

    /// Keeps a version, if it is there, as long as `pin` has other holders.
    pub(crate) fn pin(&self, version: Version, pin: &Arc<()>) {
        self.versions().pin(version, pin);
    }

    fn versions(&self) -> MutexGuard<'_, Versions> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the worker's table that of `version`, the newest, by the next request: returns what the request must say.
    fn bring(&self, ask: &mut Ask<'_, '_>, version: Version) -> Result<Held, Stop> {
        let worker = ask.hold.worker()?;
        let held = self.versions().held(version, worker)?;
        if let Some(held) = held {
            return Ok(held);
        }
        let replay = self.versions().replay(version)?;
        let stamp = ask.replay(self.table, replay)?;
        self.versions().loaded(worker, stamp);
        Ok(Held { commit: 0, stamp })
    }

    /// All of a version, from here or from the worker.
    pub(crate) fn whole(&self, version: Version, cx: Option<&TaskContext>) -> Result<Vec<PyBatch>, Stop> {
        if let Some(whole) = self.versions().whole(version)? {
            return Ok(whole);
        }
        let mut hold = self.lanes.take(self.partition, cx)?;
        let mut ask = Ask { hold: &mut hold, cx };
        if let Some(whole) = self.versions().whole(version)? {
            return Ok(whole); // somebody else was here
        }
        let is_newest = self.versions().newest() == version;
        let (stamp, whole) = if is_newest {
            let held = self.bring(&mut ask, version)?;
            let whole = ask.read(self.table, held)?;
            self.versions().loaded(ask.hold.worker()?, held.stamp);
            (held.stamp, whole)
        } else {
            // The worker's own table stays as it is.
            let (scratch, replay) = (next_number(), self.versions().replay(version)?);
            let stamp = ask.replay(scratch, replay)?;
            let whole = ask.read(scratch, Held { commit: 0, stamp })?;
            ask.drop_table(scratch)?;
            (stamp, whole)
        };
        self.versions().keep_whole(version, stamp, &whole);
        Ok(whole)
    }
}

impl Shard for StateShard {
    type In = PyBatch;
    type Entry = PyBatch;
    type Out = ();
    type Change = StateChange;

    fn version(&self) -> Version {
        self.0.versions().newest()
    }

    fn prepare(&self, step: &Step, input: BoxRuns<PyBatch>, _: &mut Emit<()>) -> Result<(StateChange, Delta), Stop> {
        let engine = self.0.engine.upgrade().ok_or(Stop::Cancelled)?;
        let (from, to, cx) = (step.from, step.to, &*step.cx);
        let work = self.0.updates.get(to)?;
        // All of it first: it may be made of what waits for the same lane.
        let input = drained(input)?.into_iter().map(frame_of).collect();
        let mut hold = self.0.lanes.take(self.0.partition, Some(cx))?;
        if self.version() != from {
            return Err(Stop::Cancelled);
        }
        let mut ask = Ask { hold: &mut hold, cx: Some(cx) };
        let held = self.0.bring(&mut ask, from)?;
        let (stamp, wants_whole) = (next_number(), self.0.versions().wants_whole());
        let head = head_of(&engine, self.0.partition, cx);
        let (changes, updates) = ask.step(self.0.table, held, stamp, wants_whole, &head, &work, input)?;
        let worker = ask.hold.worker()?;
        self.0.versions().loaded(worker, held.stamp);
        drop(hold);
        engine.add_updates(updates);
        let sealed = || engine.seal().close(&changes.encode()?).map(Bytes);
        let change = step.durable.then(sealed).transpose()?.map(Arc::new);
        let delta = Delta { from, to, changed: changes.records(), change };
        Ok((StateChange { from, to, from_stamp: held.stamp, stamp, worker, changes }, delta))
    }

    fn commit(&self, change: StateChange) -> Result<(), Stop> {
        let StateChange { from, to, from_stamp, stamp, worker, changes } = change;
        let mut versions = self.0.versions();
        if versions.newest() != from || versions.stamp(from) != Some(from_stamp) {
            return Err(Stop::Cancelled);
        }
        versions.add(to, stamp, changes, Some((worker, from_stamp)));
        Ok(())
    }

    fn read(self: Arc<Self>, version: Version) -> Result<BoxRuns<PyBatch>, Stop> {
        let whole = self.0.whole(version, TaskContext::current().as_deref())?;
        Ok(Box::new(Batches(whole.into_iter())))
    }

    fn undo(&self, to: Version) -> Result<(), Cause> {
        self.0.versions().undo(to)
    }

    fn forget(&self, before: Version) {
        self.0.versions().forget(before);
    }

    fn seed(&self, version: Version, entries: BoxRuns<PyBatch>) -> Result<(), Stop> {
        let cx = TaskContext::current();
        let entries = drained(entries)?;
        let mut hold = self.0.lanes.take(self.0.partition, cx.as_deref())?;
        let mut ask = Ask { hold: &mut hold, cx: cx.as_deref() };
        // Through the worker, which leaves one state of each key.
        let stamp = ask.load(self.0.table, next_number(), entries)?;
        let whole = ask.read(self.0.table, Held { commit: 0, stamp })?;
        let worker = ask.hold.worker()?;
        self.0.versions().begin(version, stamp, whole);
        self.0.versions().loaded(worker, stamp);
        Ok(())
    }

    fn snapshot(self: Arc<Self>, version: Version) -> Result<Vec<u8>, Stop> {
        let whole = self.0.whole(version, TaskContext::current().as_deref())?;
        let engine = self.0.engine.upgrade().ok_or(Stop::Cancelled)?;
        Ok(engine.seal().close(&tidemill_core::shard::encode(&(version, whole), Vec::new())?)?)
    }

    fn load(&self, snapshot: &[u8], deltas: &[Delta]) -> Result<(), Stop> {
        let engine = self.0.engine.upgrade().ok_or(Stop::Cancelled)?;
        let (version, whole): (Version, Vec<PyBatch>) = match snapshot {
            [] => (Version::START, Vec::new()),
            _ => tidemill_core::shard::decode(engine.seal().open(snapshot)?)?.0,
        };
        let mut at = version;
        let mut changes = Vec::new();
        for delta in deltas {
            changes
                .push((delta.to, Changes::decode(engine.seal().open(tidemill_core::shard::next_change(at, delta)?)?)?));
            at = delta.to;
        }
        let mut versions = self.0.versions();
        versions.begin(version, next_number(), whole);
        changes.into_iter().for_each(|(to, changes)| versions.add(to, next_number(), changes, None));
        Ok(())
    }
}

impl Drop for StatePart {
    fn drop(&mut self) {
        self.lanes.forget(self.partition, asked::forget(self.table));
    }
}

/// A number that no other table or state of this process has.
fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn drained(mut runs: BoxRuns<PyBatch>) -> Result<Vec<PyBatch>, Stop> {
    let mut batches = Vec::new();
    while runs.next(&mut batches)? {}
    Ok(batches)
}

/// Batches at hand, one a run.
struct Batches(std::vec::IntoIter<PyBatch>);

impl Runs<PyBatch> for Batches {
    fn next(&mut self, into: &mut Vec<PyBatch>) -> Result<bool, Stop> {
        let batch = self.0.next();
        let is_there = batch.is_some();
        into.extend(batch);
        Ok(is_there)
    }
}

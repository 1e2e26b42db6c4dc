//! `StateShard`: state of keys that Python functions update, kept in a worker.
//!
//! The worker has a table with the newest version; the driver has every version that may still be read, as bytes that it
//! does not look into: all of a version now and then, in between what changed. So a worker that dies takes nothing along:
//! another one is given the bytes, and no function of the user's runs for it. A version that was read whole is kept so,
//! and is from then on read from here.
//!
//! Both have a limit. Past `tidemill.memory.state.limit` bytes of the driver's go to disk. A worker whose tables take more
//! than `spark.python.worker.memory` forgets some until they are needed: to load one again is the same as after a death.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tidemill_core::shard::{Delta, Emit, Kept, Pieces, Shard, Step, Version, decode, next_change, of_one_version};
use tidemill_core::ship::Bytes;
use tidemill_core::{BoxRuns, Cause, Stop, TaskContext};

use crate::batch::PyBatch;
use crate::chain::head_of;
use crate::engine::Engine;
use crate::pool::Lanes;

mod asked;
mod body;
mod seal;
mod states;
mod versions;

pub use asked::Updates;
use asked::{Ask, Stepping};
pub(crate) use body::Body;
use body::Gathering;
pub use seal::{Reads, Seal};
pub(crate) use states::states;
use versions::{Held, Replay, Size, Versions};

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
    /// The worker that has the draft, if one has.
    worker: Option<u64>,
    changes: Body,
}

/// What a step came to.
struct Stepped {
    from_stamp: u64,
    stamp: u64,
    worker: Option<u64>,
    changes: Body,
    /// What it added to accumulators.
    updates: Option<Vec<u8>>,
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
        let versions = Mutex::new(Versions::new(&engine.context().environment().memory, next_number()));
        let (lanes, updates) = (engine.lanes(), Arc::clone(updates));
        StatePart { engine: Arc::downgrade(engine), lanes, updates, partition, table: next_number(), versions }
    }

    /// The version that it is at.
    pub(crate) fn version(&self) -> Version {
        self.versions().newest()
    }

    /// Keeps a version, if it is there, as long as `pin` has other holders.
    pub(crate) fn pin(&self, version: Version, pin: &Arc<()>) {
        self.versions().pin(version, pin);
    }

    fn versions(&self) -> MutexGuard<'_, Versions> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves what is kept to disk for as long as state takes more memory than it may.
    ///
    /// # Errors
    /// The disk takes no more: then it stays in memory.
    fn make_room(&self) -> Result<(), Cause> {
        let Some(engine) = self.engine.upgrade() else { return Ok(()) };
        loop {
            let leaving = self.versions().leaving();
            if leaving.is_empty() {
                return Ok(());
            }
            let bodies: Vec<Body> = leaving.iter().map(|leaving| leaving.body.clone()).collect();
            // Without the lock: who reads another version need not wait for the disk.
            let written = Body::to_file(&bodies, &engine.context().environment().spill)?;
            tracing::debug!(partition = self.partition, versions = leaving.len(), "State goes to disk.");
            self.versions().left(leaving, written);
            engine.state_left_memory();
        }
    }

    /// As `make_room`, but where the disk takes no more a warning says so, once: the next step fails if it does not then.
    fn try_to_make_room(&self) {
        if let (Err(cause), Some(engine)) = (self.make_room(), self.engine.upgrade()) {
            engine.state_stays_in_memory(&cause);
        }
    }

    /// Makes the worker's table that of `version`, the newest, by the next request: returns what the request must say.
    fn bring(&self, ask: &mut Ask<'_, '_>, version: Version) -> Result<Held, Stop> {
        let worker = ask.hold.worker()?;
        let held = self.versions().held(version, worker)?;
        if let Some(held) = held.filter(|_| ask.hold.has(self.table)) {
            return Ok(held);
        }
        let replay = self.versions().replay(version)?;
        let bytes = replay.table_bytes();
        ask.hold.has_not(self.table);
        ask.make_room(self.table, bytes)?;
        let stamp = ask.replay(self.table, &replay)?;
        ask.hold.has_used(self.table, bytes);
        self.versions().loaded(worker, stamp);
        Ok(Held { commit: 0, stamp })
    }

    /// Runs a step from `version`, the newest: over the worker's table, or where that would be too large over what passes.
    fn step(&self, ask: &mut Ask<'_, '_>, version: Version, stepping: Stepping<'_>) -> Result<Stepped, Stop> {
        let stamp = next_number();
        if let Some(replay) = self.to_pass(ask, version)? {
            if ask.hold.has(self.table) {
                ask.drop_table(self.table)?;
            }
            let (changes, updates) = ask.step_passing(&replay, stepping)?;
            return Ok(Stepped { from_stamp: replay.stamp(), stamp, worker: None, changes, updates });
        }
        let held = self.bring(ask, version)?;
        let (_, size) = self.newest();
        let (changes, updates) = ask.step(self.table, held, stamp, size.wants_whole(), stepping)?;
        let worker = ask.hold.worker()?;
        self.versions().loaded(worker, held.stamp);
        let is_kept = ask.keep(self.table, size.table_bytes_with(&changes))?;
        Ok(Stepped { from_stamp: held.stamp, stamp, worker: is_kept.then_some(worker), changes, updates })
    }

    /// How `version`, the newest, is made again, if its table is too large for a worker to keep.
    fn to_pass(&self, ask: &mut Ask<'_, '_>, version: Version) -> Result<Option<Replay>, Stop> {
        let (_, size) = self.newest();
        if !ask.is_too_large(size) {
            return Ok(None);
        }
        let replay = self.versions().replay(version)?;
        if !ask.is_much_to_pass(size) {
            return Ok(Some(replay));
        }
        // Else what has changed, which the worker remembers while all else passes, would be as much as a table.
        let whole = ask.merged(&replay)?;
        self.versions().keep_whole(version, replay.stamp(), &whole);
        let (_, size) = self.newest(); // what changed often was counted as often
        if ask.is_too_large(size) { self.versions().replay(version).map(Some) } else { Ok(None) }
    }

    /// The newest version, and how large it is.
    fn newest(&self) -> (Version, Size) {
        let versions = self.versions();
        (versions.newest(), versions.size())
    }

    /// All of a version, from here or from the worker.
    pub(crate) fn whole(&self, version: Version, cx: Option<&TaskContext>) -> Result<Body, Stop> {
        if let Some(whole) = self.versions().whole(version)? {
            return Ok(whole);
        }
        let engine = self.engine.upgrade().ok_or(Stop::Cancelled)?;
        let mut hold = self.lanes.take(self.partition, cx)?;
        let mut ask = Ask { hold: &mut hold, cx, environment: engine.context().environment() };
        if let Some(whole) = self.versions().whole(version)? {
            return Ok(whole); // somebody else was here
        }
        let (newest, size) = self.newest();
        let (stamp, whole) = if newest == version && !ask.is_too_large(size) {
            let held = self.bring(&mut ask, version)?;
            let whole = ask.read(self.table, held)?;
            self.versions().loaded(ask.hold.worker()?, held.stamp);
            (held.stamp, whole)
        } else {
            // The worker's own table stays as it is.
            let replay = self.versions().replay(version)?;
            (replay.stamp(), ask.merged(&replay)?)
        };
        self.versions().keep_whole(version, stamp, &whole);
        drop(hold);
        self.try_to_make_room();
        Ok(whole)
    }
}

impl Shard for StateShard {
    type In = PyBatch;
    type Entry = PyBatch;
    type Out = ();
    type Change = StateChange;

    fn version(&self) -> Version {
        self.0.version()
    }

    fn prepare(&self, step: &Step, input: BoxRuns<PyBatch>, _: &mut Emit<()>) -> Result<(StateChange, Delta), Stop> {
        let engine = self.0.engine.upgrade().ok_or(Stop::Cancelled)?;
        let (from, to, cx) = (step.from, step.to, &*step.cx);
        let work = self.0.updates.get(to)?;
        if let Err(cause) = self.0.make_room()
            && engine.is_state_past_limit()
        {
            return Err(cause.into());
        }
        // All of it first: it may be made of what waits for the same lane.
        let input = drained(input)?;
        let mut hold = self.0.lanes.take(self.0.partition, Some(cx))?;
        if self.version() != from {
            return Err(Stop::Cancelled);
        }
        let mut ask = Ask { hold: &mut hold, cx: Some(cx), environment: engine.context().environment() };
        let stepping = Stepping { work: &work, head: head_of(&engine, self.0.partition, cx), input };
        let Stepped { from_stamp, stamp, worker, changes, updates } = self.0.step(&mut ask, from, stepping)?;
        drop(hold);
        engine.add_updates(updates);
        let sealed = || engine.seal().close(changes.encode()?).map(Bytes);
        let change = step.durable.then(sealed).transpose()?.map(Arc::new);
        let delta = Delta { from, to, changed: changes.records(), change };
        Ok((StateChange { from, to, from_stamp, stamp, worker, changes }, delta))
    }

    fn commit(&self, change: StateChange) -> Result<(), Stop> {
        let StateChange { from, to, from_stamp, stamp, worker, changes } = change;
        let mut versions = self.0.versions();
        if versions.newest() != from || versions.stamp(from) != Some(from_stamp) {
            return Err(Stop::Cancelled);
        }
        versions.add(to, stamp, changes, worker.map(|worker| (worker, from_stamp)));
        drop(versions);
        self.0.try_to_make_room();
        Ok(())
    }

    fn read(self: Arc<Self>, version: Version) -> Result<BoxRuns<PyBatch>, Stop> {
        Ok(Box::new(self.0.whole(version, TaskContext::current().as_deref())?.read()?))
    }

    fn undo(&self, to: Version) -> Result<(), Cause> {
        self.0.versions().undo(to)
    }

    fn forget(&self, before: Version) {
        self.0.versions().forget(before);
    }

    fn seed(&self, version: Version, entries: BoxRuns<PyBatch>) -> Result<(), Stop> {
        let engine = self.0.engine.upgrade().ok_or(Stop::Cancelled)?;
        let cx = TaskContext::current();
        let entries = Body::whole(drained(entries)?);
        let mut hold = self.0.lanes.take(self.0.partition, cx.as_deref())?;
        let mut ask = Ask { hold: &mut hold, cx: cx.as_deref(), environment: engine.context().environment() };
        let stamp = next_number();
        let replay = Replay { whole: entries, stamp, changes: Vec::new() };
        ask.hold.has_not(self.0.table);
        ask.make_room(self.0.table, replay.table_bytes())?;
        // Through the worker, which leaves one state of each key.
        ask.replay(self.0.table, &replay)?;
        let whole = ask.read(self.0.table, Held { commit: 0, stamp })?;
        ask.keep(self.0.table, replay.table_bytes())?;
        let worker = ask.hold.worker()?;
        let mut versions = self.0.versions();
        versions.begin(version, stamp, whole);
        versions.loaded(worker, stamp);
        drop((versions, hold));
        self.0.try_to_make_room();
        Ok(())
    }

    fn snapshot(self: Arc<Self>, version: Version) -> Result<Pieces<'static>, Stop> {
        let whole = self.0.whole(version, TaskContext::current().as_deref())?;
        let engine = self.0.engine.upgrade().ok_or(Stop::Cancelled)?;
        let pieces = whole.pieces(version)?;
        Ok(Box::new(pieces.map(move |piece| Ok(engine.seal().close(piece?)?))))
    }

    fn load(&self, kept: &dyn Kept) -> Result<(), Stop> {
        let engine = self.0.engine.upgrade().ok_or(Stop::Cancelled)?;
        let mut whole = Gathering::new(engine.context().environment());
        let mut loaded = None;
        for piece in kept.pieces() {
            let piece = piece?;
            let (version, batches): (Version, Vec<PyBatch>) = decode(engine.seal().open(&piece)?)?.0;
            of_one_version(&mut loaded, version)?;
            batches.into_iter().try_for_each(|batch| whole.push_whole(batch))?;
        }
        let (mut at, whole) = (loaded.unwrap_or_default(), whole.finish_whole()?);
        self.0.versions().begin(at, next_number(), whole);
        for delta in kept.deltas() {
            let delta = delta?;
            let changes = Body::decode(engine.seal().open(next_change(at, &delta)?)?)?;
            self.0.versions().add(delta.to, next_number(), changes, None);
            self.0.try_to_make_room();
            at = delta.to;
        }
        self.0.try_to_make_room();
        Ok(())
    }
}

impl Drop for StatePart {
    fn drop(&mut self) {
        self.lanes.forget(self.partition, self.table, asked::forget(self.table));
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

//! `Shards`: the driver's handle on all shards of one stateful operator.
//!
//! A step is one job. Its tasks commit, each its own shard, as long as the step's ticket is open; the ticket is closed when
//! the job is over, and if it failed the shards that have committed go back. So no task that wakes up late changes
//! anything, and versions are made by all shards or by none.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::context::Context;
use crate::environment::Environment;
use crate::error::Error;
use crate::layout::Layout;
use crate::lineage::Operator;
use crate::rdd::{Drawn, Rdd, run_job, to_disk};
use crate::shard::nodes::{Emitted, Entries};
use crate::shard::{Delta, Emit, Keeper, Shard, Step, Version};
use crate::ship::{Code, NotShippable, ShipError};
use crate::store::Eviction;
use crate::{BlockId, Cause, Stop};

/// The shards of one stateful operator, one for each partition, in the store of this process. Cloning it clones a pointer;
/// they go with the last clone, and the last RDD that reads them.
pub struct Shards<S: Shard> {
    context: Context,
    pub(super) resident: Arc<Resident<S>>,
}

/// What lives in the store.
pub(super) struct Resident<S: Shard> {
    /// Counts the stateful operators of the context.
    id: u64,
    pub(super) operator: Operator,
    pub(super) layout: Option<Layout>,
    pub(super) environment: Arc<Environment>,
    pub(super) parts: Vec<Part<S>>,
    state: Mutex<State>,
    /// Held by who makes or undoes a version: the last ticket.
    pub(super) turn: Mutex<u64>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) version: Version,
    /// Who is told what steps change.
    pub(super) keeper: Option<Arc<dyn Keeper>>,
    /// The versions whose emitted records are kept.
    emitted: BTreeSet<Version>,
}

pub(super) struct Part<S> {
    pub(super) shard: Arc<S>,
    gate: Mutex<Gate>,
}

/// What lets a task commit.
#[derive(Default)]
pub(super) struct Gate {
    /// The ticket of the step that is under way.
    ticket: Option<u64>,
    /// What the shard's last step did.
    pub(super) done: Option<Delta>,
}

impl Context {
    /// The shards of the stateful operator `operator`: `make` makes the one of each partition, with an empty state at
    /// [`Version::START`]. Keys lie by `layout`, where it is given.
    pub fn shards<S: Shard>(
        &self,
        operator: Operator,
        partitions: usize,
        layout: Option<Layout>,
        make: impl Fn(usize) -> S,
    ) -> Shards<S> {
        let part = |partition| Part { shard: Arc::new(make(partition)), gate: Mutex::default() };
        let resident = Resident {
            id: self.next_shared(),
            operator,
            layout,
            environment: Arc::clone(self.environment()),
            parts: (0..partitions).map(part).collect(),
            state: Mutex::default(),
            turn: Mutex::default(),
        };
        Shards { context: self.clone(), resident: Arc::new(resident) }
    }
}

impl<S: Shard> Clone for Shards<S> {
    fn clone(&self) -> Self {
        Shards { context: self.context.clone(), resident: Arc::clone(&self.resident) }
    }
}

impl<S: Shard> Shards<S> {
    /// The version that all shards are at.
    pub fn version(&self) -> Version {
        self.resident.state().version
    }

    /// How many shards there are.
    pub fn partitions(&self) -> usize {
        self.resident.parts.len()
    }

    /// How keys lie in them, where that is known.
    pub fn layout(&self) -> Option<&Layout> {
        self.resident.layout.as_ref()
    }

    /// Runs a job in which every shard steps from `from` to `to`, with its partition of `input`; returns what each did.
    /// Where the shards are at `to` already, and what they emitted is there, nothing is run.
    ///
    /// # Errors
    /// Those of the job: then no shard has made the step. The shards are not at `from`; the input has other partitions
    /// than they, or another layout.
    pub fn step(&self, input: &Rdd<S::In>, from: Version, to: Version) -> Result<Vec<Delta>, Error> {
        let mut turn = self.resident.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_input(input.num_partitions(), input.layout())?;
        if let Some(done) = self.resident.done(from, to) {
            return Ok(done);
        }
        if self.version() == to && to > from {
            self.resident.undo(from).map_err(|cause| self.error(cause))?; // what it emitted is lost: it is made again
        }
        if self.version() != from || to <= from {
            let text = format!("it is at version {}, so it cannot step from {from} to {to}", self.version());
            return Err(self.error(Cause::Invalid(text)));
        }
        *turn += 1;
        let keeper = self.resident.state().keeper.clone();
        let (resident, durable) = (Arc::clone(&self.resident), keeper.is_some());
        let code = Stepping { resident, ticket: *turn, from, to, durable };
        self.resident.parts.iter().for_each(|part| *part.gate() = Gate { ticket: Some(*turn), done: None });
        let operator = self.resident.operator.clone();
        let result = run_job(input, operator, input.all_partitions(), code, |drawn, code| code.run(drawn));
        self.resident.parts.iter().for_each(|part| part.gate().ticket = None);
        let Ok(deltas) = &result else {
            self.resident.take_back(from, to).map_err(|cause| self.error(cause))?;
            return result;
        };
        let mut state = self.resident.state();
        state.version = to;
        state.emitted.insert(to);
        drop(state);
        if let Some(keeper) = keeper {
            keeper.stepped(from, to, deltas.clone());
        }
        result
    }

    /// The records that the step to `version` emitted, as they were emitted.
    ///
    /// A task that finds them gone fails with an error that names the operator and the version.
    #[track_caller]
    pub fn emitted(&self, version: Version) -> Rdd<S::Out> {
        let meta = self.context.meta("emitted", self.partitions(), None);
        Rdd::new(&self.context, Arc::new(Emitted::new(meta, &self.resident, version)))
    }

    /// The entries of `version`, laid out as the shards are.
    ///
    /// A task that finds the version gone fails with an error that names the operator and the version.
    #[track_caller]
    pub fn read(&self, version: Version) -> Rdd<S::Entry> {
        let meta = self.context.meta("read", self.partitions(), self.resident.layout.clone());
        Rdd::new(&self.context, Arc::new(Entries::new(meta, &self.resident, version)))
    }

    /// Drops what only versions before `before` need: what was emitted, and old values unless the keeper has still to read
    /// them.
    pub fn forget(&self, before: Version) {
        let needed = self.keeper().and_then(|keeper| keeper.needs());
        let oldest = needed.map_or(before, |needed| needed.min(before));
        for part in &self.resident.parts {
            part.shard.forget(oldest);
            part.shard.make_room();
        }
        self.resident.remove_emitted(|version| version < before);
    }

    /// Goes back to a version that is kept.
    ///
    /// # Errors
    /// It is not kept.
    pub fn undo(&self, to: Version) -> Result<(), Error> {
        let _turn = self.resident.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.resident.undo(to).map_err(|cause| self.error(cause))
    }

    /// Runs a job that puts a first state in place of all there is, as `version`.
    ///
    /// # Errors
    /// Those of the job: then it is to be run again. The entries have other partitions than the shards, or another layout.
    pub fn seed(&self, entries: &Rdd<S::Entry>, version: Version) -> Result<(), Error> {
        let _turn = self.resident.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_input(entries.num_partitions(), entries.layout())?;
        let (resident, operator) = (Arc::clone(&self.resident), self.resident.operator.clone());
        let code = Seeding { resident, version };
        run_job(entries, operator, entries.all_partitions(), code, |drawn, code| code.run(drawn))?;
        self.resident.remove_emitted(|_| true);
        self.resident.state().version = version;
        if let Some(keeper) = self.keeper() {
            keeper.seeded(version);
        }
        Ok(())
    }

    fn keeper(&self) -> Option<Arc<dyn Keeper>> {
        self.resident.state().keeper.clone()
    }

    fn check_input(&self, partitions: usize, layout: Option<&Layout>) -> Result<(), Error> {
        let resident = &self.resident;
        let fits = resident.layout.is_none() || resident.layout.as_ref() == layout;
        if partitions == resident.parts.len() && fits {
            return Ok(());
        }
        let shards = resident.parts.len();
        let text = match &resident.layout {
            Some(own) => format!(
                "its input lies {} and has {partitions} partitions, its state lies by {own:?}: bring the input to that \
                 layout first, as by `partition_by`",
                layout.map_or("by no known layout".into(), |layout| format!("by {layout:?}")),
            ),
            None => format!("its input has {partitions} partitions and its state {shards}"),
        };
        Err(self.error(Cause::Invalid(text)))
    }

    pub(super) fn error(&self, cause: Cause) -> Error {
        Error::driver(&self.resident.operator, cause)
    }

    pub(super) fn stopped(&self, stop: Stop) -> Error {
        match stop {
            Stop::Failed(cause) => self.error(cause),
            stop => self.error(Cause::Invalid(stop.to_string())),
        }
    }
}

impl<S: Shard> Resident<S> {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn part(&self, partition: usize) -> Result<&Part<S>, Stop> {
        let part = self.parts.get(partition);
        part.ok_or_else(|| Cause::Invalid(format!("there is no shard of state for partition {partition}")).into())
    }

    /// The block of what a shard emitted.
    pub(super) fn block(&self, version: Version, partition: usize) -> BlockId {
        BlockId::State { operator: self.id, version, partition: partition as u32 }
    }

    /// What the step from `from` to `to` did, if it is made and all that it emitted is there.
    fn done(&self, from: Version, to: Version) -> Option<Vec<Delta>> {
        let done = |(partition, part): (usize, &Part<S>)| {
            let done = part.gate().done.clone().filter(|delta| delta.from == from && delta.to == to)?;
            self.environment.store.contains(self.block(to, partition)).then_some(done)
        };
        (self.state().version == to).then(|| self.parts.iter().enumerate().map(done).collect())?
    }

    fn undo(&self, to: Version) -> Result<(), Cause> {
        for part in &self.parts {
            part.shard.undo(to)?;
            part.gate().done = None;
        }
        self.remove_emitted(|version| version > to);
        self.state().version = to;
        Ok(())
    }

    /// Brings the shards back that have made a step which others have not.
    fn take_back(&self, from: Version, to: Version) -> Result<(), Cause> {
        self.state().emitted.insert(to); // of some of them
        self.undo(from)
    }

    pub(super) fn remove_emitted(&self, goes: impl Fn(Version) -> bool) {
        let gone: Vec<Version> = self.state().emitted.extract_if(.., |version| goes(*version)).collect();
        for version in gone {
            (0..self.parts.len()).for_each(|partition| self.environment.store.remove(self.block(version, partition)));
        }
    }
}

impl<S: Shard> Drop for Resident<S> {
    fn drop(&mut self) {
        self.remove_emitted(|_| true);
    }
}

impl<S> Part<S> {
    pub(super) fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the step of `ticket` did, if another attempt has made it.
    fn done(&self, ticket: u64) -> Option<Delta> {
        let gate = self.gate();
        gate.done.clone().filter(|_| gate.ticket == Some(ticket))
    }
}

/// The step that tasks make.
struct Stepping<S: Shard> {
    resident: Arc<Resident<S>>,
    ticket: u64,
    from: Version,
    to: Version,
    durable: bool,
}

impl<S: Shard> Stepping<S> {
    fn run(&self, drawn: Drawn<S::In>) -> Result<Delta, Stop> {
        let cx = Arc::clone(&drawn.cx);
        let part = self.resident.part(cx.partition())?;
        let made = match part.done(self.ticket) {
            Some(done) => Ok(done),
            None => self.make(drawn, part),
        };
        // Another attempt may have come first, and then this one has found another version than it was to start from.
        let delta = made.or_else(|stop| part.done(self.ticket).ok_or(stop)).map_err(|stop| match stop {
            Stop::Cancelled if !cx.is_cancelled() => {
                let (from, at) = (self.from, part.shard.version());
                Cause::Invalid(format!("its state is at version {at} and not at {from}")).into()
            }
            stop => stop,
        })?;
        cx.bring(delta.change.as_ref().map_or(0, |change| change.0.len() as u64))?;
        Ok(delta)
    }

    fn make(&self, drawn: Drawn<S::In>, part: &Part<S>) -> Result<Delta, Stop> {
        let cx = Arc::clone(&drawn.cx);
        let mut emit = Emit::new(cx.environment());
        let step = Step { from: self.from, to: self.to, durable: self.durable, cx: Arc::clone(&cx) };
        let (change, delta) = part.shard.prepare(&step, Box::new(drawn.into_input()), &mut emit)?;
        let place = emit.finish()?;
        let mut gate = part.gate();
        if let Some(done) = gate.done.clone() {
            return Ok(done);
        }
        if gate.ticket != Some(self.ticket) {
            return Err(Stop::Cancelled); // the step is over and was taken back
        }
        part.shard.commit(change)?;
        let block = self.resident.block(self.to, cx.partition());
        cx.environment().store.put(block, place, Eviction::Spill(to_disk::<S::Out>));
        gate.done = Some(delta.clone());
        drop(gate);
        part.shard.make_room();
        Ok(delta)
    }
}

/// The seeding that tasks do.
struct Seeding<S: Shard> {
    resident: Arc<Resident<S>>,
    version: Version,
}

impl<S: Shard> Seeding<S> {
    fn run(&self, drawn: Drawn<S::Entry>) -> Result<(), Stop> {
        let part = self.resident.part(drawn.cx.partition())?;
        part.shard.seed(self.version, Box::new(drawn.into_input()))?;
        part.gate().done = None;
        part.shard.make_room();
        Ok(())
    }
}

impl<S: Shard> Code for Stepping<S> {
    fn pack(&self) -> Result<Vec<u8>, NotShippable> {
        Err(stays())
    }

    fn unpack(_: &[u8]) -> Result<Self, ShipError> {
        Err(ShipError::Value("state does not travel".into()))
    }
}

impl<S: Shard> Code for Seeding<S> {
    fn pack(&self) -> Result<Vec<u8>, NotShippable> {
        Err(stays())
    }

    fn unpack(_: &[u8]) -> Result<Self, ShipError> {
        Err(ShipError::Value("state does not travel".into()))
    }
}

/// Why what concerns state is not sent.
pub(super) fn stays() -> NotShippable {
    NotShippable::because("its state lives in the process of the driver, and cannot be stepped or read elsewhere")
}

//! What a shard asks of the worker that keeps its table: the driver's side of `worker/resident.py`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tidemill_core::environment::Environment;
use tidemill_core::shard::Version;
use tidemill_core::{Cause, Stop, TaskContext};

use crate::batch::PyBatch;
use crate::chain::{batch_of, frame_of};
use crate::pool::{Frame, Hold, Input, Request, TaskHead, Work};
use crate::state::body::{Body, Gathering, Part};
use crate::state::versions::{Held, Replay, Size};

const LOAD: u32 = 1;
const APPLY: u32 = 2;
const STEP: u32 = 3;
const READ: u32 = 4;
const DROP: u32 = 5;
const PASS: u32 = 6;

/// What new values are where states are beside them.
const VALUES: u32 = 3;

/// The update functions of the versions that are being made.
#[derive(Default)]
pub struct Updates(Mutex<BTreeMap<Version, Arc<Work>>>);

impl Updates {
    /// The steps to `version` run this function; those to other versions are over.
    pub fn set(&self, version: Version, work: Arc<Work>) {
        let mut works = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        works.clear();
        works.insert(version, work);
    }

    pub(super) fn get(&self, version: Version) -> Result<Arc<Work>, Stop> {
        let works = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        works.get(&version).cloned().ok_or(Stop::Cancelled)
    }
}

/// The function of a step, the task that runs it, and the new values.
pub(super) struct Stepping<'a> {
    pub(super) work: &'a Arc<Work>,
    pub(super) head: TaskHead,
    pub(super) input: Vec<PyBatch>,
}

/// A lane, and the task for which it is asked.
pub(super) struct Ask<'hold, 'lanes> {
    pub(super) hold: &'hold mut Hold<'lanes>,
    pub(super) cx: Option<&'hold TaskContext>,
    pub(super) environment: &'hold Environment,
}

impl Ask<'_, '_> {
    /// Makes a table of these batches, with this stamp.
    pub(super) fn load(&mut self, table: u64, stamp: u64, whole: &Body) -> Result<u64, Stop> {
        self.ask(LOAD, payload(table, Held::default(), stamp, false), frames(whole)?)?;
        Ok(stamp)
    }

    /// Makes a table of what is kept of a version; returns its stamp.
    pub(super) fn replay(&mut self, table: u64, replay: &Replay) -> Result<u64, Stop> {
        let mut stamp = self.load(table, replay.stamp, &replay.whole)?;
        for (to, changes) in &replay.changes {
            self.ask(APPLY, payload(table, Held { commit: 0, stamp }, *to, false), frames(changes)?)?;
            stamp = *to;
        }
        Ok(stamp)
    }

    /// Lets the worker keep a table that it has used, of about so many bytes, if it is not too large; whether it is not. Others
    /// go for it.
    pub(super) fn keep(&mut self, table: u64, bytes: u64) -> Result<bool, Stop> {
        if bytes > self.hold.table_memory() {
            self.drop_table(table)?;
            return Ok(false);
        }
        self.hold.has_used(table, bytes);
        self.make_room(table, 0)?;
        Ok(true)
    }

    /// Whether a table of this is more than all that a worker may keep.
    pub(super) fn is_too_large(&self, size: Size) -> bool {
        size.table_bytes() > self.hold.table_memory()
    }

    /// Whether a worker through which it passes would have to remember much of it.
    pub(super) fn is_much_to_pass(&self, size: Size) -> bool {
        size.passing_bytes() > self.hold.table_memory() / 2
    }

    /// Makes room in the worker for a table that takes about so many bytes more than it does now: others go that are not
    /// needed next, and are loaded again when they are.
    pub(super) fn make_room(&mut self, table: u64, more: u64) -> Result<(), Stop> {
        while let Some(other) = self.hold.surplus(table, more) {
            tracing::debug!(table = other, "A worker forgets a state until it is needed: its memory is for others.");
            self.drop_table(other)?;
        }
        Ok(())
    }

    /// Runs the update function over a table, and leaves a draft with the stamp `new`.
    pub(super) fn step(
        &mut self,
        table: u64,
        held: Held,
        new: u64,
        whole: bool,
        step: Stepping<'_>,
    ) -> Result<(Body, Option<Vec<u8>>), Stop> {
        let mut payload = payload(table, held, new, whole);
        payload.extend(step.head.to_bytes());
        let input = Box::new(step.input.into_iter().map(|batch| Ok(frame_of(batch))));
        self.gather(Request { what: STEP, payload, work: Some(step.work), input })
    }

    /// Runs the update function over a version that passes through the worker, which keeps nothing of it.
    pub(super) fn step_passing(
        &mut self,
        replay: &Replay,
        step: Stepping<'_>,
    ) -> Result<(Body, Option<Vec<u8>>), Stop> {
        let mut payload = payload(0, Held::default(), 0, false);
        payload.extend(step.head.to_bytes());
        let new = step.input.into_iter().map(|batch| Ok(Frame { bucket: VALUES, ..frame_of(batch) }));
        let input = Box::new(new.chain(passing(replay)));
        self.gather(Request { what: PASS, payload, work: Some(step.work), input })
    }

    /// All of a version, which passes through the worker, which keeps nothing of it.
    pub(super) fn merged(&mut self, replay: &Replay) -> Result<Body, Stop> {
        self.ask(PASS, payload(0, Held::default(), 0, true), Box::new(passing(replay)))
    }

    /// All of a table.
    pub(super) fn read(&mut self, table: u64, held: Held) -> Result<Body, Stop> {
        self.ask(READ, payload(table, held, 0, false), nothing())
    }

    /// Forgets a table.
    pub(super) fn drop_table(&mut self, table: u64) -> Result<(), Stop> {
        self.hold.has_not(table);
        self.ask(DROP, payload(table, Held::default(), 0, false), nothing()).map(drop)
    }

    fn ask(&mut self, what: u32, mut payload: Vec<u8>, input: Input<'_>) -> Result<Body, Stop> {
        payload.extend(TaskHead::default().to_bytes());
        self.gather(Request { what, payload, work: None, input }).map(|(body, _)| body)
    }

    /// What a worker tells of a table, and what it added to accumulators.
    fn gather(&mut self, request: Request<'_>) -> Result<(Body, Option<Vec<u8>>), Stop> {
        let mut told = Gathering::new(self.environment);
        let updates = self.hold.ask(request, self.cx, &mut |frame| Ok(told.push((frame.bucket, batch_of(frame)?))?))?;
        Ok((told.finish()?, updates))
    }
}

/// The request to forget a table.
pub(super) fn forget(table: u64) -> Request<'static> {
    let mut payload = payload(table, Held::default(), 0, false);
    payload.extend(TaskHead::default().to_bytes());
    Request { what: DROP, payload, work: None, input: nothing() }
}

fn nothing() -> Input<'static> {
    Box::new(std::iter::empty())
}

/// A body as input, each batch read when it is sent.
fn frames(body: &Body) -> Result<Input<'static>, Cause> {
    Ok(Box::new(body.read()?.map(frame)))
}

fn frame(part: Result<Part, Cause>) -> Result<Frame, Stop> {
    let (what, batch) = part?;
    Ok(Frame { bucket: what, ..frame_of(batch) })
}

/// A version as input: what has changed since a whole one, and then that.
fn passing(replay: &Replay) -> impl Iterator<Item = Result<Frame, Stop>> + Send + use<'_> {
    let bodies = replay.changes.iter().map(|(_, body)| body).chain([&replay.whole]);
    bodies.flat_map(|body| {
        let (reading, failed) = match body.read() {
            Ok(reading) => (Some(reading), None),
            Err(cause) => (None, Some(Err(cause.into()))),
        };
        failed.into_iter().chain(reading.into_iter().flatten().map(frame))
    })
}

fn payload(table: u64, held: Held, new: u64, whole: bool) -> Vec<u8> {
    let mut payload = Vec::with_capacity(72);
    [table, held.commit, held.stamp, new].iter().for_each(|number| payload.extend(number.to_le_bytes()));
    payload.extend(u32::from(whole).to_le_bytes());
    payload
}

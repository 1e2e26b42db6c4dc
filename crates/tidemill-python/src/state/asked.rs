//! What a shard asks of the worker that keeps its table: the driver's side of `worker/resident.py`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tidemill_core::shard::{Version, decode, encode};
use tidemill_core::{Cause, Stop, TaskContext};

use crate::batch::PyBatch;
use crate::chain::{batch_of, frame_of};
use crate::pool::{Frame, Hold, Request, TaskHead, Work};
use crate::state::versions::{Held, Replay};

const LOAD: u32 = 1;
const APPLY: u32 = 2;
const STEP: u32 = 3;
const READ: u32 = 4;
const DROP: u32 = 5;

/// The kind of changes that are all of the new state.
const WHOLE: u32 = 2;

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

/// What a step did, in frames of the worker's: each with what it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Changes(pub(super) Vec<(u32, PyBatch)>);

impl Changes {
    /// The batches of the whole state, if they are all of it.
    pub(super) fn into_whole(self) -> Result<Vec<PyBatch>, Changes> {
        match self.0.first() {
            Some((WHOLE, _)) => Ok(self.0.into_iter().map(|(_, batch)| batch).collect()),
            _ => Err(self),
        }
    }

    pub(super) fn records(&self) -> u64 {
        self.0.iter().map(|(_, batch)| u64::from(batch.count)).sum()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().map(|(_, batch)| batch.payload.len() as u64).sum()
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, Cause> {
        encode(self, Vec::new())
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Changes, Cause> {
        decode(bytes).map(|(changes, _)| changes)
    }
}

/// A lane, and the task for which it is asked.
pub(super) struct Ask<'hold, 'lanes> {
    pub(super) hold: &'hold mut Hold<'lanes>,
    pub(super) cx: Option<&'hold TaskContext>,
}

impl Ask<'_, '_> {
    /// Makes a table of these batches, with this stamp.
    pub(super) fn load(&mut self, table: u64, stamp: u64, batches: Vec<PyBatch>) -> Result<u64, Stop> {
        let payload = payload(table, Held::default(), stamp, false);
        self.ask(LOAD, payload, batches.into_iter().map(frame_of).collect())?;
        Ok(stamp)
    }

    /// Makes a table of what is kept of a version; returns its stamp.
    pub(super) fn replay(&mut self, table: u64, replay: Replay) -> Result<u64, Stop> {
        let mut stamp = self.load(table, replay.stamp, replay.whole)?;
        for (to, Changes(changes)) in replay.changes {
            let payload = payload(table, Held { commit: 0, stamp }, to, false);
            let frames = changes.into_iter().map(|(what, batch)| Frame { bucket: what, ..frame_of(batch) });
            self.ask(APPLY, payload, frames.collect())?;
            stamp = to;
        }
        Ok(stamp)
    }

    /// Runs the update function over a table, and leaves a draft with the stamp `new`.
    #[expect(clippy::too_many_arguments, reason = "a step is all of this")]
    pub(super) fn step(
        &mut self,
        table: u64,
        held: Held,
        new: u64,
        whole: bool,
        head: &TaskHead,
        work: &Arc<Work>,
        input: Vec<Frame>,
    ) -> Result<(Changes, Option<Vec<u8>>), Stop> {
        let mut payload = payload(table, held, new, whole);
        payload.extend(head.to_bytes());
        let answer = self.hold.ask(Request { what: STEP, payload, work: Some(work), input }, self.cx)?;
        let changes = answer.output.into_iter().map(|frame| Ok((frame.bucket, batch_of(frame)?)));
        Ok((Changes(changes.collect::<Result<_, Stop>>()?), answer.updates))
    }

    /// All of a table.
    pub(super) fn read(&mut self, table: u64, held: Held) -> Result<Vec<PyBatch>, Stop> {
        let output = self.ask(READ, payload(table, held, 0, false), Vec::new())?;
        output.into_iter().map(batch_of).collect()
    }

    /// Forgets a table.
    pub(super) fn drop_table(&mut self, table: u64) -> Result<(), Stop> {
        self.ask(DROP, payload(table, Held::default(), 0, false), Vec::new()).map(drop)
    }

    fn ask(&mut self, what: u32, mut payload: Vec<u8>, input: Vec<Frame>) -> Result<Vec<Frame>, Stop> {
        payload.extend(TaskHead::default().to_bytes());
        Ok(self.hold.ask(Request { what, payload, work: None, input }, self.cx)?.output)
    }
}

/// The request to forget a table.
pub(super) fn forget(table: u64) -> Request<'static> {
    let mut payload = payload(table, Held::default(), 0, false);
    payload.extend(TaskHead::default().to_bytes());
    Request { what: DROP, payload, work: None, input: Vec::new() }
}

fn payload(table: u64, held: Held, new: u64, whole: bool) -> Vec<u8> {
    let mut payload = Vec::with_capacity(72);
    [table, held.commit, held.stamp, new].iter().for_each(|number| payload.extend(number.to_le_bytes()));
    payload.extend(u32::from(whole).to_le_bytes());
    payload
}

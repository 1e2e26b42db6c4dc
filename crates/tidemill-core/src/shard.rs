//! Shards: versioned state that stays in the store, one shard for each partition of a stateful operator.
//!
//! A [`Shard`] is at one version, and steps from it to the next. Old values are kept as long as somebody may read an
//! older version, or go back to it. [`Shards`] is the driver's handle on all shards of one operator: its step is one job,
//! and either all shards make it or none.
//!
//! **A step has two halves.** [`prepare`](Shard::prepare) runs the user's code, on copies and without a lock, and changes
//! nothing. [`commit`](Shard::commit) swaps its result in and runs no code of the user. So a panic needs no undoing, a
//! function that never returns holds nothing that others need, and only one attempt at a task commits: the first whose
//! step is still wanted.
//!
//! Of the user's code only `Clone`, `Eq`, `Hash` and `Serialize` of keys and states see values that are in use.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::layout::Layout;
use crate::shape::Shape;
use crate::ship::Bytes;
use crate::task::TaskContext;
use crate::{BoxRuns, Cause, Element, Stop};

mod draft;
mod emit;
mod gathering;
mod kept;
mod migrate;
mod nodes;
mod pieces;
mod shards;
mod slots;
mod table;
mod weights;

pub use draft::{Change, Draft, detach};
pub use emit::Emit;
pub use gathering::{Gathered, Gathering};
pub use kept::{Keeper, KeptShards, Loaded};
pub use migrate::{Migrations, astray, deal, placing};
use pieces::Dealer;
pub use pieces::{Deltas, Kept, PIECE_BYTES, Pieces, TakePiece, of_one_version};
pub use shards::Shards;
pub use table::{AllEntries, Loading, TablePieces, TableRuns, VersionedTable};

/// Names a version of state: a plain number that grows. Streams use the batch's time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version(pub u64);

impl Version {
    /// What a shard is at before its first step.
    pub const START: Version = Version(0);
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a step of one shard is told.
pub struct Step {
    /// The version that it starts from.
    pub from: Version,
    /// The version that it makes.
    pub to: Version,
    /// Whether its [`Delta`] is to hold the change itself.
    pub durable: bool,
    /// The task that runs it.
    pub cx: Arc<TaskContext>,
}

/// What a step did to one shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// The version that it started from.
    pub from: Version,
    /// The version that it made.
    pub to: Version,
    /// How many keys it added, changed or removed.
    pub changed: u64,
    /// The change in postcard, where it was asked for: what [`Shard::load`] reads.
    pub change: Option<Arc<Bytes>>,
}

/// The state of one partition of a stateful operator. Methods may be called from any thread.
pub trait Shard: Send + Sync + 'static {
    /// What a step takes in.
    type In: 'static;
    /// What reading a version gives.
    type Entry: Element;
    /// What a step emits.
    type Out: Element;
    /// What a step has prepared and not committed.
    type Change: Send + 'static;

    /// The version that it is at.
    fn version(&self) -> Version;

    /// Runs the user's code for a step from the version that the shard is at, and changes nothing.
    ///
    /// # Errors
    /// Those of the user's code; [`Stop::Cancelled`] if the shard has left that version meanwhile.
    fn prepare(
        &self,
        step: &Step,
        input: BoxRuns<Self::In>,
        emit: &mut Emit<Self::Out>,
    ) -> Result<(Self::Change, Delta), Stop>;

    /// Makes the new version of what a step has prepared, and runs no code of the user.
    ///
    /// # Errors
    /// [`Stop::Cancelled`] if the shard is not at the version from which the change was prepared; nothing has changed.
    fn commit(&self, change: Self::Change) -> Result<(), Stop>;

    /// The entries of a version that is kept. The runs stay correct while steps are made.
    ///
    /// # Errors
    /// The version is not kept.
    fn read(self: Arc<Self>, version: Version) -> Result<BoxRuns<Self::Entry>, Stop>;

    /// Goes back to a version that is kept; who reads a later one gets an error.
    ///
    /// # Errors
    /// The version is not kept.
    fn undo(&self, to: Version) -> Result<(), Cause>;

    /// Drops what is kept for versions before `before`.
    fn forget(&self, before: Version);

    /// Takes to disk what state takes past its limit of memory. Asked for after each step, seeding, loading and forgetting, while
    /// nothing is held that others wait for. What cannot be written stays in memory.
    fn make_room(&self) {}

    /// Puts a first state in place of all there is, as `version`. Of entries with one key the last counts.
    ///
    /// # Errors
    /// Those of drawing the entries; or that the operator has no first state.
    fn seed(&self, version: Version, entries: BoxRuns<Self::Entry>) -> Result<(), Stop>;

    /// All of a version, in postcard: one or more pieces of about [`PIECE_BYTES`], each of which says the version. They stay
    /// those of the version while steps are made.
    ///
    /// # Errors
    /// The version is not kept. Of a piece: the version is not kept any more, or values cannot be encoded.
    fn snapshot(self: Arc<Self>, version: Version) -> Result<Pieces<'static>, Stop>;

    /// Puts what was kept in place of all there is; no pieces stand for no entries at [`Version::START`]. After a failure it
    /// can be loaded again, and nothing else.
    ///
    /// # Errors
    /// Those of reading what was kept; the bytes are no such state, or a delta is missing or has no change in it.
    fn load(&self, kept: &dyn Kept) -> Result<(), Stop>;

    /// Whether every key belongs into this partition, as keys lie by `layout`.
    ///
    /// # Errors
    /// Those of reading the entries.
    fn is_placed(&self, _layout: &Layout, _partition: usize) -> Result<bool, Stop> {
        Ok(true)
    }

    /// What was kept of all partitions, with entries of `shape`, as snapshots for [`load`](Shard::load): `take` gets the
    /// pieces for each partition of `layout`, with the keys that belong there. Changes nothing.
    ///
    /// # Errors
    /// Those of reading what was kept; nothing converts entries of that shape, or keys cannot be dealt anew; the bytes are
    /// no such state; those of `take`.
    fn rewrite(
        &self,
        _shape: &Shape,
        kept: &[&dyn Kept],
        layout: Option<&Layout>,
        _take: &mut TakePiece<'_>,
    ) -> Result<(), Stop> {
        let into = layout.map_or("partitions of another kind".into(), |layout| layout.partitions().to_string());
        Err(Cause::Invalid(format!("state of {} partitions cannot be loaded into {into}", kept.len())).into())
    }
}

/// The bytes of the change in `delta`, which must start at `version`: what every [`Shard::load`] asks first.
///
/// # Errors
/// The delta starts elsewhere, or holds no change.
pub fn next_change(version: Version, delta: &Delta) -> Result<&[u8], Cause> {
    if delta.from != version {
        let (from, to) = (delta.from, delta.to);
        return Err(Cause::Invalid(format!(
            "the change from version {from} to {to} does not follow version {version}"
        )));
    }
    let change = delta.change.as_deref().map(|Bytes(bytes)| bytes.as_slice());
    change.ok_or_else(|| Cause::Invalid(format!("what changed up to version {} was not kept", delta.to)))
}

/// `bytes`, and behind them `value` in postcard: how snapshots and changes are written.
///
/// # Errors
/// The value cannot be encoded.
pub fn encode<T: Serialize>(value: &T, bytes: Vec<u8>) -> Result<Vec<u8>, Cause> {
    postcard::to_extend(value, bytes).map_err(|error| Cause::codec::<T>("encode", error))
}

/// The value at the start of `bytes`, and the rest.
///
/// # Errors
/// The bytes are no `T`.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), Cause> {
    postcard::take_from_bytes(bytes).map_err(|error| Cause::codec::<T>("decode", error))
}

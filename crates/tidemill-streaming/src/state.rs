//! Keyed state: what the stateful operators of streams keep of each key from batch to batch.
//!
//! Each operator's state is a [`Shard`](tidemill_core::Shard) of the core, one for each partition, and a batch is a step
//! of it. State versions are batch times, in microseconds. Nothing here knows of streams: an operator holds
//! [`Shards`](tidemill_core::Shards) of these, has them step with the batch's RDD, and gives what the step emitted, or the
//! entries of the version.

use tidemill_core::{Timestamp, Version};

mod map_with_state;
mod update;
mod window;

pub use map_with_state::{MapWithState, State};
pub use update::{AllKeys, EachKey, Update, UpdateFunction};
pub use window::{Filter, InverseWindow};

/// The state version that the batch of `time` makes.
pub fn version_of(time: Timestamp) -> Version {
    Version(time.micros())
}

/// The batch time of a state version.
pub fn time_of(version: Version) -> Timestamp {
    Timestamp::from_micros(version.0)
}

/// After so many calls of the user's function a step asks whether it was cancelled.
const CALLS_BETWEEN_CHECKS: usize = 1024;

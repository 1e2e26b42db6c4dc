//! Names of what is stored: `BlockId`, and the ids it is made of.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::shard::Version;

/// Names an RDD within its context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RddId(pub u64);

/// Names a shuffle within its context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShuffleId(pub u64);

/// Names anything that is kept between tasks. Whatever is missing when it is asked for is `Lost(BlockId)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BlockId {
    /// A partition of a persisted RDD.
    Stored {
        /// The persisted RDD.
        rdd: RddId,
        /// Its partition.
        partition: u32,
    },
    /// All that one map task wrote for a shuffle.
    MapOutput {
        /// The shuffle.
        shuffle: ShuffleId,
        /// The map partition.
        map: u32,
    },
    /// A block of received records.
    Received {
        /// The input stream.
        stream: u32,
        /// Counts the blocks of the stream.
        number: u64,
    },
    /// A broadcast value.
    Broadcast {
        /// Counts the broadcasts of the context.
        number: u64,
    },
    /// What one shard of a stateful operator emitted in one step.
    State {
        /// Counts the stateful operators of the context.
        operator: u64,
        /// The version that the step made.
        version: Version,
        /// The shard's partition.
        partition: u32,
    },
}

impl fmt::Display for BlockId {
    /// The names that Spark gives: `rdd_3_0`, `shuffle_1_0`, `input-0-17`, `broadcast_2`; and `state_4_1000_0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlockId::Stored { rdd, partition } => write!(f, "rdd_{}_{partition}", rdd.0),
            BlockId::MapOutput { shuffle, map } => write!(f, "shuffle_{}_{map}", shuffle.0),
            BlockId::Received { stream, number } => write!(f, "input-{stream}-{number}"),
            BlockId::Broadcast { number } => write!(f, "broadcast_{number}"),
            BlockId::State { operator, version, partition } => write!(f, "state_{operator}_{version}_{partition}"),
        }
    }
}

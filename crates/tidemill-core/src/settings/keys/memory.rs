//! Settings of the one account of memory. The parts are ceilings, not shares: together they may be more than the whole.

use super::settings;
use crate::settings::{Bounds, Portion, Setting, SettingKey};

settings! {
    /// The memory that the engine may take for data, in bytes or as a part of the machine's (or container's) memory.
    MEMORY_LIMIT: Portion = "tidemill.memory.limit", default("60%"), bounds(Bounds::AboveZero);
    /// The most of it for received blocks; beyond, receivers wait. A percentage is of `tidemill.memory.limit`.
    MEMORY_RECEIVED_LIMIT: Portion = "tidemill.memory.received.limit", default("40%"), bounds(Bounds::AboveZero);
    /// The most of it for persisted partitions; beyond, they are evicted or go to disk. A percentage is of
    /// `tidemill.memory.limit`.
    MEMORY_STORED_LIMIT: Portion = "tidemill.memory.stored.limit", default("50%"), bounds(Bounds::AboveZero);
    /// The most of it for shuffles; beyond, they spill. A percentage is of `tidemill.memory.limit`.
    MEMORY_SHUFFLE_LIMIT: Portion = "tidemill.memory.shuffle.limit", default("60%"), bounds(Bounds::AboveZero);
    /// The most of it for keyed state; beyond, the batch fails. A percentage is of `tidemill.memory.limit`.
    MEMORY_STATE_LIMIT: Portion = "tidemill.memory.state.limit", default("60%"), bounds(Bounds::AboveZero);
    /// The most of it for results on their way to the program; beyond, the job fails. A percentage is of
    /// `tidemill.memory.limit`.
    MEMORY_RESULTS_LIMIT: Option<Portion> = "tidemill.memory.results.limit",
        absent("`spark.driver.maxResultSize`, else 25%"), bounds(Bounds::AboveZero),
        no_effect("the bytes of results are not counted");
}

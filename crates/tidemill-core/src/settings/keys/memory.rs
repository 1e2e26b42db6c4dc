//! Settings of the one account of memory: ceilings, which may be more than the whole together, and floors, which may not.

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
    /// The most of it for keyed state; beyond, what was changed longest ago goes to disk (`spark.local.dir`). In memory stay
    /// about 60 bytes a key, 50 for each older state of a key that is remembered, and what one batch changes in a partition,
    /// on each core: for `updateStateByKey` the whole partition. Where the disk takes no more the batch fails. A percentage
    /// is of `tidemill.memory.limit`.
    MEMORY_STATE_LIMIT: Portion = "tidemill.memory.state.limit", default("100%"), bounds(Bounds::AboveZero);
    /// The most of it for results on their way to the program; beyond, the job fails. A percentage is of
    /// `tidemill.memory.limit`.
    MEMORY_RESULTS_LIMIT: Option<Portion> = "tidemill.memory.results.limit",
        absent("`spark.driver.maxResultSize`, else 25%"), bounds(Bounds::AboveZero);
    /// What others leave of it for received blocks, however much they want. A percentage is of `tidemill.memory.limit`.
    MEMORY_RECEIVED_FLOOR: Option<Portion> = "tidemill.memory.received.floor", absent("5%, or what is possible"),
        bounds(Bounds::ZeroOrAbove);
    /// What others leave of it for persisted partitions. A percentage is of `tidemill.memory.limit`.
    MEMORY_STORED_FLOOR: Option<Portion> = "tidemill.memory.stored.floor",
        absent("`spark.memory.storageFraction`, else 0"), bounds(Bounds::ZeroOrAbove);
    /// What others leave of it for shuffles. A percentage is of `tidemill.memory.limit`.
    MEMORY_SHUFFLE_FLOOR: Option<Portion> = "tidemill.memory.shuffle.floor", absent("5%, or what is possible"),
        bounds(Bounds::ZeroOrAbove);
    /// What others leave of it for keyed state. A percentage is of `tidemill.memory.limit`.
    MEMORY_STATE_FLOOR: Option<Portion> = "tidemill.memory.state.floor", absent("5%, or what is possible"),
        bounds(Bounds::ZeroOrAbove);
    /// What others leave of it for results on their way to the program. A percentage is of `tidemill.memory.limit`.
    MEMORY_RESULTS_FLOOR: Option<Portion> = "tidemill.memory.results.floor", absent("5%, or what is possible"),
        bounds(Bounds::ZeroOrAbove);
    /// What the engine leaves of it for processes beside this one, as those of `pipe`. A percentage is of
    /// `tidemill.memory.limit`.
    MEMORY_WORKERS_FLOOR: Option<Portion> = "tidemill.memory.workers.floor", absent("0"), bounds(Bounds::ZeroOrAbove);
    /// The part of the memory that persisted partitions always get. It stands for `tidemill.memory.stored.floor` where
    /// that is not set, as far as other floors and `tidemill.memory.stored.limit` let it; unlike in Spark it is 0 if nobody
    /// sets it.
    STORAGE_FRACTION: Option<f64> = "spark.memory.storageFraction", absent("`tidemill.memory.stored.floor`"),
        bounds(Bounds::Below(1.0));
}

//! The engine under Tidemill: RDDs, and what runs them.
//!
//! An [`Rdd`] is an immutable collection in partitions, described by its lineage. An action submits a job; the job is cut
//! into stages at its shuffles, a stage is run as one task a partition, and tasks pass elements on in runs.
//!
//! It is not: a streaming engine (`tidemill-streaming` is), a cluster, a query engine. It knows no time of day, no sockets
//! and no Python.
//!
//! The nouns: [`Context`], [`Rdd`], [`Text`], [`lineage::Node`], [`exchange::Exchange`], [`backend::Backend`].
//!
//! ```
//! let context = tidemill_core::Context::local(2)?;
//! let lines = context.parallelize(["to be or", "not to be"].map(tidemill_core::Text::from), 2);
//! let counts = lines.flat_map(|line| line.split(' ')).map(|word| (word, 1)).reduce_by_key(|a, b| a + b);
//! let mut counts = counts.collect()?;
//! counts.sort();
//! assert_eq!(counts, [("be", 2), ("not", 1), ("or", 1), ("to", 2)].map(|(word, n)| (word.into(), n)));
//! # Ok::<(), tidemill_core::Error>(())
//! ```

// In the order of a first reading: what users hold, ...
pub mod context;
pub mod rdd;
pub mod text;
pub mod element;
pub mod error;

// ... what an RDD is made of, ...
pub mod lineage;
pub mod runs;
pub mod layout;
pub mod exchange;
pub mod ship;

// ... how it is run, ...
pub mod job;
pub mod stage;
pub mod scheduler;
pub mod task;
pub mod backend;
pub mod service;

// ... where things are kept, ...
pub mod environment;
pub mod block;
pub mod store;
pub mod storage_level;
pub mod memory;
pub mod weight;
pub mod groups;
pub mod table;
pub mod sorter;
pub mod spill;
pub mod shape;
pub mod shard;
pub mod files;

// ... what tasks and the driver share, ...
pub mod broadcast;
pub mod accumulator;
pub mod stat_counter;

// ... and what surrounds it.
pub mod clock;
pub mod event;
pub mod failure;
pub mod hash;
pub mod log;
pub mod master;
mod random;
pub mod settings;

pub use accumulator::Accumulator;
pub use block::{BlockId, RddId, ShuffleId};
pub use broadcast::Broadcast;
pub use clock::{Clock, ManualClock, SystemClock, Timestamp, Wake, Woken};
pub use context::Context;
pub use element::{Element, Key, Local};
pub use error::{Error, TaskFailure};
pub use event::{ConsoleProgress, Event, EventBus, Listener, ListenerHandle};
pub use failure::{Cause, Stop};
pub use hash::HashSeed;
pub use log::{LogLevel, UnknownLevel, set_log_level};
pub use master::{Master, MasterError};
pub use rdd::Rdd;
pub use runs::{BoxRuns, Runs, run_len};
pub use settings::{Config, SettingError, SettingKey, Settings};
pub use shard::{Shard, Shards, Version, VersionedTable};
pub use stat_counter::StatCounter;
pub use storage_level::StorageLevel;
pub use task::TaskContext;
pub use text::{Text, TextBlock};

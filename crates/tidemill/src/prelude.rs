//! The names that a program needs: `use tidemill::prelude::*`.

pub use tidemill_core::{
    Accumulator, Broadcast, Context, Element, Key, Local, Rdd, Settings, StorageLevel, TaskContext, Text, TextBlock,
    Timestamp,
};
pub use tidemill_streaming::dstream::{StateSpec, UpdateOptions, WindowOptions};
pub use tidemill_streaming::input::{DirectSource, OffsetRange, Offsets, RddQueue, Start};
pub use tidemill_streaming::receiver::{Receiver, ReceiverError, Supervisor};
pub use tidemill_streaming::state::State;
pub use tidemill_streaming::dstream::StateSpec;
pub use tidemill_streaming::state::State;
pub use tidemill_streaming::{DStream, StreamingContext};

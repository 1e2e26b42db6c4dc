//! The names that a program needs: `use tidemill::prelude::*`.

pub use tidemill_core::{
    Accumulator, Broadcast, Context, Element, Key, Local, Rdd, Settings, TaskContext, Text, TextBlock,
};
pub use tidemill_streaming::{DStream, StreamingContext};

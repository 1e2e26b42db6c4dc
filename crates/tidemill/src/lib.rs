//! Tidemill: Spark Streaming's programming model as a Rust engine.
//!
//! A tide mill lets each tide fill its pond, closes the gate, and grinds what came in. Tidemill does that with data: every
//! interval it closes a batch of what arrived, runs it as a job of parallel tasks over RDD partitions, and goes on.
//!
//! It is not: a system for single events in microseconds, a data frame library, a cluster. This crate is the door, and
//! nothing is decided here: [`core`] holds RDDs and what runs them, [`streaming`] holds DStreams.
//!
//! The nouns: [`Context`], [`Rdd`], [`StreamingContext`], [`DStream`], [`Text`]. [`prelude`] has the names that a program
//! needs.
//!
//! ```no_run
//! use std::time::Duration;
//! use tidemill::prelude::*;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let context = Context::local(2)?;
//!     let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
//!     let lines = streaming.socket_text_stream("localhost", 9999);
//!     let counts = lines.flat_map(|line| line.split(' ')).map(|word| (word, 1)).reduce_by_key(|a, b| a + b);
//!     counts.print(10);
//!     streaming.start()?;
//!     streaming.await_termination()?;
//!     Ok(())
//! }
//! ```

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!("Tidemill runs on Linux, on x86-64 and aarch64.");

pub mod cli;
pub mod prelude;

pub use tidemill_core as core;
pub use tidemill_core::{
    Accumulator, Broadcast, Context, Element, Error, Key, Local, Rdd, Settings, Text, TextBlock, set_log_level,
};
pub use tidemill_streaming as streaming;
pub use tidemill_streaming::{DStream, StreamingContext, testing};

/// The examples of the first page, compiled and run with the others.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;

//! Streams as batches: DStreams over Tidemill's RDDs.
//!
//! A [`DStream`] has the shape of an RDD with time: for each batch time it gives an RDD. A [`StreamingContext`] closes a
//! batch every interval, asks each output for its RDD, and runs that as a job. Batch times are multiples of the interval;
//! the batch of time T holds what arrived in (T - interval, T].
//!
//! It is not: a scheduler of tasks (the core's backend is), a home of connectors.
//!
//! The nouns: [`StreamingContext`], [`DStream`], [`input::Input`], [`batch::Batch`].
//!
//! ```no_run
//! use std::time::Duration;
//! use tidemill_streaming::StreamingContext;
//!
//! let context = tidemill_core::Context::local(2)?;
//! let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
//! let lines = streaming.socket_text_stream("localhost", 9999);
//! lines.foreach_rdd(|rdd, time| {
//!     eprintln!("{time}: {} lines", rdd.count()?);
//!     Ok(())
//! });
//! streaming.start()?;
//! streaming.await_termination()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// In the order of a first reading.
pub mod context;
pub mod dstream;
pub mod input;
pub mod receiver;
pub mod batch;
pub mod state;
pub mod checkpoint;
pub mod once;
pub mod remote;
pub mod dead_letter;
pub mod rate;
pub mod error;
pub mod event;
pub mod listener;
pub mod statistics;
pub mod testing;
mod graph;
mod scheduler;
mod signals;
mod step;

pub use checkpoint::{Checkpoint, RecoveryError};
pub use context::{State, Stop, StreamingContext};
pub use dead_letter::{DeadLetter, OnError, Parsed};
pub use dstream::DStream;
pub use error::Error;
pub use input::{DirectOptions, DirectSource, DirectStream, FileOptions, OffsetRange, QueueOptions, RddQueue, Start};
